"""`flyusage usage`: the explorer's view from the command line, to the same last decimal."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Group
from rich.text import Text

from flyusage import clock, db
from flyusage.cli import asked, bootstrap, remote, usage_table, view_options, views, watching
from flyusage.cli import view_options as given
from flyusage.cli.output import as_plain, print_json
from flyusage.cli.remote import Remote
from flyusage.invoices.costs import explore
from flyusage.logs import harmless
from flyusage.orgs.acting import system
from flyusage.orgs.exports import note_export
from flyusage.pricing.explorer import history
from flyusage.pricing.export import csv_lines
from flyusage.pricing.plain_answer import answer_plain
from flyusage.pricing.urls import view_as_written
from flyusage.pricing.view import Answer

Query = dict[str, list[str]]


def usage(
    org: given.Org = None,
    view: given.Saved = "",
    show: given.Show = "",
    by: given.By = "",
    chosen_range: given.Range = "",
    start: given.Start = "",
    end: given.End = "",
    per: given.Per = "",
    versus: given.Versus = "",
    as_of: given.AsOf = "",
    filters: given.Filters = None,
    continent: given.Continent = "",
    region: given.Region = "",
    app: given.App = "",
    cost_centre: given.CostCentre = "",
    vm_size: given.VmSize = "",
    sku: given.Sku = "",
    machine: given.Machine = "",
    chart: Annotated[str, typer.Option("--as", help="Taken from an address, and of no effect here.", hidden=True)] = "",
    zone: Annotated[str, typer.Option("--zone", help="As --as.", hidden=True)] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Ask again and again until Ctrl-C; in a pipe, print what changed.")] = False,
    every: Annotated[int, typer.Option("--every", min=1, max=3600, help="With --watch: after so many seconds.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, points included; with --watch, an answer per line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, as the page exports it.")] = False,
) -> None:
    """What an organization used, as the explorer shows it. Its address's words are the options.

    Example: flyusage usage --org demo --by app --range 7d --vs previous
    """
    params = {"show": show, "by": by, "range": chosen_range, "from": start, "to": end, "per": per, "vs": versus, "as_of": as_of}
    params |= {"continent": continent, "region": region, "app": app, "cost_centre": cost_centre, "vm_size": vm_size, "sku": sku}
    params |= {"machine": machine, "as": chart, "zone": zone}
    query = view_options.query_of(params, filters)
    if view:
        query = _over(views.named(view, org)["query"], query)
    if as_json and as_csv:
        raise typer.BadParameter("Ask for --json or for --csv.")
    if watch and (as_csv or as_of):
        raise typer.BadParameter("--watch follows what comes: leave --csv and --as-of out.")
    there = remote.of(org)
    if there is None:
        bootstrap.be_ready()
    if watch:
        _watch(lambda: _plain(there, org, query), every, as_json=as_json)
    elif as_csv:
        _print_csv(there, org, query)
    else:
        answer = _plain(there, org, query)
        for notice in answer["notices"]:
            typer.echo(harmless(notice), err=True)
        if as_json:
            print_json(answer)
        else:
            usage_table.print_usage(answer)


def _plain(there: Remote | None, org: str | None, query: Query) -> dict[str, Any]:
    """The answer, from there or from the database."""
    return answer_plain(_ask(org, query)) if there is None else there.get("/usage", view_options.joined(query))


def _over(saved: Mapping[str, str], given: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """A saved view's query with what is given in place of its own; a range that is given, however, replaces its range."""
    ranges = ("range", "from", "to")
    replaced = {*given, *(ranges if any(one in given for one in ranges) else ())}
    return {key: [value] for key, value in saved.items() if key not in replaced} | dict(given)


def _ask(slug: str | None, query: Query) -> Answer:
    org_id, now = asked.organization(slug).id, clock.now()
    with db.transaction(org_id) as session:
        view = view_as_written(query, now=now, history=history(session, org_id))
        return explore(session, org_id, view, now=now)


def _print_csv(there: Remote | None, org: str | None, query: Query) -> None:
    if there is not None:
        sys.stdout.write(there.download("/usage.csv", view_options.joined(query)).decode())
        return
    answer = _ask(org, query)
    for notice in answer.notices:
        typer.echo(harmless(notice), err=True)
    view = urlencode(view_options.joined(query))
    told = {"view": view, "format": "csv", "command": "usage --csv"}
    note_export(asked.organization(org).id, "usage", told, by=system("command"))
    for line in csv_lines(answer):
        sys.stdout.write(line)


def _watch(ask: watching.Ask, every: int, *, as_json: bool) -> None:
    if as_json:
        watching.one_after_another(ask, _print_line, _facts, every_seconds=every)
    elif usage_table.is_terminal():
        watching.in_place(ask, _drawn, every_seconds=every)
    else:
        watching.one_after_another(ask, _print_again, _facts, every_seconds=every)


def _drawn(answer: Mapping[str, Any]) -> Group:
    return Group(*(Text(harmless(one), style="yellow") for one in answer["notices"]), usage_table.drawn(answer))


def _print_line(answer: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(answer, default=as_plain, ensure_ascii=False))
    sys.stdout.flush()


def _print_again(answer: Mapping[str, Any]) -> None:
    usage_table.print_usage(answer)
    typer.echo("")
    sys.stdout.flush()


def _facts(answer: Mapping[str, Any]) -> tuple[object, ...]:
    return answer["total"], answer["previous_total"], answer["series"], answer["notices"]
