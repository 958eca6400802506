"""localstripe as a process of its own: `python localstripe_server.py PORT [--idempotent]`; prints "ready" once it listens.

localstripe 1.15 makes invoices of subscriptions only. Added here, as Stripe's interface has it: an invoice of its own (draft, lines,
finalize, void, paid elsewhere, credit notes), lists by pages and by time, and idempotency keys. Everything else is localstripe's.
"""

import asyncio
import sys

from aiohttp import web
from localstripe import resources
from localstripe.errors import UserError
from localstripe.resources import Customer, Event, Invoice, InvoiceItem, InvoiceLineItem, List, StripeObject, schedule_webhook, store

store.dump_to_disk = lambda: None  # it would keep everything in one file for all that run on this machine


class OneOff:
    """What an invoice without a subscription does."""

    @classmethod
    def create(cls, customer=None, currency="usd", metadata=None, description=None, auto_advance=None, **rest):
        if (
            rest.pop("collection_method", None) != "charge_automatically"
            or rest.pop("pending_invoice_items_behavior", None) != "exclude"
            or rest
        ):
            raise UserError(400, "Unexpected " + ", ".join(rest))
        Customer._api_retrieve(customer)
        around = [
            item for key, item in store.items() if key.startswith("invoiceitem:") and item.invoice is None and item.customer == customer
        ]
        made = Invoice(customer=customer, metadata=metadata, description=description)
        for item in around:
            item.invoice = None
        made.lines._list.clear()
        made.currency, made._credited, made._elsewhere = currency, 0, False
        return made

    @staticmethod
    def finalize(id, auto_advance=None, **_):
        one = Invoice._api_retrieve(id)
        if not one._draft:
            raise UserError(400, "This invoice is already finalized.")
        one._finalize()
        schedule_webhook(Event("invoice.finalized", one))
        if auto_advance == "true" and one.total > 0 and Customer._api_retrieve(one.customer)._get_default_payment_method_or_source():
            Invoice._api_pay_invoice(id)
            if one.status == "open":
                one._on_payment_failure_now()
        return one

    @staticmethod
    def pay(id, paid_out_of_band=None, **_):
        one = Invoice._api_retrieve(id)
        if paid_out_of_band != "true":
            return Invoice._api_pay_invoice(id)
        if one.status != "open":
            raise UserError(400, f"Invoice is {one.status}")
        one._elsewhere = True
        schedule_webhook(Event("invoice.paid", one))
        return one

    @staticmethod
    def void(id, **_):
        one = Invoice._api_retrieve(id)
        if one.status != "open":
            raise UserError(400, f"Invoice is {one.status}")
        one._voided = True
        schedule_webhook(Event("invoice.voided", one))
        return one

    @staticmethod
    def lines(id, limit=None, starting_after=None, **_):
        found = List(f"/v1/invoices/{id}/lines", limit=limit, starting_after=starting_after)
        found._list = list(Invoice._api_retrieve(id).lines._list)
        return found

    @staticmethod
    def credit(invoice=None, amount=None, memo=None, **_):
        one, amount = Invoice._api_retrieve(invoice), int(amount)
        if one.status != "open" or not 0 < amount <= one.amount_remaining:
            raise UserError(400, f"The invoice is {one.status}; {one.amount_remaining} remain")
        one._credited += amount
        return CreditNote(invoice, amount, memo)


class CreditNote(StripeObject):
    object = "credit_note"
    _id_prefix = "cn_"

    def __init__(self, invoice, amount, memo):
        super().__init__()
        self.invoice, self.amount, self.memo = invoice, amount, memo


def extend() -> None:
    theirs_create, theirs_list, theirs_status = Invoice._api_create.__func__, Invoice._api_list_all.__func__, Invoice.status.fget
    theirs_item, theirs_delete = InvoiceItem.__init__, InvoiceItem._api_delete.__func__

    def create(cls, **data):
        return theirs_create(cls, **data) if "subscription" in data else OneOff.create(**data)

    def list_all(cls, url, created=None, **data):
        found = theirs_list(cls, url, **data)
        found._list = [one for one in found._list if one.created >= int((created or {}).get("gte", 0))]
        return found

    def status(self):
        if not self._draft and not self._voided and (self._elsewhere or 0 < self.total <= self._credited):
            return "paid"
        return theirs_status(self)

    def new_item(self, invoice=None, **data):
        if invoice is not None and not Invoice._api_retrieve(invoice)._draft:
            raise UserError(400, "The invoice is final.")
        theirs_item(self, invoice=invoice, **data)
        if invoice is not None:
            Invoice._api_retrieve(invoice).lines._list.append(InvoiceLineItem(self))

    def delete_item(cls, id):
        one = cls._api_retrieve(id)
        if one.invoice is not None:
            lines = Invoice._api_retrieve(one.invoice).lines
            lines._list[:] = [line for line in lines._list if line.invoice_item != id]
        return theirs_delete(cls, id)

    Invoice._credited, Invoice._elsewhere = 0, False
    Invoice._api_create, Invoice._api_list_all, Invoice.status = classmethod(create), classmethod(list_all), property(status)
    Invoice.amount_paid = property(lambda self: self.amount_due - self._credited if self.status == "paid" else 0)
    Invoice.amount_remaining = property(lambda self: 0 if self.status in ("paid", "void") else self.amount_due - self._credited)
    InvoiceItem.__init__, InvoiceItem._api_delete = new_item, classmethod(delete_item)
    resources.extra_apis[:0] = [
        ("POST", "/v1/invoices/{id}/finalize", OneOff.finalize),
        ("POST", "/v1/invoices/{id}/pay", OneOff.pay),
        ("POST", "/v1/invoices/{id}/void", OneOff.void),
        ("GET", "/v1/invoices/{id}/lines", OneOff.lines),
        ("POST", "/v1/credit_notes", OneOff.credit),
    ]


def idempotency():
    """As Stripe does: the first answer to a key is the answer, errors of the server's too; other parameters are refused."""
    known: dict[str, tuple[str, int, bytes]] = {}

    @web.middleware
    async def keep(request, handler):
        if (request.method, request.path) == ("DELETE", "/_config/data"):  # forgets everything
            known.clear()
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or key is None:
            return await handler(request)
        asked = request.path + (await request.read()).decode()
        if key in known:
            said, status, body = known[key]
            if said != asked:
                error = {
                    "error": {
                        "type": "idempotency_error",
                        "message": "Keys for idempotent requests can only be used with the same parameters",
                    }
                }
                return web.json_response(error, status=400)
            return web.Response(body=body, status=status, content_type="application/json", headers={"Idempotent-Replayed": "true"})
        answer = await handler(request)
        if answer.status not in (400, 401, 409, 429):  # what was not begun may be asked again
            known[key] = (asked, answer.status, answer.body)
        return answer

    return keep


async def serve(port: int, *, is_idempotent: bool) -> None:
    extend()
    from localstripe.server import app  # reads the routes while it is imported

    if is_idempotent:
        app.middlewares.insert(0, idempotency())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), is_idempotent="--idempotent" in sys.argv))
