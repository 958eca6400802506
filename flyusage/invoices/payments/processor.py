"""Stripe as this product uses it: a few calls, each of which ends in what it gives or in one kind of trouble.

Nothing is repeated in here. Whoever calls looks up what is there already and comes again later, with the same keys.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from flyusage.config import settings
from flyusage.invoices.payments.bill import Bill, Item
from flyusage.logs import without_secrets

if TYPE_CHECKING:
    import stripe

UNSET = "No payment processor is set up: FLYUSAGE_STRIPE_API_KEY is not set. Invoices wait here and go as soon as it is."
ORG, INVOICE, LINE = "flyusage_org", "flyusage_invoice", "flyusage_line"  # in the metadata of what we make
PAGE = 100
LONGEST_PAUSE_SECONDS = 3600.0

T = TypeVar("T")


class Failure(StrEnum):
    """What stands in the way of a hand-over. The first four concern every invoice, so the processor is left alone for a while."""

    DOWN = "down"
    LIMITED = "limited"
    ERROR = "error"
    KEY = "key"
    REFUSED = "refused"
    DIFFERS = "differs"


GENERAL = (Failure.DOWN, Failure.LIMITED, Failure.ERROR, Failure.KEY)


class ProcessorTrouble(Exception):
    """A call that did not end well. `pause_seconds` is what the processor asked to wait, `is_answered` whether it answered at all.

    Without an answer the work may have been done, may be going on, or not; with one, it is over.
    """

    def __init__(self, failure: Failure, detail: str, *, pause_seconds: float = 0.0, is_answered: bool = True) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
        self.pause_seconds = pause_seconds
        self.is_answered = is_answered

    @property
    def needs_new_keys(self) -> bool:
        """Whether the processor would repeat this very answer to the same idempotency key, as it does for its own errors."""
        return self.is_answered and self.failure in (Failure.ERROR, Failure.REFUSED)


@dataclass(frozen=True)
class Kept:
    """An invoice as the processor has it. Amounts are its minor units."""

    id: str
    customer: str
    status: str
    total: int
    paid: int
    remaining: int
    metadata: dict[str, str]

    @property
    def invoice_id(self) -> int | None:
        """Our invoice's id, where it is one of ours."""
        written = self.metadata.get(INVOICE, "")
        return int(written) if written.isdecimal() else None

    @property
    def org_id(self) -> int | None:
        """Our organization's id, where it is one of ours."""
        written = self.metadata.get(ORG, "")
        return int(written) if written.isdecimal() else None


@dataclass(frozen=True)
class KeptLine:
    """A line of an invoice at the processor; `item_id` is what it can be taken away by, `key` is None for what is not ours."""

    item_id: str | None
    key: str | None
    amount: int


