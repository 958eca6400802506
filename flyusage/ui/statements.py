"""A statement's and an issued invoice's lines, printed: product, region, line, and the working of each. Pure."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from urllib.parse import parse_qsl

from flyusage.invoices.document import Document, DocumentLine
from flyusage.invoices.queries import InvoiceLine
from flyusage.invoices.questions import Question
from flyusage.invoices.statement import Line, Statement
from flyusage.money import Currency, format_minor, format_money, format_quantity
from flyusage.periods import DAY, Period, midnight
from flyusage.pricing.rating import plain
from flyusage.pricing.urls import view_to_query
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.components.statement import LineQuestion, StatementLine, StatementProduct, StatementRegion, StatementTotal, WorkingStep
from flyusage.ui.pages.billing.address import invoice_href
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.pages.prices.address import Choice, prices_href

MOST_OPEN = 60  # lines; with more, regions wait closed, so that the statement stays readable
THIS_LINE = "This line, before tax"


@dataclass(frozen=True)
class Printed:
    """A line on its way to the screen: where it is grouped, what it adds to the subtotals, and its row."""

    product: str
    region: str
    amount_minor: int
    row: StatementLine


def draft_lines(slug: str, statement: Statement) -> list[Printed]:
    """The draft's lines; each names the command that prints its working."""
    return [_of_draft(slug, statement, line) for line in statement.lines]


def invoice_lines(
    slug: str, lines: Sequence[InvoiceLine], document: Document, questions: Sequence[Question] = (), *, sees_machines: bool = True
) -> list[Printed]:
    """An issued invoice's lines, as they were frozen, with what was asked about each.

    Their evidence, which names machines, is offered to those who see these.
    """
    named, printed = {line.key: line for line in lines}, {line.position: line for line in document.lines}
    found = [_of_invoice(slug, line, named, printed.get(line.position), document) for line in lines]
    if not sees_machines:
        found = [replace(one, row=replace(one.row, zip_href="")) for one in found]
    return [
        _questioned(one, [each for each in questions if each.position == line.position]) for one, line in zip(found, lines, strict=True)
    ]


def products(lines: Sequence[Printed], currency: Currency) -> list[StatementProduct]:
    """Lines gathered by product and region, with subtotals that sum to the net."""
    gathered: dict[str, dict[str, list[Printed]]] = {}
    for line in lines:
        gathered.setdefault(line.product, {}).setdefault(line.region, []).append(line)
    return [
        StatementProduct(
            name=product,
            amount=format_minor(_sum(line for inside in regions.values() for line in inside), currency),
            regions=_regions(regions, currency, is_open=len(lines) <= MOST_OPEN),
        )
        for product, regions in gathered.items()
    ]


def reckoned(statement: Statement) -> list[StatementTotal]:
    """From net to due, in the words of the command line."""
    currency = statement.currency
    due = StatementTotal(
        "Due so far" if statement.is_open else "Due", format_minor(statement.due_minor, currency), is_strong=True, is_due=True
    )
    rows = [StatementTotal("Net", format_minor(statement.net_minor, currency), is_strong=True)]
    rows += [
        tax_total(tax.category, tax.percent, reason=tax.reason, basis=tax.basis_minor, tax=tax.tax_minor, currency=currency)
        for tax in statement.taxes
    ]
    if not statement.taxes and statement.net_minor:
        rows.append(StatementTotal("Tax", "not yet known"))
    if statement.tax_minor or statement.prepaid_minor:
        rows.append(StatementTotal("Gross", format_minor(statement.gross_minor, currency), is_strong=True))
    if statement.prepaid_minor:
        rows.append(StatementTotal("Paid from prepaid credits", format_minor(-statement.prepaid_minor, currency)))
    return [*rows, due]


def tax_total(category: str, percent: Decimal, *, reason: str, basis: int, tax: int, currency: Currency) -> StatementTotal:
    """Tax of one rate, with what it is on, or why there is none."""
    names = {"S": f"VAT {plain(Fraction(percent))} %", "AE": "VAT, reverse charge", "E": "VAT, exempt", "Z": "VAT, zero-rated"}
    label = names.get(category, "VAT, outside its scope")
    note = visible(reason) if reason else f"on {format_minor(basis, currency)}"
    return StatementTotal(label, format_minor(tax, currency), note)


def quantity_text(quantity: Decimal, unit: str) -> str:
    """`1,488 hours`; nothing for an amount that is no quantity."""
    if not unit and abs(quantity) == 1:
        return ""
    single = unit.removesuffix("s") if abs(quantity) == 1 else unit
    return f"{format_quantity(quantity)} {single}".strip()


def price_text(unit_price: Decimal | None, per: str, currency: Currency) -> str:
    """`$0.0430625016 per hour`, every digit."""
    if unit_price is None:
        return ""
    digits = unit_price.normalize().as_tuple().exponent
    places = max(currency.exponent, -digits if isinstance(digits, int) else 0)
    return f"{format_money(unit_price, currency, places=places)} {per}".strip()


def _regions(regions: Mapping[str, Sequence[Printed]], currency: Currency, *, is_open: bool) -> list[StatementRegion]:
    """Regions with a line each need no heading: their name stands beside the line's."""
    is_flat = all(len(inside) == 1 or not region for region, inside in regions.items())
    if is_flat:
        rows = [_with_where(line) for inside in regions.values() for line in inside]
        return [StatementRegion("", "", "", True, rows)]
    return [
        StatementRegion(
            name=visible(region) if region else "Everywhere",
            count=present.plural(len(inside), "line"),
            amount=format_minor(_sum(inside), currency),
            is_open=is_open,
            lines=[line.row for line in inside],
        )
        for region, inside in regions.items()
    ]


