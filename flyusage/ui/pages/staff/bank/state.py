"""The state of bank payments, and what it asks the database. The address holds the invoice that is opened, and what is searched for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from secrets import token_hex
from typing import Any, Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import EnteredPayment, InvoiceEntry, Wanted, entered_payments, find, invoices
from flyusage.invoices.settlement import Payment, Receipt, record_payment
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs.staff import StaffPermission
from flyusage.pricing import typed
from flyusage.pricing.errors import InputInvalid, InputMissing
from flyusage.ui import browser, present
from flyusage.ui.addresses import text_in, typed_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.address import invoice_href
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import BANK
from flyusage.ui.statements import who

MOST_OWED, MOST_ENTERED = 50, 20
LONGEST = 200
OWED = (State.OPEN, State.UNCOLLECTIBLE)


@dataclass(frozen=True)
class OwedRow:
    """An invoice that is to be paid."""

    number: str
    href: str
    buyer: str
    due: str
    tone: str
    amount: str
    balance: str


@dataclass(frozen=True)
class EnteredRow:
    """A payment as it was entered."""

    key: str
    number: str
    href: str
    amount: str
    received: str
    reference: str
    beyond: str
    entered: str


@dataclass(frozen=True)
class Opened:
    """The invoice that a payment is entered for. `key` names the payment, so that the same form sent twice counts once."""

    number: str = ""
    href: str = ""
    buyer: str = ""
    says: str = ""
    amount: str = ""
    currency: str = ""
    key: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the page shows."""

    search: str = ""
    opened: Opened = Opened()
    rows: list[OwedRow] = field(default_factory=list)
    note: str = ""
    entered: list[EnteredRow] = field(default_factory=list)
    today: str = ""


class StaffBank(rx.State):
    """Bank payments. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""

    @rx.event
    async def load(self):
        """Show what is owed, what was entered, and the invoice in the address."""
        self.refusal = ""
        try:
            self.screen = await asyncio.to_thread(_ask, *self._asked())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def search(self, form: dict[str, Any]):
        """Look for invoices whose number or buyer holds the form's `search`."""
        wanted = text_in(form, "search", longest=LONGEST).strip()
        yield rx.redirect(f"{BANK}?{urlencode({'search': wanted})}" if wanted else BANK)

    @rx.event
    async def enter(self, form: dict[str, Any]):
        """Enter the form's `amount`, `day` and `reference` for the opened invoice; a refusal stands in the form."""
        said = typed_in(form, ("amount", "day", "reference", "key"), longest=LONGEST)
        number, search = self._asked()
        try:
            sentence, detail = await asyncio.to_thread(_enter, number, said)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal = ""
        self.screen = await asyncio.to_thread(_ask, number, search)
        yield browser.toast("success", sentence, detail=detail)

    def _asked(self) -> tuple[str, str]:
        query = dict(self.router.url.query_parameters)
        number, search = (text_in(query, name, longest=LONGEST).replace("\0", "") for name in ("invoice", "search"))
        return number, search


