"""What an organization owes, printed. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flyusage.alerts.budgets import Standing
from flyusage.invoices.outlook import Outlook
from flyusage.invoices.queries import InvoiceDetail, InvoiceEntry
from flyusage.invoices.statement import Statement, Unpriced
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import Period, month_period
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Dimension, Filter, Measure, View
from flyusage.ui import present, statements
from flyusage.ui.charts.text import visible
from flyusage.ui.components.month_files import month_files
from flyusage.ui.components.statement import StatementProduct, StatementTotal
from flyusage.ui.pages.billing.address import Choice, billing_href, invoice_href
from flyusage.ui.pages.billing.listing import due_words
from flyusage.ui.pages.billing.rows import Choosing, Phrase, Screen, Trouble
from flyusage.ui.pages.explorer.paths import usage_href

MONTHS_SHOWN = 6


@dataclass(frozen=True)
class Told:
    """Where and when the page is read.

    `unbilled` is the month before, where it waits for its invoice; `budget` the tightest one of everything, in the present month.
    """

    slug: str
    month: date
    months: Sequence[date]
    now: datetime
    choice: Choice
    closes_at: datetime
    unbilled: date | None = None
    budget: Standing | None = None
    sees_machines: bool = True


def draft_screen(told: Told, statement: Statement, outlook: Outlook | None) -> Screen:
    """The month as a draft: what is owed so far, or what its invoice will come to."""
    printed = statements.draft_lines(told.slug, statement)
    products = statements.products(printed, statement.currency)
    name = f"{told.month:%B}"
    return Screen(
        note=f"{name} {told.month.year}{' so far' if statement.is_open else ', not issued yet'}",
        months=months(told),
        lead=f"You owe so far for {name}" if statement.is_open else f"You owe for {name}",
        owed=format_minor(statement.due_minor, statement.currency),
        sentence=_sentence(told, statement, outlook),
        method=outlook.method if outlook else "",
        by_product=by_product(products),
        totals=statements.reckoned(statement),
        troubles=troubles(told.slug, statement),
        statement_title=f"{name} so far" if statement.is_open else f"{name} as it would be billed",
        statement_note=f"complete to {moment(statement.as_of)}" if statement.is_open else "all times UTC",
        products=products,
        nothing="" if products else f"Nothing was used or agreed in {name} {'so far' if statement.is_open else f'{told.month.year}'}.",
        command=_command(told, statement),
        month=f"{told.month:%Y-%m}",
        as_of=present.pinned_text(statement.as_of) if statement.is_open else "",
        files_month=f"{told.month:%B %Y}",
        files=month_files(told.slug, told.month) if products else [],
    )


def issued_screen(told: Told, invoice: InvoiceDetail) -> Screen:
    """The month by its invoice, which can no longer change."""
    entry, currency = invoice.entry, invoice.document.currency
    lines = statements.invoice_lines(told.slug, invoice.lines, invoice.document, sees_machines=told.sees_machines)
    products = statements.products(lines, currency)
    name = f"{told.month:%B}"
    return Screen(
        note=f"{name} {told.month.year}",
        months=months(told),
        lead=f"You owe for {name}" if entry.balance_minor else f"{name} came to",
        owed=format_minor(entry.balance_minor or entry.gross_minor, currency),
        sentence=_issued_sentence(told, entry),
        by_product=by_product(products),
        totals=invoice_totals(invoice),
        statement_title=f"Invoice {entry.number}",
        statement_note=f"issued {present.day_text(entry.issued_at.astimezone(UTC), year=True)}",
        products=products,
        nothing="" if products else "The invoice has no lines.",
        files_month=f"{told.month:%B %Y}",
        files=month_files(told.slug, told.month),
    )


def invoice_totals(invoice: InvoiceDetail) -> list[StatementTotal]:
    """An issued invoice's reckoning, from net to what is still to be paid."""
    document, entry = invoice.document, invoice.entry
    currency = document.currency

    def row(label: str, minor: int, **more: bool) -> StatementTotal:
        return StatementTotal(label, format_minor(minor, currency), **more)

    rows = [row("Net", document.net_minor, is_strong=True)]
    rows += [
        statements.tax_total(tax.category, tax.percent, reason=tax.reason, basis=tax.basis_minor, tax=tax.tax_minor, currency=currency)
        for tax in document.taxes
    ]
    rows.append(row("Gross", document.gross_minor, is_strong=True))
    if document.prepaid_minor:
        rows.append(row("Paid from prepaid credits", -document.prepaid_minor))
    if document.kind == "credit_note":
        return rows
    settled = document.due_minor - entry.balance_minor
    if settled and entry.state in ("open", "paid"):
        rows.append(row("Paid or credited since", -settled))
    return [*rows, row("Still to be paid" if entry.state == "open" else "Due", entry.balance_minor, is_strong=True, is_due=True)]


