"""The explorer's words as options, the same for every command that takes a view."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer


def option(*names: str, says: str) -> Any:
    """An option that may be left out."""
    return typer.Option(*names, help=says, show_default=False)


Org = Annotated[str | None, option("--org", says="The organization's slug; needed where there are several.")]
Saved = Annotated[str, option("--view", says="A saved view by its name; what else is given is asked in its place.")]
Show = Annotated[str, option("--show", says="What to count: list_cost, contracted_cost, effective_cost, billed_cost, machine_hours, …")]
By = Annotated[str, option("--by", "--group", says="continent, region, app, cost_centre, vm_size, sku, machine or nothing.")]
Range = Annotated[str, option("--range", says="24h, 7d, 30d, this-month, last-month, 13-months, all or a month, 2026-10.")]
Start = Annotated[str, option("--from", says="The first moment, UTC: 2026-10-01 or 2026-10-01T14:00.")]
End = Annotated[str, option("--to", says="The moment after the last.")]
Per = Annotated[str, option("--per", "--granularity", says="hour, day, week or month: the width of a point.")]
Versus = Annotated[str, option("--vs", "--compare", says="previous or last_year.")]
AsOf = Annotated[str, option("--as-of", "--as_of", says="The moment the numbers are complete to; an earlier one repeats them.")]
Filters = Annotated[list[str] | None, option("--filter", says="app=web,api or region=!fra; may be repeated.")]
Continent = Annotated[str, option("--continent", says="Only these, separated by commas; ! before one leaves it out.")]
Region = Annotated[str, option("--region", says="As --continent.")]
App = Annotated[str, option("--app", says="As --continent.")]
CostCentre = Annotated[str, option("--cost-centre", "--cost_centre", says="As --continent.")]
VmSize = Annotated[str, option("--vm-size", "--vm_size", says="As --continent.")]
Sku = Annotated[str, option("--sku", says="As --continent.")]
Machine = Annotated[str, option("--machine", says="As --continent.")]


def query_of(given: Mapping[str, str], filters: Sequence[str] | None) -> dict[str, list[str]]:
    """The address's query; `app=web` among the filters is as good as `--app web`."""
    query = {key: [value] for key, value in given.items() if value}
    for one in filters or ():
        name, equals, values = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"--filter is written app=web,api or region=!fra, not {one[:60]!r}.")
        query.setdefault(name.strip().replace("-", "_"), []).append(values)
    return query


def joined(query: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The same as an address has it: the values of a name in one, separated by commas."""
    return {name: ",".join(values) for name, values in query.items()}
