"""What `flyusage invoices` does with invoices that are issued: shown, explained, broken down, corrected, paid."""

import shlex
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

import typer
from sqlmodel import Session

from flyusage import clock, db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.invoices_there import Shown, breakdown_there, explained_there, page_there, shown_of, shown_there
from flyusage.cli.output import LAST_LINE, print_json, print_table
from flyusage.errors import FlyusageError
from flyusage.invoices import crediting, issuing, queries, settlement
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.models import Kind, State
from flyusage.invoices.queries import InvoiceEntry, Wanted
from flyusage.invoices.returning import left_charged
from flyusage.invoices.settlement import Receipt
from flyusage.invoices.storing import Issued
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, Currency, format_minor, parse_minor
from flyusage.orgs.acting import system
from flyusage.orgs.queries import directory

MOST_PARTS = 50
COMMAND = system("command")

Number = Annotated[str, typer.Argument(help="The invoice's number, such as PRISM-000042.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the invoice and in the audit.")]


class AmountUnreadable(FlyusageError):
    """An amount, or a line with one, that is none."""

    code = "amount_unreadable"


class StatesTooMany(FlyusageError):
    """Several states where one can be asked for."""

    code = "states_too_many"


class CursorUnknown(FlyusageError):
    """A place to continue behind that no page ended with."""

    code = "cursor_unknown"


def list_invoices(
    org: Annotated[str | None, typer.Option("--org", help="One organization's slug; all of them without it.")] = None,
    state: Annotated[list[State] | None, typer.Option("--state", help="open, paid, void or uncollectible; may be repeated.")] = None,
    year: Annotated[int | None, typer.Option("--year", min=2000, max=9998, help="The year of the months billed.")] = None,
    search: Annotated[str, typer.Option("--search", help="Part of a number or of the buyer's name.")] = "",
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have been paid by now.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=queries.MOST)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Continue behind a page, as its last line says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Invoices and credit notes, newest first, with what they add up to."""
    there = remote.of(org)
    if there is not None:
        if len(state or ()) > 1:
            raise StatesTooMany("Another flyusage is asked for one --state at a time.")
        params = {"state": state[0].value if state else None, "year": year, "search": search, "limit": limit, "after": after}
        page, plain = page_there(there, {**params, "overdue": "true" if overdue else None})
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id if org else None
        with db.platform_transaction() as session:
            wanted = Wanted(tuple(state or ()), year, search, overdue)
            if after is not None and not queries.is_cursor(after):
                raise CursorUnknown(f"{harmless(after[:60])!r} is none that a page ended with. Copy it from the list's last line.")
            page = plain = queries.invoices(session, org_id, wanted, limit=limit, after=after)
    if as_json:
        print_json(plain)
        return
    if not page.entries:
        typer.echo("No invoice yet. `flyusage bill close 2026-10` issues those of a month, `flyusage invoices draft` shows the next.")
        return
    titles = ("number", "buyer", "month", "issued", "due", "state", "total", "to pay")
    print_table(titles, [_listed(one) for one in page.entries])
    for one in page.sums:
        currency = CURRENCIES[one.currency]
        total, owed = format_minor(one.gross_minor, currency), format_minor(one.balance_minor, currency)
        counted = "1 document" if one.documents == 1 else f"{one.documents:,} documents"
        typer.echo(f"\n{counted}, {total} in all, {owed} to pay")
    if page.after:
        typer.echo(f"\nMore: --after {page.after}")


def show(number: Number, as_json: AsJson = False) -> None:
    """One invoice: its lines, taxes, payments, credit notes and questions."""
    there = remote.of(None)
    if there is not None:
        told = there.get(f"/invoices/{quote(number, safe='')}")
        if as_json:
            print_json(told)
        else:
            _show(shown_there(told))
        return
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        found = queries.detail(session, *_named(session, number))
    if as_json:
        print_json({**vars(found), "document": found.document.to_json()})
    else:
        _show(shown_of(found))


def _show(found: Shown) -> None:
    entry, currency = found.entry, CURRENCIES[found.entry.currency]
    due = f", due {entry.due_on}" if entry.due_on else ""
    typer.echo(harmless(f"{entry.number}, {entry.buyer}: {entry.state}{' and overdue' if entry.is_overdue else ''}{due}") + "\n")
    print_table(("line", "product", "what", "region", "amount"), [(*one[:4], _money(one[4], currency)) for one in found.lines])
    totals = [("Net", entry.net_minor), *((f"Tax {category} {percent} %", minor) for category, percent, minor in found.taxes)]
    totals += [("Gross", entry.gross_minor), ("Prepaid", -found.prepaid_minor)]
    totals += [(f"Paid {on}, {reference}", -minor) for on, reference, minor in found.payments]
    totals += [(f"Credit note {number}", -minor) for number, minor in found.credit_notes]
    totals.append(("To pay", entry.balance_minor))
    typer.echo("")
    for title, amount in totals:
        if amount or title in ("Net", "Gross", "To pay"):
            typer.echo(f"{harmless(title):<30}  {_money(amount, currency):>16}")
    for id_, position, state, note, answer in found.questions:
        said = f"Question {id_} on line {position} ({state}): {note}\n{answer or ''}".rstrip()
        typer.echo("\n" + "\n".join(map(harmless, said.splitlines())))
    typer.echo(f"\nWhy a line is what it is: flyusage invoices explain {entry.number} LINE")


def explain(
    number: Number,
    position: Annotated[int, typer.Argument(min=1, max=LAST_LINE, help="The line, as `show` numbers them.", metavar="LINE")],
    as_json: AsJson = False,
) -> None:
    """Why a line is what it is: its working down to the cent, the price's version, and where to see its usage."""
    there = remote.of(None)
    if there is not None:
        line = explained_there(there, number, position)
    else:
        bootstrap.be_ready()
        with db.platform_transaction() as session:
            org_id, invoice_id = _named(session, number)
            entry = queries.find(session, number)
            slug = next(one.slug for one in directory(session) if one.id == org_id)
            found = queries.line(session, org_id, invoice_id, position)
            line = {"number": entry.number, "org": slug, "currency": entry.currency, **vars(found)}
    if as_json:
        print_json(line)
    else:
        _explain(line)


