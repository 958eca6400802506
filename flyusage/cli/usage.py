"""`flyusage usage`: the explorer's view from the command line, to the same last decimal."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any

import typer

from flyusage import clock, db
from flyusage.cli import asked, bootstrap, remote, views
from flyusage.cli.output import moment, print_json, print_table
from flyusage.invoices.costs import explore
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, format_money, round_half_away
from flyusage.pricing.explorer import history
from flyusage.pricing.export import csv_lines
from flyusage.pricing.plain_answer import answer_plain
from flyusage.pricing.urls import NOTHING, parse_moment, view_from_query
from flyusage.pricing.view import Answer, Dimension

MOST_PRINTED = 50


def option(*names: str, says: str) -> Any:
    """An option that may be left out."""
    return typer.Option(*names, help=says, show_default=False)


def usage(
    org: Annotated[str | None, option("--org", says="The organization's slug; needed where there are several.")] = None,
    view: Annotated[str, option("--view", says="A saved view by its name; what else is given is asked in its place.")] = "",
    show: Annotated[
        str, option("--show", says="What to count: list_cost, contracted_cost, effective_cost, billed_cost, machine_hours, …")
    ] = "",
    by: Annotated[str, option("--by", "--group", says="continent, region, app, cost_centre, vm_size, sku, machine or nothing.")] = "",
    chosen_range: Annotated[str, option("--range", says="24h, 7d, 30d, this-month, last-month, 13-months or a month, 2026-10.")] = "",
    start: Annotated[str, option("--from", says="The first moment, UTC: 2026-10-01 or 2026-10-01T14:00.")] = "",
    end: Annotated[str, option("--to", says="The moment after the last.")] = "",
    per: Annotated[str, option("--per", "--granularity", says="hour, day, week or month, for --json.")] = "",
    versus: Annotated[str, option("--vs", "--compare", says="previous or last_year.")] = "",
    as_of: Annotated[str, option("--as-of", "--as_of", says="The moment the numbers are complete to; an earlier one repeats them.")] = "",
    filters: Annotated[list[str] | None, option("--filter", says="app=web,api or region=!fra; may be repeated.")] = None,
    continent: Annotated[str, option("--continent", says="Only these, separated by commas; ! before one leaves it out.")] = "",
    region: Annotated[str, option("--region", says="As --continent.")] = "",
    app: Annotated[str, option("--app", says="As --continent.")] = "",
    cost_centre: Annotated[str, option("--cost-centre", "--cost_centre", says="As --continent.")] = "",
    vm_size: Annotated[str, option("--vm-size", "--vm_size", says="As --continent.")] = "",
    sku: Annotated[str, option("--sku", says="As --continent.")] = "",
    machine: Annotated[str, option("--machine", says="As --continent.")] = "",
    chart: Annotated[str, typer.Option("--as", help="Taken from an address, and of no effect here.", hidden=True)] = "",
    zone: Annotated[str, typer.Option("--zone", help="As --as.", hidden=True)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, points included.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, as the page exports it.")] = False,
) -> None:
    """What an organization used, as the explorer shows it. Its address's words are the options."""
    params = {"show": show, "by": by, "range": chosen_range, "from": start, "to": end, "per": per, "vs": versus, "as_of": as_of}
    params |= {"continent": continent, "region": region, "app": app, "cost_centre": cost_centre, "vm_size": vm_size, "sku": sku}
    params |= {"machine": machine, "as": chart, "zone": zone}
    query = _with_filters(params, filters or [])
    if view:
        query = _over(views.query_of(view, org), query)
    there = remote.of(org)
    if there is not None:
        asked_there = {name: ",".join(values) for name, values in query.items()}
        if as_csv:
            sys.stdout.write(there.download("/usage.csv", asked_there).decode())
        else:
            _tell(there.get("/usage", asked_there), as_json=as_json)
        return
    answer, notices = _ask(org, query)
    for notice in notices:
        typer.echo(harmless(notice), err=True)
    if as_csv:
        for notice in answer.notices:
            typer.echo(harmless(notice), err=True)
        for line in csv_lines(answer):
            sys.stdout.write(line)
    else:
        _tell(answer_plain(answer), as_json=as_json)


