"""What the page of invoices asks and does, printed. Blocks on the database; call it off the event loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.invoices import crediting, queries, settlement
from flyusage.invoices.billed import Billed, billed
from flyusage.invoices.crediting import Coming
from flyusage.invoices.errors import AmountInvalid, StateForbids
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import InvoiceEntry, Wanted
from flyusage.invoices.returning import left_charged
from flyusage.money import CURRENCIES, Currency, format_minor
from flyusage.orgs.acting import Actor
from flyusage.orgs.staff import StaffPermission
from flyusage.pricing import typed
from flyusage.pricing.errors import InputMissing
from flyusage.ui import present
from flyusage.ui.addresses import text_in, typed_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.listing import row
from flyusage.ui.pages.billing.rows import InvoiceRow
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import BANK, INVOICES

MOST_LISTED, MOST_LINES = 50, 200
LONGEST, LONGEST_REASON = 200, 500
ALL, AMOUNT, LINES = "all", "amount", "lines"


@dataclass(frozen=True)
class ListedRow:
    """An invoice or a credit note of the platform."""

    paper: InvoiceRow
    href: str
    buyer: str


@dataclass(frozen=True)
class LineRow:
    """A line that something can be given back of. `field` names its input."""

    field: str
    label: str
    position: str
    text: str
    amount: str
    left: str


@dataclass(frozen=True)
class Opened:
    """The invoice that is looked at. What it cannot come to any more has an empty sentence in place of what it would do."""

    number: str = ""
    buyer: str = ""
    href: str = ""
    bank_href: str = ""
    state: str = ""
    tone: str = ""
    says: str = ""
    currency: str = ""
    left: str = ""
    lines: list[LineRow] = field(default_factory=list)
    has_more_lines: bool = False
    void_says: str = ""
    give_up_says: str = ""
    closed: str = ""
    key: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the page shows."""

    search: str = ""
    opened: Opened = Opened()
    rows: list[ListedRow] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Request:
    """What is to be given back of an invoice, and why; `coming` is what that came to when it was looked at."""

    number: str
    reason: str
    lines: Mapping[int, int | None] | None
    net_minor: int | None
    coming: Coming


@dataclass(frozen=True)
class Plan:
    """A credit note before it is issued, in words."""

    number: str = ""
    title: str = ""
    says: list[str] = field(default_factory=list)


