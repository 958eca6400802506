"""`flyusage costs`: why an amount is what it is."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap
from flyusage.cli.invoices import AsOf, Month, Org
from flyusage.cli.output import print_json
from flyusage.cli.statements import find_line, print_why
from flyusage.errors import FlyusageError
from flyusage.invoices.drafting import draft
from flyusage.invoices.plain import line_plain
from flyusage.logs import harmless

app = typer.Typer(help="See why an amount is what it is.", no_args_is_help=True)


class LineUnknown(FlyusageError):
    """The statement has no such line."""

    code = "line_unknown"
    status = 404


@app.command("why")
def why(
    line: Annotated[str, typer.Argument(metavar="LINE", help="The line's number, or its key, as `flyusage invoices draft` prints them.")],
    org: Org = None,
    month: Month = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The working of a line: quantities, prices, tiers, rounding, and the command that shows exactly its usage."""
    bootstrap.be_ready()
    chosen, asked_month = asked.organization(org), asked.month(month)
    with db.transaction(chosen.id) as session:
        statement = draft(session, chosen.id, asked_month, as_of=asked.moment(as_of))
    found = find_line(statement, line)
    if found is None:
        raise LineUnknown(
            f"There is no line {harmless(line[:80])!r}. `flyusage invoices draft --org {chosen.slug} --month {asked_month:%Y-%m}` numbers them."
        )
    if as_json:
        print_json(
            {"org": chosen.slug, "as_of": statement.as_of, "currency": statement.currency.code, **line_plain(found, statement.currency)}
        )
    else:
        print_why(chosen.slug, statement, found)