def by_product(products: Sequence[StatementProduct]) -> list[StatementTotal]:
    """The subtotals, as the reckoning begins with them."""
    return [StatementTotal(product.name, product.amount) for product in products]


def months(told: Told) -> list[Choosing]:
    """The months of the organization's history, newest first, and the chosen one."""
    shown = list(told.months[:MONTHS_SHOWN])
    shown += [told.month] if told.month not in shown else []
    return [
        Choosing(
            f"{one:%B}" if one.year == told.now.year else f"{one:%b %Y}",
            billing_href(told.slug, told.choice.at(one if one != told.months[0] else None)),
            one == told.month,
            f"{one:%B %Y}",
        )
        for one in shown
    ]


def troubles(slug: str, statement: Statement) -> list[Trouble]:
    """What must be settled before the month is issued, each with its next step."""
    found = []
    for problem in statement.problems:
        is_unpriced = problem.code == "unpriced" and statement.unpriced
        href = usage_href(slug, view_to_query(_unpriced_view(statement.unpriced, statement))) if is_unpriced else ""
        found.append(Trouble(visible(problem.sentence), "See that usage" if href else "", href))
    return found


def moment(at: datetime) -> str:
    """`Nov 15, 00:00 UTC`."""
    return f"{present.moment_text(at)} UTC"


def _unpriced_view(unpriced: Sequence[Unpriced], statement: Statement) -> View:
    skus = tuple(sorted({one.sku for one in unpriced}))
    end = min(statement.period.end, month_period(statement.period.start).end)
    return View(Measure.LIST_COST, Period(statement.period.start, end), Dimension.SKU, (Filter(Dimension.SKU, skus),))


def _sentence(told: Told, statement: Statement, outlook: Outlook | None) -> list[Phrase]:
    before_tax = "" if statement.taxes or not statement.net_minor else ", before tax"
    if statement.is_open:
        heading = f"; heading for {format_minor(outlook.due_minor, statement.currency)} by the end of {told.month:%B}" if outlook else ""
        said = [Phrase(f"complete to {moment(statement.as_of)}{before_tax}{heading}.")]
    elif told.now < told.closes_at:
        said = [Phrase(f"for the whole month{before_tax}. Late events still count until {moment(told.closes_at)}; then it is issued.")]
    else:
        said = [Phrase(f"for the whole month{before_tax}. It is issued when the month is closed.")]
    if told.unbilled is not None:
        href = billing_href(told.slug, told.choice.at(told.unbilled))
        said += [Phrase(" "), Phrase(f"{told.unbilled:%B} is not billed yet", href), Phrase(".")]
    if told.budget is not None and statement.is_open:
        said += _budget(told.slug, told.budget)
    return said


def _budget(slug: str, standing: Standing) -> list[Phrase]:
    """The budget's line: how much of it is used, and expected to be."""
    plan, currency, expected = standing.budget.plan, CURRENCIES[standing.budget.currency], standing.expected
    used = f"{format_minor(standing.spent_minor, currency)} of {format_minor(plan.amount_minor, currency)} used"
    ahead = f"; {format_minor(round(expected.expected), currency)} expected by the month's end" if expected else ""
    over = ", so it is spent" if standing.spent_minor >= plan.amount_minor else ""
    return [
        Phrase(" "),
        Phrase(f"Budget {visible(plan.name)}", f"/orgs/{slug}/budgets"),
        Phrase(f": {used} ({standing.percent:,.0f} %){over}{ahead}, before discounts, fees and tax."),
    ]


def _issued_sentence(told: Told, entry: InvoiceEntry) -> list[Phrase]:
    number = Phrase(entry.number, invoice_href(told.slug, entry.number))
    issued = f" was issued on {present.day_text(entry.issued_at.astimezone(UTC), year=True)}"
    return [Phrase("Invoice "), number, Phrase(f"{issued}{due_words(entry)}.")]


def _command(told: Told, statement: Statement) -> str:
    pinned = f" --as-of {present.pinned_text(statement.as_of)}" if statement.is_open else ""
    return f"flyusage invoices draft --org {shlex.quote(told.slug)} --month {told.month:%Y-%m}{pinned}"