def _ask(number: str, search: str) -> Screen:
    """Raises NotPermitted and InvoiceUnknown."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        chosen = find(session, number) if number else None
        owed = invoices(session, None, Wanted(OWED, search=search, kind=Kind.INVOICE), limit=MOST_OWED + 1).entries
        return screen_of(chosen, owed, entered_payments(session, limit=MOST_ENTERED), search, clock.now().date())


def _enter(number: str, said: dict[str, str]) -> tuple[str, str]:
    """What was done, and what came of what was too much. Raises NotPermitted, InvoiceUnknown, InputInvalid and AmountInvalid."""
    by = staff(StaffPermission.PAYMENTS_ENTER)
    try:
        day = date.fromisoformat(said["day"])
    except ValueError as error:
        raise InputInvalid("Choose the day that the money arrived.") from error
    if not said["reference"]:
        raise InputMissing("The bank's reference is missing; by it the payment is found again.")
    with db.platform_transaction() as session:
        entry = find(session, number)
        currency = CURRENCIES[entry.currency]
        received = Receipt(
            typed.minor(said["amount"], "The amount", currency), day, said["reference"], key=f"bank:{said['key'] or token_hex(8)}"
        )
        made = record_payment(session, entry.org_id, entry.id, received, by=by)
    return _told(made, entry)


def _told(made: Payment, entry: InvoiceEntry) -> tuple[str, str]:
    currency = CURRENCIES[entry.currency]
    left = f"{format_minor(made.balance_minor, currency)} is left to pay." if made.balance_minor else "It is paid."
    beyond = made.receipt.amount_minor - made.applied_minor
    detail = f"{format_minor(beyond, currency)} was too much, and is a prepaid credit now." if beyond else ""
    return f"{format_minor(made.applied_minor, currency)} entered for {visible(entry.number)}. {left}", detail


def screen_of(
    chosen: InvoiceEntry | None, owed: Sequence[InvoiceEntry], entered: Sequence[EnteredPayment], search: str, today: date
) -> Screen:
    """The page, printed; the invoices that are longest due first. Pure."""
    ordered = sorted(owed[:MOST_OWED], key=lambda one: (one.due_on or date.max, one.id))
    found = f"the newest {MOST_OWED}; search for others" if len(owed) > MOST_OWED else present.plural(len(owed), "invoice")
    return Screen(
        search=search,
        opened=_opened(chosen) if chosen else Opened(),
        rows=[_owed(one, today) for one in ordered],
        note=found if owed else "",
        entered=[_entered(place, one) for place, one in enumerate(entered)],
        today=f"{today}",
    )


def _opened(one: InvoiceEntry) -> Opened:
    currency = CURRENCIES[one.currency]
    is_owed = one.kind is Kind.INVOICE and one.state in OWED
    says = (
        f"{format_minor(one.balance_minor, currency)} of {format_minor(one.due_minor, currency)} is to be paid, due {_day(one.due_on)}."
        if is_owed
        else f"Nothing of it is to be paid ({one.state}): all that is entered becomes a prepaid credit of its buyer."
    )
    amount = format_minor(one.balance_minor, currency) if is_owed else ""
    return Opened(
        number=visible(one.number),
        href=_bank(one),
        buyer=visible(one.buyer),
        says=says,
        amount="".join(letter for letter in amount if letter.isdecimal() or letter == "."),
        currency=one.currency,
        key=token_hex(8),
    )


def _day(day: date | None) -> str:
    return present.date_text(day) if day else "–"


def _owed(one: InvoiceEntry, today: date) -> OwedRow:
    currency = CURRENCIES[one.currency]
    late = (today - one.due_on).days if one.due_on else 0
    due, tone = (
        ("given up", "quiet") if one.state is State.UNCOLLECTIBLE
        else (f"overdue since {_day(one.due_on)}", "late") if late > 0
        else (f"due {_day(one.due_on)}", "open")
    )  # fmt: skip
    return OwedRow(
        number=visible(one.number),
        href=_bank(one),
        buyer=visible(one.buyer),
        due=due,
        tone=tone,
        amount=format_minor(one.due_minor, currency),
        balance=format_minor(one.balance_minor, currency),
    )


def _entered(place: int, one: EnteredPayment) -> EnteredRow:
    currency = CURRENCIES[one.currency]
    beyond = one.amount_minor - one.applied_minor
    return EnteredRow(
        key=f"{place}",
        number=visible(one.number),
        href=invoice_href(one.slug, one.number),
        amount=format_minor(one.amount_minor, currency),
        received=present.date_text(one.received_on),
        reference=visible(one.reference),
        beyond=f"{format_minor(beyond, currency)} of it prepaid" if beyond else "",
        entered=f"{present.moment_text(one.recorded_at)} UTC by {who(one.recorded_by)}",
    )


def _bank(one: InvoiceEntry) -> str:
    return f"{BANK}?{urlencode({'invoice': one.number})}"
