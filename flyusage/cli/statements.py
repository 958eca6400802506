"""How the command line prints a statement and the working of one of its lines."""

import shlex
from fractions import Fraction

import typer

from flyusage.cli.output import moment, print_table
from flyusage.invoices.statement import Line, Statement, TaxLine
from flyusage.logs import harmless
from flyusage.money import Currency, format_money
from flyusage.periods import DAY, Period
from flyusage.pricing.rating import plain
from flyusage.pricing.urls import view_to_query

WIDE = 18


def print_statement(name: str, slug: str, statement: Statement) -> None:
    """The lines by number, the taxes, the totals, and what stands in the way of issuing it."""
    month = statement.period.start
    so_far = f" so far, as of {moment(statement.as_of)}" if statement.is_open else ""
    typer.echo(f"{harmless(name)}, {month:%B %Y}{so_far}\n")
    if statement.lines:
        print_table(("line", "product", "what", "region", "days", "quantity", "amount"), _padded(statement))
    else:
        typer.echo("Nothing was used or agreed.")
    typer.echo("")
    totals = _totals(statement)
    width = max(len(amount) for _, amount in totals)
    for title, amount in totals:
        typer.echo(f"{title:<30}  {amount:>{width}}")
    for problem in statement.problems:
        typer.echo(f"\n{harmless(problem.sentence)}")
    if statement.lines:
        typer.echo(f"\nWhy a line is what it is: flyusage costs why --org {slug} --month {month:%Y-%m} LINE")
        typer.echo(f"--as-of {statement.as_of:%Y-%m-%dT%H:%M:%SZ} repeats these numbers.")


def print_why(slug: str, statement: Statement, line: Line) -> None:
    """The working of a line, step by step down to the minor unit, where its price is from, and how to see its usage."""
    currency = statement.currency
    where = f", {line.region}" if line.region else ""
    typer.echo(harmless(f"{line.description}{where}, {_days(line.period)}") + (" so far" if statement.is_open else ""))
    explained = line.explained(currency)
    for step in explained.steps:
        typer.echo(f"{plain(step.amount):>{WIDE}}  {harmless(step.text)}")
    typer.echo(f"{format_money(explained.amount, currency):>{WIDE}}  {'so far' if statement.is_open else 'owed, before tax'}")
    for share in line.shares:
        taken = statement.line(share.key)
        named = f"{taken.description}{', ' + taken.region if taken.region else ''}" if taken else share.key
        typer.echo(f"{_money(share.amount_minor, currency):>{WIDE}}  from {harmless(named)}")
    if line.price_version:
        typer.echo(f"\nPrice of the version that took effect on {line.price_version:%b %-d, %Y} (price {line.price_id}).")
    elif line.components:
        typer.echo("\nA negotiated price.")
    if line.evidence:
        options = " ".join(f"--{key} {shlex.quote(value)}" for key, value in view_to_query(line.evidence).items())
        typer.echo(f"Exactly this usage: flyusage usage --org {slug} {options}")


def find_line(statement: Statement, named: str) -> Line | None:
    """By its number in the printed table, or by its key."""
    if named.isdecimal() and 0 < int(named) <= len(statement.lines):
        return statement.lines[int(named) - 1]
    return statement.line(named)


def _padded(statement: Statement) -> list[list[str]]:
    rows = [_row(number, line, statement.currency) for number, line in enumerate(statement.lines, 1)]
    widths = [max(len(row[place]) for row in rows) for place in range(7)]
    return [[cell.rjust(widths[place]) if place in (0, 5, 6) else cell for place, cell in enumerate(row)] for row in rows]


def _row(number: int, line: Line, currency: Currency) -> list[str]:
    quantity = f"{line.quantity:,f} {line.unit}".strip() if line.unit or line.quantity != 1 else ""
    amount = _money(line.amount_minor, currency)
    return [str(number), line.product, line.description, line.region, _days(line.period), quantity, amount]


def _days(period: Period) -> str:
    first, last = period.start, max(period.start, period.end - DAY)
    if first.date() == last.date():
        return f"{first:%b %-d}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%b %-d} – {last:%-d}"
    return f"{first:%b %-d, %Y} – {last:%b %-d, %Y}"


def _totals(statement: Statement) -> list[tuple[str, str]]:
    currency = statement.currency
    totals = [("Net", _money(statement.net_minor, currency))]
    totals += [(_tax_title(tax), _money(tax.tax_minor, currency)) for tax in statement.taxes]
    totals.append(("Gross", _money(statement.gross_minor, currency)))
    if statement.prepaid_minor:
        totals.append(("Paid from prepaid credits", _money(-statement.prepaid_minor, currency)))
    return [*totals, ("Due so far" if statement.is_open else "Due", _money(statement.due_minor, currency))]


def _tax_title(tax: TaxLine) -> str:
    return {"S": f"VAT {plain(Fraction(tax.percent))} %", "AE": "VAT, reverse charge", "E": "VAT, exempt", "Z": "VAT, zero-rated"}.get(
        tax.category, "VAT, outside its scope"
    )


def _money(amount_minor: int, currency: Currency) -> str:
    return format_money(Fraction(amount_minor, 10**currency.exponent), currency)
