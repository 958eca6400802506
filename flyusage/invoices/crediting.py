"""Credit notes: all of an invoice given back, some of its lines, or an amount. The invoice itself stays as it is.

What is given back is first set off against what the invoice still owes; the rest becomes a prepaid credit. Notes of one invoice
never give back more than it billed, line by line and tax rate by tax rate, and together they come to exactly zero with it: a
note's tax is what brings the tax given back so far to the rounded tax on everything given back so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.allocation import Cell
from flyusage.invoices.billed import Billed, BilledLine, Places, billed
from flyusage.invoices.document import Document, DocumentLine, DocumentTax, TaxKey
from flyusage.invoices.errors import AmountInvalid, CreditTooLarge, StateForbids
from flyusage.invoices.models import Kind, Origin, State
from flyusage.invoices.rows import exact_text
from flyusage.invoices.settlement import Held, hold, reduce_balance
from flyusage.invoices.storing import Issued, Paper, begin, finish
from flyusage.money import format_minor, split, to_minor
from flyusage.orgs.acting import Actor
from flyusage.periods import Period
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind


@dataclass(frozen=True)
class Coming:
    """What a credit note would come to: `applied_minor` of its gross is set off against the invoice, `excess_minor` becomes prepaid credit.

    `balance_minor` is what the invoice owes then.
    """

    net_minor: int
    tax_minor: int
    applied_minor: int
    excess_minor: int
    balance_minor: int


@dataclass(frozen=True)
class Given:
    """A line of a credit note: `amount_minor` of `line`, or of everything taxed alike where no line is meant. `places` sum to it."""

    line: BilledLine | None
    tax: TaxKey
    amount_minor: int
    places: Places
    is_all: bool


def credit(
    session: Session,
    org_id: int,
    invoice_id: int,
    *,
    reason: str,
    lines: Mapping[int, int | None] | None = None,
    net_minor: int | None = None,
    by: Actor,
) -> Issued:
    """Issue a credit note for an invoice: what is left of it, or of `lines` (position → net minor units, None: all that is left of
    the line), or `net_minor` over all of it. Tax comes on top. Raises CreditTooLarge, StateForbids and AmountInvalid.
    """
    by.is_no_member("Credit notes are issued")
    if not reason.strip():
        raise AmountInvalid("Say why; the reason is printed on the credit note.")
    held = hold(session, org_id, invoice_id)
    if held.kind is Kind.CREDIT_NOTE or held.state is State.VOID:
        raise StateForbids(f"{held.number} is {'a credit note' if held.kind is Kind.CREDIT_NOTE else 'void'}; there is nothing to credit.")
    source = billed(session, org_id, invoice_id)
    if lines is not None:
        given = _of_lines(source, lines)
    elif net_minor is not None:
        given = _of_amount(source, net_minor)
    else:
        given = _all_left(source)
    if not any(one.amount_minor for one in given):
        raise CreditTooLarge(f"{held.number} is given back in full already.")
    return _issue(session, held, source, given, reason=reason.strip(), by=by)


def rehearse(
    session: Session,
    org_id: int,
    invoice_id: int,
    *,
    reason: str,
    lines: Mapping[int, int | None] | None = None,
    net_minor: int | None = None,
    by: Actor,
) -> Coming:
    """What `credit` would come to now; nothing of it stays. Raises what `credit` raises."""
    trial = session.begin_nested()
    try:
        before = hold(session, org_id, invoice_id).balance_minor
        issued = credit(session, org_id, invoice_id, reason=reason, lines=lines, net_minor=net_minor, by=by)
        after = hold(session, org_id, invoice_id).balance_minor
    finally:
        trial.rollback()
    tax, applied = issued.gross_minor - issued.net_minor, before - after
    return Coming(issued.net_minor, tax, applied, issued.gross_minor - applied, after)


def _of_lines(source: Billed, wanted: Mapping[int, int | None]) -> list[Given]:
    given = []
    for position, amount in sorted(wanted.items()):
        line = source.lines.get(position)
        if line is None:
            raise AmountInvalid(f"{source.number} has no line {position}; it has {len(source.lines)}.")
        left = sum(line.left.values())
        taken = left if amount is None else amount
        if taken * left < 0 or abs(taken) > abs(left):
            raise CreditTooLarge(f"Line {position} of {source.number} has {format_minor(left, source.currency)} left to give back.")
        if taken:
            given.append(Given(line, line.tax, taken, _shared(taken, line.left), taken == line.amount_minor))
    for tax in {one.tax for one in given}:
        _refuse_more(source, tax, sum(one.amount_minor for one in given if one.tax == tax))
    return given


def _of_amount(source: Billed, net_minor: int) -> list[Given]:
    if net_minor <= 0:
        raise AmountInvalid("A credit is above zero.")
    left = {tax: sum(places.values()) for tax, places in source.left.items()}
    if net_minor > sum(left.values()):
        raise CreditTooLarge(f"{source.number} has {format_minor(sum(left.values()), source.currency)} net left to give back.")
    taxes = [tax for tax in sorted(left) if left[tax] > 0]
    parts = split(net_minor, [left[tax] for tax in taxes])
    return [Given(None, tax, part, _shared(part, source.left[tax]), False) for tax, part in zip(taxes, parts, strict=True) if part]


def _all_left(source: Billed) -> list[Given]:
    """Line by line where only lines were given back before; else one line for each tax rate."""
    given = []
    for tax, places in sorted(source.left.items()):
        if tax in source.loose:
            given.append(Given(None, tax, sum(places.values()), places, False))
            continue
        lines = [(line, sum(line.left.values())) for line in source.lines.values() if line.tax == tax]
        given += [Given(line, tax, amount, line.left, amount == line.amount_minor) for line, amount in lines if amount]
    kept = [one for one in given if one.amount_minor or one.is_all]
    return sorted(kept, key=lambda one: (one.line is None, one.line.position if one.line else 0, one.tax))


def _refuse_more(source: Billed, tax: TaxKey, amount: int) -> None:
    left = sum(source.left[tax].values())
    if not 0 <= amount <= left:
        raise CreditTooLarge(f"{source.number} has {format_minor(left, source.currency)} net at {tax[1]} % tax left to give back.")


def _shared(amount: int, left: Places) -> Places:
    """`amount` over places as what is left of them is; the same places where it is all of it."""
    total = sum(left.values())
    if amount == total:
        return left
    weights = [max(0, part if total > 0 else -part) for part in left.values()]
    return {place: part for place, part in zip(left, split(amount, weights), strict=True) if part}


def _issue(session: Session, held: Held, source: Billed, given: list[Given], *, reason: str, by: Actor) -> Issued:
    taxes = _taxes(source, given)
    net, tax = sum(one.amount_minor for one in given), sum(one.tax_minor for one in taxes)
    is_owed = held.state in (State.OPEN, State.UNCOLLECTIBLE)
    applied = min(net + tax, held.balance_minor) if is_owed else 0
    excess, grant_id = net + tax - applied, None
    if excess:
        grant_id = grants.grant(session, held.org_id, CreditKind.PREPAID, excess, description=f"Credit for {held.number}", by=by)
    notes = (f"Reason: {reason}", *_whereto(held, applied, excess))
    today = clock.now().date()

    def printed(number: str) -> Document:
        return replace(
            source.document, kind="credit_note", number=number, issued_on=today, due_on=None, prepaid_minor=0,
            refers_to=(held.number, source.document.issued_on), lines=_printed_lines(source, given), net_minor=net, taxes=tuple(taxes),
            tax_minor=tax, gross_minor=net + tax, due_minor=net + tax, notes=notes, payment_terms="", bank=None,
        )  # fmt: skip

    paper = Paper(
        org_id=held.org_id, kind=Kind.CREDIT_NOTE, origin=Origin.CORRECTION, period=source.period, currency=held.currency, net_minor=net,
        tax_minor=tax, lines=[_row(source, n, one) for n, one in enumerate(given, 1)],
        cells=[Cell(n, place, 0, part) for n, one in enumerate(given, 1) for place, part in one.places.items()],
        buyer=source.document.buyer.name, as_of=clock.now(), printed=printed, refers_to=held.id, reason=reason, applied_minor=applied,
        grant_id=grant_id, why={"reason": reason, "invoice": held.number},
    )  # fmt: skip
    ids = begin(session, [paper])
    (issued,) = finish(session, [paper], ids, by=by)
    reduce_balance(session, held, applied)
    return issued


def _whereto(held: Held, applied: int, excess: int) -> list[str]:
    said = [f"{format_minor(applied, held.currency)} are set off against invoice {held.number}."] if applied else []
    return [*said, f"{format_minor(excess, held.currency)} are kept as a prepaid credit for coming invoices."] if excess else said


def _taxes(source: Billed, given: list[Given]) -> list[DocumentTax]:
    taxes = []
    for billed_tax in source.document.taxes:
        basis = sum(one.amount_minor for one in given if one.tax == billed_tax.key)
        if basis or any(one.tax == billed_tax.key for one in given):
            before_basis, before_tax = source.credited.get(billed_tax.key, (0, 0))
            exact = Fraction(before_basis + basis, 10**source.currency.exponent) * Fraction(billed_tax.percent) / 100
            taxes.append(replace(billed_tax, basis_minor=basis, tax_minor=to_minor(exact, source.currency) - before_tax))
    return taxes


def _printed_lines(source: Billed, given: list[Given]) -> tuple[DocumentLine, ...]:
    return tuple(_printed_line(source, position, one) for position, one in enumerate(given, 1))


def _printed_line(source: Billed, position: int, one: Given) -> DocumentLine:
    if one.line is not None and one.is_all:
        return replace(one.line.printed, position=position)
    if one.line is not None:
        detail = f"Part of line {one.line.position} of {source.number}, {format_minor(one.line.amount_minor, source.currency)}"
        return replace(
            one.line.printed, position=position, quantity=Decimal(1), unit="item", unit_price=None, per="", per_quantity=1,
            amount_minor=one.amount_minor, detail=detail,
        )  # fmt: skip
    return DocumentLine(
        position=position, group="Credits", subgroup="", description=f"Credit on invoice {source.number}", quantity=Decimal(1), unit="item",
        unit_price=None, per="", period=source.document.period, amount_minor=one.amount_minor, tax_category=one.tax[0], tax_percent=one.tax[1],
    )  # fmt: skip


def _row(source: Billed, position: int, one: Given) -> dict[str, Any]:
    """The line as `invoice_line` keeps it: the billed line's facts, and as its working what is given back of what."""
    amount = Fraction(one.amount_minor, 10**source.currency.exponent)
    printed = _printed_line(source, position, one)
    of = f"line {one.line.position} of {source.number}" if one.line else source.number
    step = {"text": f"{'All' if one.is_all else 'Part'} of {of} given back", "amount": exact_text(amount)}
    kept = one.line.row if one.line else _nowhere(source.period)
    return {
        **kept, "position": position, "quantity": printed.quantity, "unit": printed.unit, "unit_price": printed.unit_price,
        "product": printed.group, "description": printed.description, "exact": exact_text(amount), "amount_minor": one.amount_minor,
        "tax_category": one.tax[0], "tax_percent": one.tax[1], "working": {"steps": [step]}, "components": [],
        "refers_to_position": one.line.position if one.line else None,
    }  # fmt: skip


def _nowhere(period: Period) -> dict[str, Any]:
    dates: dict[str, date] = {"starts_on": period.start.date(), "ends_on": period.end.date()}
    nothing = dict.fromkeys(("region_id", "sku_id", "vm_size_id", "price_id", "price_version", "evidence"))
    return {"kind": "credit", "key": "credit", "region": "", **dates, **nothing}