def _explain(line: Mapping[str, Any]) -> None:
    currency = CURRENCIES[line["currency"]]
    where = f", {line['region']}" if line["region"] else ""
    typer.echo(harmless(f"{line['number']}, line {line['position']}: {line['description']}{where}"))
    for step in line["working"]["steps"]:
        typer.echo(f"{step['amount']:>18}  {harmless(step['text'])}")
    typer.echo(f"{_money(line['amount_minor'], currency):>18}  billed, before tax")
    for share in line["working"].get("shares", ()):
        typer.echo(f"{_money(share['amount_minor'], currency):>18}  from {harmless(share['key'])}")
    if line["price_version"]:
        typer.echo(f"\nPrice {line['price_id']} of the version that took effect on {line['price_version']}.")
    if line["evidence"]:
        options = " ".join(f"--{key} {shlex.quote(value)}" for key, value in parse_qsl(line["evidence"]))
        typer.echo(harmless(f"Exactly this usage: flyusage usage --org {line['org']} {options}"))


def break_down(
    number: Number, by: Annotated[By, typer.Option("--by", help="What to break the net amount down by.")] = By.APP, as_json: AsJson = False
) -> None:
    """An invoice's net by region, app, cost centre, VM size, product, machine or day, to the cent."""
    there = remote.of(None)
    if there is not None:
        told, parts = breakdown_there(there, number, by)
    else:
        bootstrap.be_ready()
        with db.platform_transaction() as session:
            org_id, invoice_id = _named(session, number)
            entry = queries.find(session, number)
            parts = breakdown(session, org_id, invoice_id, by)
        told = {"number": entry.number, "currency": entry.currency, "by": by, "net_minor": entry.net_minor}
    if as_json:
        print_json({**told, "parts": parts})
        return
    currency, shown = CURRENCIES[told["currency"]], parts[:MOST_PARTS]
    rows = [(one.label, _money(one.amount_minor, currency)) for one in shown]
    if len(parts) > len(shown):
        rest = sum(one.amount_minor for one in parts[len(shown) :])
        rows.append((f"{len(parts) - len(shown):,} others", _money(rest, currency)))
    print_table((by.replace("_", " "), "amount"), [*rows, ("Total", _money(told["net_minor"], currency))])


def issue(
    org: Annotated[str, typer.Option("--org", help="The organization's slug.")],
    month: Annotated[str, typer.Option("--month", help="2026-10.")],
    as_json: AsJson = False,
) -> None:
    """Issue one organization's invoice of a month, with its document, at once."""
    bootstrap.be_ready()
    chosen = asked.organization(org)
    with db.platform_transaction() as session:
        issued = issuing.issue(session, chosen.id, asked.month(month), by=COMMAND)
    _said(issued, as_json)