def _with_where(line: Printed) -> StatementLine:
    return replace(line.row, where=visible(line.region) if line.region else "")


def _sum(lines: Iterable[Printed]) -> int:
    return sum(line.amount_minor for line in lines)


def _of_draft(slug: str, statement: Statement, line: Line) -> Printed:
    currency = statement.currency
    month = f"{statement.period.start:%Y-%m}"
    taken = [WorkingStep(_named(statement.line(share.key), share.key), format_minor(share.amount_minor, currency)) for share in line.shares]
    row = StatementLine(
        key=line.key,
        description=visible(line.description),
        where="",
        days=_days(line.period, statement.period),
        quantity=quantity_text(line.quantity, line.unit),
        price=price_text(line.unit_price, line.per, currency),
        amount=format_minor(line.amount_minor, currency),
        is_reduction=line.amount_minor < 0,
        steps=[WorkingStep(visible(step.text), plain(step.amount)) for step in line.explained(currency).steps],
        total="This line so far, before tax" if statement.is_open else THIS_LINE,
        unit=_unit(currency),
        taken=taken,
        source=_source(line.price_version, is_usage=bool(line.components)),
        source_href=_price_href(slug, line),
        evidence_href=usage_href(slug, view_to_query(line.evidence)) if line.evidence else "",
        command=f"flyusage costs why --org {shlex.quote(slug)} --month {month} {shlex.quote(line.key)}",
    )
    return Printed(line.product, line.region, line.amount_minor, row)


def _of_invoice(
    slug: str, line: InvoiceLine, named: Mapping[str, InvoiceLine], printed: DocumentLine | None, document: Document
) -> Printed:
    currency, (first, last) = document.currency, document.period
    whole = Period(midnight(first), midnight(last) + DAY)
    steps, shares = line.working.get("steps", ()), line.working.get("shares", ())
    row = StatementLine(
        key=f"{line.position} {line.key}",
        description=visible(line.description),
        where="",
        days=_days(Period(midnight(line.starts_on), midnight(line.ends_on)), whole),
        quantity=quantity_text(line.quantity, line.unit),
        price=price_text(line.unit_price, printed.per if printed else "", currency),
        amount=format_minor(line.amount_minor, currency),
        is_reduction=line.amount_minor < 0,
        steps=[WorkingStep(visible(step["text"]), plain(Fraction(step["amount"]))) for step in steps],
        total=THIS_LINE,
        unit=_unit(currency),
        taken=[
            WorkingStep(_named(named.get(share["key"]), share["key"]), format_minor(share["amount_minor"], currency)) for share in shares
        ],
        source=_source(line.price_version, is_usage=bool(line.components)),
        source_href=_price_href(slug, line),
        evidence_href=usage_href(slug, dict(parse_qsl(line.evidence))) if line.evidence else "",
        position=str(line.position),
        json_href=f"{invoice_href(slug, document.number)}/lines/{line.position}.json",
        zip_href=f"{invoice_href(slug, document.number)}/lines/{line.position}.zip",
    )
    return Printed(line.product, line.region, line.amount_minor, row)


def _questioned(line: Printed, asked: Sequence[Question]) -> Printed:
    if not asked:
        return line
    waiting = sum(one.state == "open" for one in asked)
    said = f"{present.plural(waiting, 'open question')}" if waiting else present.plural(len(asked), "question")
    return replace(line, row=replace(line.row, questions=[question_row(one) for one in asked], asked=said))


def question_row(question: Question) -> LineQuestion:
    """A question as a line shows it."""
    words = {"open": "Waits for an answer", "answered": "Answered", "closed": "Closed"}
    answered = f"Answered {_at(question.answered_at)} by {who(question.answered_by or '')}" if question.answered_at else ""
    return LineQuestion(
        note=visible_text(question.note),
        asked=f"asked {_at(question.asked_at)} by {who(question.asked_by)}",
        state=words[question.state],
        tone="open" if question.state == "open" else "ok",
        answer=visible_text(question.answer) if question.answer else "",
        answered=answered,
    )


def who(actor: str) -> str:
    """An actor of the audit, for people."""
    kind, _, name = actor.partition(":")
    named = {"user": f"member {name}", "staff": "staff", "system": {"loopback": "a local reader", "command": "staff"}.get(name, name)}
    return visible(named.get(kind, actor))


def visible_text(text: str) -> str:
    """What somebody wrote, its line breaks kept and everything hidden made visible."""
    return "\n".join(visible(line) if line else "" for line in text.replace("\r\n", "\n").split("\n"))


def _at(moment: datetime) -> str:
    return f"{present.moment_text(moment)} UTC"


def _named(line: Line | InvoiceLine | None, key: str) -> str:
    if line is None:
        return visible(key)
    return visible(f"{line.description}, {line.region}" if line.region else line.description)


def _days(period: Period, whole: Period) -> str:
    """The days of a line that is not for the whole period."""
    if period == whole:
        return ""
    last = max(period.start, period.end - DAY)
    if period.start.date() == last.date():
        return present.day_text(period.start)
    return present.period_text(Period(period.start, last + timedelta(days=1)))


def _price_href(slug: str, line: Line | InvoiceLine) -> str:
    """The history of a usage line's price: its key begins with its sku, its region's text with the region's code."""
    if line.price_version is None or not line.components:
        return ""
    return prices_href(slug, Choice(region=line.region.partition(" · ")[0], sku=line.key.partition("/")[0]))


def _unit(currency: Currency) -> str:
    return f"exact amounts in {currency.code}"


def _source(price_version: date | None, *, is_usage: bool) -> str:
    if price_version is not None:
        return f"Price version of {price_version:%b} {price_version.day}, {price_version.year}."
    return "A negotiated price." if is_usage else ""