class Processor:
    """The calls. Each raises ProcessorTrouble. `key` is an idempotency key: the same call with the same key is done once."""

    def __init__(self, client: "stripe.StripeClient") -> None:
        self._of = client.v1

    @classmethod
    def from_settings(cls) -> "Processor | None":
        """As the settings have it; None without a key."""
        chosen = settings()
        if chosen.stripe_api_key is None:
            return None
        import stripe  # takes a second, which only who hands over should wait for

        stripe.enable_telemetry = False
        return cls(
            stripe.StripeClient(
                chosen.stripe_api_key.get_secret_value(),
                base_addresses={"api": chosen.stripe_api_base} if chosen.stripe_api_base else {},
                http_client=stripe.RequestsClient(timeout=chosen.stripe_timeout_seconds),
                max_network_retries=0,
            )
        )

    def customer_by(self, org_id: int, email: str) -> str | None:
        """The id of the organization's customer with this address, from before it was remembered."""
        found = self._all(lambda: self._of.customers.list({"email": email, "limit": PAGE}))
        return next((one.id for one in found if _metadata(one).get(ORG) == str(org_id)), None)

    def create_customer(self, org_id: int, name: str, email: str | None, *, key: str) -> str:
        """A customer for the organization; its id."""
        params: Any = {"name": name[:256], "metadata": {ORG: str(org_id)}} | ({"email": email[:512]} if email else {})
        return _call(lambda: self._of.customers.create(params, {"idempotency_key": key})).id

    def invoice_by(self, customer: str, invoice_id: int) -> Kept | None:
        """The customer's invoice that was made for ours, the one furthest along where there are several."""
        found = [_kept(one) for one in self._all(lambda: self._of.invoices.list({"customer": customer, "limit": PAGE}))]
        own = [one for one in found if one.invoice_id == invoice_id]
        return min(own, key=lambda one: (one.status == "draft", one.status == "void", one.id)) if own else None

    def invoices_since(self, since: datetime) -> Iterator[Kept]:
        """Every invoice of ours that was made since then, whoever's it is."""
        params: Any = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
        for one in self._all(lambda: self._of.invoices.list(params)):
            kept = _kept(one)
            if kept.invoice_id is not None and kept.org_id is not None:
                yield kept

    def create_invoice(self, customer: str, org_id: int, invoice_id: int, bill: Bill, *, key: str) -> Kept:
        """An empty draft, which collects nothing that lies around and does nothing by itself."""
        params: Any = {
            "customer": customer,
            "currency": bill.currency,
            "auto_advance": False,
            "collection_method": "charge_automatically",
            "pending_invoice_items_behavior": "exclude",
            "description": f"Invoice {bill.number}",
            "metadata": {ORG: str(org_id), INVOICE: str(invoice_id), "number": bill.number},
        }
        return _kept(_call(lambda: self._of.invoices.create(params, {"idempotency_key": key})))

    def invoice(self, processor_id: str) -> Kept | None:
        """An invoice by the processor's id; None where there is none."""
        try:
            return _kept(_call(lambda: self._of.invoices.retrieve(processor_id)))
        except ProcessorTrouble as trouble:
            if isinstance(trouble.__cause__, Exception) and getattr(trouble.__cause__, "http_status", None) == 404:
                return None
            raise

    def lines(self, processor_id: str) -> list[KeptLine]:
        """All lines of an invoice."""
        found = self._all(lambda: self._of.invoices.line_items.list(processor_id, {"limit": PAGE}))
        return [KeptLine(_item_id(one), _metadata(one).get(LINE), one.amount) for one in found]

    def add_item(self, kept: Kept, item: Item, currency: str, *, key: str) -> None:
        """A line of a draft."""
        params: Any = {
            "customer": kept.customer, "invoice": kept.id, "currency": currency, "amount": item.amount, "description": item.text,
            "metadata": {LINE: item.key},
        }  # fmt: skip
        _call(lambda: self._of.invoice_items.create(params, {"idempotency_key": key}))

    def remove_item(self, item_id: str) -> None:
        """Take a line off a draft."""
        _call(lambda: self._of.invoice_items.delete(item_id))

    def finalize(self, processor_id: str, *, key: str) -> Kept:
        """Make a draft final; from then on the processor collects it."""
        return _kept(_call(lambda: self._of.invoices.finalize_invoice(processor_id, {"auto_advance": True}, {"idempotency_key": key})))

    def discard(self, processor_id: str) -> None:
        """Delete a draft."""
        _call(lambda: self._of.invoices.delete(processor_id))

    def void(self, processor_id: str, *, key: str) -> Kept:
        """Declare an open invoice never owed."""
        return _kept(_call(lambda: self._of.invoices.void_invoice(processor_id, {}, {"idempotency_key": key})))

    def settle(self, processor_id: str, *, key: str) -> Kept:
        """Note that an open invoice was paid elsewhere."""
        return _kept(_call(lambda: self._of.invoices.pay(processor_id, {"paid_out_of_band": True}, {"idempotency_key": key})))

    def reduce(self, processor_id: str, amount: int, memo: str, *, key: str) -> None:
        """Lower what is still to be collected of an open invoice."""
        params: Any = {"invoice": processor_id, "amount": amount, "memo": memo}
        _call(lambda: self._of.credit_notes.create(params, {"idempotency_key": key}))

    def _all(self, first: Callable[[], Any]) -> Iterator[Any]:
        """Every object of a list, page after page."""
        page = _call(first)
        while True:
            yield from page.data
            if not page.has_more:
                return
            page = _call(page.next_page)


def _call(ask: Callable[[], T]) -> T:
    import stripe

    try:
        return ask()
    except stripe.APIConnectionError as error:
        raise ProcessorTrouble(Failure.DOWN, _unanswered(error), is_answered=False) from error
    except stripe.RateLimitError as error:
        raise ProcessorTrouble(Failure.LIMITED, _said(error), pause_seconds=_retry_after(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProcessorTrouble(Failure.KEY, _said(error)) from error
    except stripe.StripeError as error:
        status = error.http_status or 0
        if status == 429:
            raise ProcessorTrouble(Failure.LIMITED, _said(error), pause_seconds=_retry_after(error)) from error
        if status == 409 and not isinstance(error, stripe.IdempotencyError):  # the same key is being worked on this moment
            raise ProcessorTrouble(Failure.DOWN, _said(error), is_answered=False) from error
        failure = Failure.REFUSED if 400 <= status < 500 else Failure.ERROR
        raise ProcessorTrouble(failure, _said(error), pause_seconds=_retry_after(error)) from error


def _unanswered(error: BaseException) -> str:
    """Why there was no answer, by what lies at the bottom: the library's own words hold the address asked, and customers' in it."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return str(without_secrets("", f"No answer: {said or type(error).__name__}"))


def _said(error: "stripe.StripeError") -> str:
    text = " ".join(str(error.user_message or error).split()) or type(error).__name__
    status = f"{error.http_status}: " if error.http_status else ""
    return str(without_secrets("", status + text))


def _retry_after(error: "stripe.StripeError") -> float:
    written = next((value for name, value in (error.headers or {}).items() if name.lower() == "retry-after"), "")
    return min(LONGEST_PAUSE_SECONDS, float(written)) if written.replace(".", "", 1).isdecimal() else 0.0


def _metadata(one: Any) -> dict[str, str]:
    metadata: Any = getattr(one, "metadata", None) or {}
    return dict(metadata.to_dict() if hasattr(metadata, "to_dict") else metadata)


def _item_id(line: Any) -> str | None:
    """An item's id, where newer and older versions of the interface have it."""
    parent = getattr(line, "parent", None)
    details = getattr(parent, "invoice_item_details", None) if parent is not None else None
    return getattr(details, "invoice_item", None) or getattr(line, "invoice_item", None)


def _kept(one: Any) -> Kept:
    paid, total = int(getattr(one, "amount_paid", 0) or 0), int(one.total)
    remaining = getattr(one, "amount_remaining", None)
    left = int(remaining) if remaining is not None else (0 if one.status in ("paid", "void") else int(one.amount_due) - paid)
    return Kept(str(one.id), str(one.customer), str(one.status), total, paid, left, _metadata(one))