def credit(
    number: Number,
    reason: Reason,
    amount: Annotated[str | None, typer.Option("--amount", help="Net, as 12.50; tax comes on top. All that is left without it.")] = None,
    line: Annotated[list[str] | None, typer.Option("--line", help="A line, or part of one as 3=12.50; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue a credit note: for all that is left of an invoice, for an amount, or for lines."""
    bootstrap.be_ready()
    if amount is not None and line:
        raise AmountUnreadable("Give either --amount or --line; a credit note is for one or the other.")
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        currency = CURRENCIES[entry.currency]
        issued = crediting.credit(
            session, entry.org_id, entry.id, reason=reason, net_minor=None if amount is None else _minor(amount, currency),
            lines=dict(_line(one, currency) for one in line) if line else None, by=COMMAND,
        )  # fmt: skip
    _said(issued, as_json)


def void(number: Number, reason: Reason, as_json: AsJson = False) -> None:
    """Declare an unpaid invoice never owed, and hold its month until it is released."""
    _settle(number, as_json, lambda session, entry: settlement.void(session, entry.org_id, entry.id, reason=reason, by=COMMAND))
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        if left := left_charged(session, entry.org_id, entry.starts_on):
            typer.echo(left, err=True)


def give_up(number: Number, reason: Reason, as_json: AsJson = False) -> None:
    """Mark an open invoice uncollectible."""
    _settle(
        number, as_json, lambda session, entry: settlement.mark_uncollectible(session, entry.org_id, entry.id, reason=reason, by=COMMAND)
    )


def pay(
    number: Number,
    amount: Annotated[str, typer.Argument(help="What arrived, as 1250.00.")],
    reference: Annotated[str, typer.Option("--reference", help="The bank's reference.")],
    on: Annotated[str | None, typer.Option("--on", help="The day it arrived, 2026-11-20; today without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a bank payment; too much becomes a prepaid credit."""
    bootstrap.be_ready()
    day = (asked.moment(on) or clock.now()).date()
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        currency = CURRENCIES[entry.currency]
        received = Receipt(_minor(amount, currency), day, reference)
        made = settlement.record_payment(session, entry.org_id, entry.id, received, by=COMMAND)
    if as_json:
        print_json(made)
        return
    typer.echo(f"{entry.number}: {_money(made.applied_minor, currency)} taken, {_money(made.balance_minor, currency)} to pay; {made.state}")
    if made.grant_id is not None:
        typer.echo(f"{_money(received.amount_minor - made.applied_minor, currency)} too much are kept as prepaid credit {made.grant_id}.")


def _settle(number: str, as_json: bool, verb: Callable[[Session, InvoiceEntry], None]) -> None:
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        verb(session, queries.find(session, number))
        entry = queries.find(session, number)
    if as_json:
        print_json(entry)
    else:
        typer.echo(f"{entry.number} is {entry.state}.")


def _named(session: Session, number: str) -> tuple[int, int]:
    entry = queries.find(session, number)
    return entry.org_id, entry.id


def _said(issued: Issued, as_json: bool) -> None:
    plain = {
        "number": issued.number, "id": issued.id, "kind": issued.kind, "state": issued.state, "currency": issued.currency.code,
        "net_minor": issued.net_minor, "gross_minor": issued.gross_minor, "due_minor": issued.due_minor,
    }  # fmt: skip
    if as_json:
        print_json(plain)
        return
    what = "Credit note" if issued.kind is Kind.CREDIT_NOTE else "Invoice"
    typer.echo(f"{what} {issued.number}: {_money(issued.gross_minor, issued.currency)}, {_money(issued.due_minor, issued.currency)} to pay")


def _listed(one: InvoiceEntry) -> tuple[object, ...]:
    currency = CURRENCIES[one.currency]
    sign = -1 if one.kind is Kind.CREDIT_NOTE else 1
    state = "overdue" if one.is_overdue else "credited" if one.kind is Kind.CREDIT_NOTE else one.state.value
    month, issued, due = f"{one.starts_on:%Y-%m}", f"{one.issued_at:%Y-%m-%d}", f"{one.due_on or '–'}"
    return one.number, one.buyer, month, issued, due, state, _money(sign * one.gross_minor, currency), _money(one.balance_minor, currency)


def _money(amount_minor: int, currency: Currency) -> str:
    return format_minor(amount_minor, currency)


def _minor(text: str, currency: Currency) -> int:
    """`12.50` in minor units. Raises AmountUnreadable for more decimals than the currency has."""
    amount = parse_minor(text, currency)
    if amount is None:
        raise AmountUnreadable(f"{harmless(text[:40])!r} is no amount of whole minor units of {currency.code}. Write it as 1250.00.")
    return amount


def _line(text: str, currency: Currency) -> tuple[int, int | None]:
    position, _, amount = text.partition("=")
    if not position.strip().isdecimal():
        raise AmountUnreadable(f"{harmless(text[:40])!r} names no line. Write it as 3, or as 3=12.50.")
    return int(position), _minor(amount, currency) if amount else None