def _over(saved: Mapping[str, str], given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """A saved view's query with what is given in place of its own; a range that is given, however, replaces its range."""
    ranges = ("range", "from", "to")
    replaced = {*given, *(ranges if any(one in given for one in ranges) else ())}
    return {key: [value] for key, value in saved.items() if key not in replaced} | dict(given)


def _tell(answer: Mapping[str, Any], *, as_json: bool) -> None:
    for notice in answer["notices"]:
        typer.echo(harmless(notice), err=True)
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _with_filters(params: Mapping[str, str], filters: list[str]) -> dict[str, list[str]]:
    """The address's query; `app=web` is as good as `--app web`."""
    query = {key: [value] for key, value in params.items() if value}
    for one in filters:
        name, _, values = one.partition("=")
        query.setdefault(name.strip().replace("-", "_"), []).append(values)
    return query


def _ask(slug: str | None, query: dict[str, list[str]]) -> tuple[Answer, tuple[str, ...]]:
    bootstrap.be_ready()
    org_id = asked.organization(slug).id
    with db.transaction(org_id) as session:
        now = clock.now()
        view, notices = view_from_query(query, now=now, history=history(session, org_id))
        return explore(session, org_id, view, now=now), notices


def _print(answer: Mapping[str, Any]) -> None:
    view, series = answer["view"], answer["series"]
    is_compared = answer["previous_total"] is not None
    grouped = "" if view["by"] == NOTHING else view["by"]
    titles = [grouped.replace("_", " ") or "total", str(answer["measure"]).replace("_", " "), *(["before"] if is_compared else []), "share"]
    shown = series[:MOST_PRINTED]
    rows = [_row(answer, one, is_compared) for one in shown]
    if len(series) > len(shown):
        rows.append(_row(answer, _together(series[len(shown) :]), is_compared))
    whole = {"key": "", "label": "Total", "total": answer["total"], "previous_total": answer["previous_total"]}
    rows.append(_row(answer, whole, is_compared))
    widths = [max(len(row[place]) for row in [titles, *rows]) for place in range(len(titles))]
    right = [[row[0], *(cell.rjust(widths[place]) for place, cell in enumerate(row) if place)] for row in [titles, *rows]]
    print_table(right[0], right[1:])
    start, end, as_of = (_moment(written) for written in (view["from"], view["to"], answer["as_of"]))
    typer.echo(f"\n{moment(start)} to {moment(min(end, as_of))}, as of {moment(as_of)}; --as-of {as_of:%Y-%m-%dT%H:%M:%SZ} repeats it.")


def _together(rest: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sums = {name: sum((Fraction(one[name] or 0) for one in rest), Fraction(0)) for name in ("total", "previous_total")}
    return {"key": "", "label": f"{len(rest)} others", **sums}


def _row(answer: Mapping[str, Any], one: Mapping[str, Any], is_compared: bool) -> list[str]:
    whole, value = Fraction(answer["total"]), one["total"]
    share = f"{round_half_away(Fraction(value or 0) * 100 / whole, 1)} %" if whole else ""
    name = one["key"] if answer["view"]["by"] == Dimension.REGION and one["key"] else one["label"]
    before = [_amount(answer, one["previous_total"] or 0)] if is_compared else []
    return [name, "unpriced" if value is None else _amount(answer, value), *before, share]


def _amount(answer: Mapping[str, Any], value: str | Fraction | int) -> str:
    if answer["unit"] == answer["currency"]:
        return format_money(Fraction(value), CURRENCIES[answer["currency"]])
    return f"{round_half_away(Fraction(value), 2):,}"


def _moment(written: str | datetime) -> datetime:
    found = written if isinstance(written, datetime) else parse_moment(written)
    assert found is not None
    return found
