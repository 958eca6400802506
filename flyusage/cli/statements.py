"""How the command line prints a statement and the working of one of its lines, of the database here or of another flyusage."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import typer

from flyusage.cli.output import as_plain, moment, print_table
from flyusage.invoices.plain import statement_plain
from flyusage.invoices.statement import Statement
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, Currency, format_money, format_quantity
from flyusage.periods import DAY
from flyusage.pricing.rating import plain
from flyusage.pricing.urls import parse_moment

WIDE = 18

Told = Mapping[str, Any]


def print_statement(name: str, slug: str, told: Told) -> None:
    """The lines by number, the taxes, the totals, and what stands in the way of issuing it. `told` as `told_of` or the API has it."""
    as_of, month = _moment(told["as_of"]), _moment(told["period"]["start"])
    so_far = f" so far, as of {moment(as_of)}" if told["is_open"] else ""
    typer.echo(f"{harmless(name)}, {month:%B %Y}{so_far}\n")
    if told["lines"]:
        print_table(("line", "product", "what", "region", "days", "quantity", "amount"), _padded(told))
    else:
        typer.echo("Nothing was used or agreed.")
    typer.echo("")
    totals = _totals(told)
    width = max(len(amount) for _, amount in totals)
    for title, amount in totals:
        typer.echo(f"{title:<30}  {amount:>{width}}")
    for problem in told["problems"]:
        typer.echo(f"\n{harmless(problem['sentence'])}")
    if told["lines"]:
        typer.echo(f"\nWhy a line is what it is: flyusage costs why --org {slug} --month {month:%Y-%m} LINE")
        typer.echo(f"--as-of {as_of:%Y-%m-%dT%H:%M:%SZ} repeats these numbers.")


def print_why(slug: str, told: Told, line: Told) -> None:
    """The working of a line, step by step down to the minor unit, where its price is from, and how to see its usage."""
    currency = CURRENCIES[told["currency"]]
    where = f", {line['region']}" if line["region"] else ""
    typer.echo(harmless(f"{line['description']}{where}, {_days(line)}") + (" so far" if told["is_open"] else ""))
    for step in line["working"]:
        typer.echo(f"{plain(Fraction(step['amount'])):>{WIDE}}  {harmless(step['text'])}")
    typer.echo(f"{_money(line['amount_minor'], currency):>{WIDE}}  {'so far' if told['is_open'] else 'owed, before tax'}")
    for share in line["shares"]:
        taken = find_line(told, share["key"])
        named = f"{taken['description']}{', ' + taken['region'] if taken['region'] else ''}" if taken else share["key"]
        typer.echo(f"{_money(share['amount_minor'], currency):>{WIDE}}  from {harmless(named)}")
    if line["price_version"]:
        typer.echo(
            f"\nPrice of the version that took effect on {_moment(line['price_version']):%b %-d, %Y} (price {harmless(str(line['price_id']))})."
        )
    elif line["components"]:
        typer.echo("\nA negotiated price.")
    if line["view"]:
        options = " ".join(f"--{key} {shlex.quote(value)}" for key, value in line["view"].items())
        typer.echo(harmless(f"Exactly this usage: flyusage usage --org {slug} {options}"))


def told_of(statement: Statement) -> dict[str, Any]:
    """A statement as the API tells it: what JSON can hold and no more."""
    told = json.loads(json.dumps(statement_plain(statement), default=as_plain))
    told.pop("org_id")
    return told


def find_line(told: Told, named: str) -> dict[str, Any] | None:
    """By its number in the printed table, or by its key."""
    lines = told["lines"]
    if named.isdecimal() and 0 < int(named) <= len(lines):
        return lines[int(named) - 1]
    return next((line for line in lines if line["key"] == named), None)


def _padded(told: Told) -> list[list[str]]:
    rows = [_row(number, line, CURRENCIES[told["currency"]]) for number, line in enumerate(told["lines"], 1)]
    widths = [max(len(row[place]) for row in rows) for place in range(7)]
    return [[cell.rjust(widths[place]) if place in (0, 5, 6) else cell for place, cell in enumerate(row)] for row in rows]


def _row(number: int, line: Told, currency: Currency) -> list[str]:
    quantity = Decimal(line["quantity"])
    said = f"{format_quantity(quantity)} {line['unit']}".strip() if line["unit"] or quantity != 1 else ""
    amount = _money(line["amount_minor"], currency)
    return [str(number), line["product"], line["description"], line["region"], _days(line), said, amount]


def _days(line: Told) -> str:
    first, end = _moment(line["period"]["start"]), _moment(line["period"]["end"])
    last = max(first, end - DAY)
    if first.date() == last.date():
        return f"{first:%b %-d}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%b %-d} – {last:%-d}"
    return f"{first:%b %-d, %Y} – {last:%b %-d, %Y}"


def _totals(told: Told) -> list[tuple[str, str]]:
    currency = CURRENCIES[told["currency"]]
    totals = [("Net", _money(told["net_minor"], currency))]
    totals += [(_tax_title(tax), _money(tax["tax_minor"], currency)) for tax in told["taxes"]]
    totals.append(("Gross", _money(told["gross_minor"], currency)))
    if told["prepaid_minor"]:
        totals.append(("Paid from prepaid credits", _money(-told["prepaid_minor"], currency)))
    return [*totals, ("Due so far" if told["is_open"] else "Due", _money(told["due_minor"], currency))]


def _tax_title(tax: Told) -> str:
    titles = {"AE": "VAT, reverse charge", "E": "VAT, exempt", "Z": "VAT, zero-rated"}
    return f"VAT {plain(Fraction(tax['percent']))} %" if tax["category"] == "S" else titles.get(tax["category"], "VAT, outside its scope")


def _money(amount_minor: int, currency: Currency) -> str:
    return format_money(Fraction(amount_minor, 10**currency.exponent), currency)


def _moment(written: str) -> datetime:
    found = parse_moment(written)
    assert found is not None
    return found
