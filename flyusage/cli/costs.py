"""`flyusage costs`: why an amount is what it is."""

from typing import Annotated

import typer

from flyusage.cli.invoices import AsOf, Month, Org, statement_of
from flyusage.cli.output import print_json
from flyusage.cli.statements import find_line, print_why
from flyusage.errors import FlyusageError
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
    """The working of a line: quantities, prices, tiers, rounding, and the command that shows exactly its usage.

    Example: flyusage costs why 1 --org demo --month 2026-10
    """
    slug, _, told = statement_of(org, month, as_of)
    found = find_line(told, line)
    if found is None:
        raise LineUnknown(
            f"There is no line {harmless(line[:80])!r}. `flyusage invoices draft --org {slug} --month {told['period']['start'][:7]}` numbers them."
        )
    if as_json:
        print_json({"org": slug, "as_of": told["as_of"], "currency": told["currency"], **found})
    else:
        print_why(slug, told, found)