def ask(number: str, search: str) -> Screen:
    """Raises NotPermitted and InvoiceUnknown."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        opened = _opened(session, queries.find(session, number)) if number else Opened()
        page = queries.invoices(session, None, Wanted(search=search), limit=MOST_LISTED)
    more = f"the newest {MOST_LISTED}; search for others" if page.after else present.plural(len(page.entries), "document")
    return Screen(search=search, opened=opened, rows=[_listed(one) for one in page.entries], note=more if page.entries else "")


def plan(number: str, form: Mapping[str, Any]) -> tuple[Request, Plan]:
    """What a credit note as the form has it would come to. Nothing is changed.

    Raises NotPermitted, InvoiceUnknown, InputMissing, InputInvalid, AmountInvalid, CreditTooLarge and StateForbids.
    """
    by = staff(StaffPermission.INVOICES_CORRECT)
    said = typed_in(form, ("what", "amount"), longest=LONGEST)
    reason = _reason(form)
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        currency = CURRENCIES[entry.currency]
        lines = _lines(form, currency) if said["what"] == LINES else None
        net_minor = typed.minor(said["amount"], "The amount", currency) if said["what"] == AMOUNT else None
        coming = crediting.rehearse(session, entry.org_id, entry.id, reason=reason, lines=lines, net_minor=net_minor, by=by)
    return Request(entry.number, reason, lines, net_minor, coming), _told(entry, coming)


def issue(wanted: Request) -> tuple[str, str]:
    """Issue the credit note that was looked at: a sentence and a detail. Raises as `plan`, and StateForbids where it would come to
    something else by now.
    """
    by = staff(StaffPermission.INVOICES_CORRECT)
    with db.platform_transaction() as session:
        entry = queries.find(session, wanted.number)
        given = {"reason": wanted.reason, "lines": wanted.lines, "net_minor": wanted.net_minor, "by": by}
        if crediting.rehearse(session, entry.org_id, entry.id, **given) != wanted.coming:
            raise StateForbids(
                f"{wanted.number} was paid or credited meanwhile, so the note would come to something else. Look at it anew."
            )
        issued = crediting.credit(session, entry.org_id, entry.id, **given)
    return f"{visible(issued.number)} is issued.", "Its PDF goes to the billing contacts by mail."


def void(number: str, form: Mapping[str, Any]) -> str:
    """Declare an invoice never owed. Raises NotPermitted, InvoiceUnknown, InputMissing and StateForbids."""
    return _settled(number, form, settlement.void, "is void")


def give_up(number: str, form: Mapping[str, Any]) -> str:
    """Give an invoice up. Raises NotPermitted, InvoiceUnknown, InputMissing and StateForbids."""
    return _settled(number, form, settlement.mark_uncollectible, "is given up")


def _settled(number: str, form: Mapping[str, Any], verb: Any, became: str) -> str:
    by: Actor = staff(StaffPermission.INVOICES_CORRECT)
    reason = _reason(form)
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        verb(session, entry.org_id, entry.id, reason=reason, by=by)
    return f"{visible(entry.number)} {became}."


def _reason(form: Mapping[str, Any]) -> str:
    reason = text_in(form, "reason", longest=LONGEST_REASON).replace("\0", "").strip()
    if not reason:
        raise InputMissing("Say why; the reason is kept, and stands on a credit note.")
    return reason


def _lines(form: Mapping[str, Any], currency: Currency) -> dict[int, int | None]:
    """What is typed beside lines: position → minor units. Raises AmountInvalid where nothing is."""
    wanted: dict[int, int | None] = {}
    for name in form:
        position = name.removeprefix("line_") if isinstance(name, str) and name.startswith("line_") else ""
        text = typed_in(form, [name])[name] if position.isascii() and position.isdecimal() and len(position) < 7 else ""
        if text:
            wanted[int(position)] = typed.minor(text.replace(present.MINUS, "-"), f"Line {position}", currency)
    if not any(wanted.values()):
        raise AmountInvalid("Write beside at least one line what of it is given back.")
    return wanted


def _told(entry: InvoiceEntry, coming: Coming) -> Plan:
    currency = CURRENCIES[entry.currency]

    def money(amount: int) -> str:
        return format_minor(amount, currency)

    gross = coming.net_minor + coming.tax_minor
    said = [f"{money(coming.net_minor)} net and {money(coming.tax_minor)} tax are given back: {money(gross)}."]
    if coming.applied_minor:
        left = f"{money(coming.balance_minor)} of it is left to pay" if coming.balance_minor else "nothing of it is left to pay"
        said.append(f"{money(coming.applied_minor)} is set off against {visible(entry.number)}; {left}.")
    if coming.excess_minor:
        said.append(f"{money(coming.excess_minor)} is kept as a prepaid credit for coming invoices.")
    return Plan(visible(entry.number), f"A credit note of {money(gross)} for {visible(entry.buyer)}", said)


def _opened(session: Session, entry: InvoiceEntry) -> Opened:
    currency = CURRENCIES[entry.currency]
    slug = session.scalar(sa.text("SELECT slug FROM organization WHERE id = :org"), {"org": entry.org_id}) or ""
    shown = row(slug, entry)
    known = Opened(
        number=visible(entry.number), buyer=visible(entry.buyer), href=shown.href, state=shown.state, tone=shown.tone, currency=entry.currency,
    )  # fmt: skip
    if entry.kind is Kind.CREDIT_NOTE:
        return _with(known, closed="A credit note stays as it is; what it gave back wrongly is charged anew by a one-off charge.")
    if entry.state is State.VOID:
        return _with(known, closed="It is void: nothing of it is owed, so there is nothing to give back.")
    source = billed(session, entry.org_id, entry.id)
    left = sum(sum(places.values()) for places in source.left.values())
    given = entry.net_minor - left
    is_whole = entry.state is State.OPEN and entry.balance_minor == entry.due_minor
    return _with(
        known,
        bank_href=f"{BANK}?{urlencode({'invoice': entry.number})}",
        says=" ".join(
            (
                f"{format_minor(entry.net_minor, currency)} net, {format_minor(entry.gross_minor, currency)} with tax;",
                f"{format_minor(entry.balance_minor, currency)} is to be paid." if entry.balance_minor else "nothing is to be paid.",
                f"{format_minor(given, currency)} net was given back before." if given else "",
            )
        ).strip(),
        left=format_minor(left, currency) if left > 0 else "",
        lines=_line_rows(source, currency),
        has_more_lines=len(source.lines) > MOST_LINES,
        void_says=f"{visible(entry.number)} was then never owed. Its number stays used, the credits that it took are given back, and its month "
        "is held until somebody releases it to be billed anew. The billing contacts and the payment processor are told. "
        + left_charged(session, entry.org_id, entry.starts_on) if is_whole else "",
        give_up_says=f"{format_minor(entry.balance_minor, currency)} stays owed, but nobody is reminded of it any more. Money that comes after "
        "all is still taken." if entry.state is State.OPEN else "",
        closed="" if left > 0 else "All of it is given back.",
        key=f"{entry.number} {entry.state} {entry.balance_minor} {left}",
    )  # fmt: skip


def _with(opened: Opened, **more: Any) -> Opened:
    return Opened(**{**vars(opened), **more})


def _line_rows(source: Billed, currency: Currency) -> list[LineRow]:
    rows = []
    for line in [source.lines[position] for position in sorted(source.lines)][:MOST_LINES]:
        left, printed = sum(line.left.values()), line.printed
        if left:
            text = visible(" · ".join(filter(None, (printed.group, printed.description))))
            rows.append(
                LineRow(
                    field=f"line_{line.position}",
                    label=f"Give back of line {line.position}, {text}, in {currency.code}",
                    position=str(line.position),
                    text=text,
                    amount=format_minor(line.amount_minor, currency),
                    left=format_minor(left, currency),
                )
            )
    return rows


def _listed(entry: InvoiceEntry) -> ListedRow:
    return ListedRow(row("", entry), f"{INVOICES}?{urlencode({'invoice': entry.number})}", visible(entry.buyer))
