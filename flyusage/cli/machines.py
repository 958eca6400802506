"""`flyusage machines`: the machines of a month, the costliest first."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import islice
from typing import Annotated, Any

import typer

from flyusage import clock, db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import print_json, print_table
from flyusage.money import CURRENCIES, format_money, round_half_away
from flyusage.pricing.machine_list import MachineChoice, machine_page


class Running(StrEnum):
    """Which are listed."""

    ALL = "all"
    RUNNING = "running"
    STOPPED = "stopped"


def machines(
    org: Annotated[
        str | None, typer.Option("--org", help="The organization's slug; needed where there are several.", show_default=False)
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", help="2026-10; the last month with events without it.", show_default=False)
    ] = None,
    find: Annotated[str, typer.Option("--find", help="Part of an id, app, region or size.", show_default=False)] = "",
    state: Annotated[Running, typer.Option("--state", help="Those that run now, those that do not, or both.")] = Running.ALL,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Machines of a month by list cost, with their hours."""
    there = remote.of(org)
    of = asked.month(month) if month else None
    if there is not None:
        params = {"month": f"{of:%Y-%m}" if of else None, "find": find, "state": state.value}
        found = list(islice(there.pages("/machines", params), limit + 1))
        shown, has_more = found[:limit], len(found) > limit
    else:
        shown, has_more = _of_database(org, month, find, state, limit)
    if as_json:
        print_json(shown)
    elif not shown:
        typer.echo(_none(of, is_narrowed=bool(find) or state is not Running.ALL))
    else:
        _print(shown)
        if has_more:
            typer.echo(f"\nThe first {limit:,}. --limit shows more, --find fewer.")


def _of_database(org: str | None, month: str | None, find: str, state: Running, limit: int) -> tuple[list[dict[str, Any]], bool]:
    bootstrap.be_ready()
    chosen = asked.organization(org)
    choice = MachineChoice(asked.moment(month), find, None if state is Running.ALL else state is Running.RUNNING)
    with db.transaction(chosen.id) as session:
        found = machine_page(session, chosen.id, choice, now=clock.now().replace(microsecond=0), limit=limit)
    if found is None:
        return [], False
    return found.plain(), found.has_more


def _none(month: date | None, *, is_narrowed: bool) -> str:
    where = f"in {month:%B %Y}" if month else "in the last month with events"
    if is_narrowed:
        return f"No such machine {where}. Leave --find or --state out to see all of them."
    return f"No machine was used {where}. `flyusage usage --range all` shows from when on there is usage."


def _print(shown: list[dict[str, Any]]) -> None:
    costs = [format_money(Fraction(one["list_cost"]), CURRENCIES[one["currency"]]) for one in shown]
    width = max(map(len, ("cost", *costs)))
    rows = [
        (
            one["machine"],
            one["app"],
            one["region"],
            one["vm_size"],
            "running" if one["is_running"] else "stopped",
            Decimal(round_half_away(Fraction(one["machine_hours"]), 1)),
            cost.rjust(width),
        )
        for one, cost in zip(shown, costs, strict=True)
    ]
    print_table(("machine", "app", "region", "size", "state", "hours", "cost".rjust(width)), rows)
