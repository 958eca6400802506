"""Pages in the browser: where one is, and having it opened there."""

import sys
import webbrowser
from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, instance, remote, view_options
from flyusage.cli import view_options as given
from flyusage.cli.remote import Remote
from flyusage.config import settings
from flyusage.invoices import queries
from flyusage.orgs.queries import directory
from flyusage.pricing.urls import usage_path

PrintOnly = Annotated[bool, typer.Option("--print", help="Print the address, and open nothing.")]


def open_view(
    org: given.Org = None,
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
    chart: Annotated[str, given.option("--as", says="area, bars, lines, share, treemap, heatmap or map.")] = "",
    zone: Annotated[str, given.option("--zone", says="What the chart's hours are told in, east of UTC: 05:30.")] = "",
    print_only: PrintOnly = False,
) -> None:
    """The same view in the browser. Where there is none, or in a pipe, its address is all.

    Example: flyusage open --org demo --by app --range 7d --as bars
    """
    params = {"show": show, "by": by, "range": chosen_range, "from": start, "to": end, "per": per, "vs": versus, "as_of": as_of}
    params |= {"continent": continent, "region": region, "app": app, "cost_centre": cost_centre, "vm_size": vm_size, "sku": sku}
    params |= {"machine": machine, "as": chart, "zone": zone}
    there = remote.of(org)
    path = usage_path(_slug(there, org), view_options.joined(view_options.query_of(params, filters)))
    show_page(there, path, print_only=print_only)


def open_invoice(
    number: Annotated[str, typer.Argument(help="The invoice's number, such as PRISM-000042.")], print_only: PrintOnly = False
) -> None:
    """An invoice's page in the browser. Where there is none, or in a pipe, its address is all.

    Example: flyusage invoices open PRISM-000042
    """
    there = remote.of(None)
    if there is not None:
        known = there.get(f"/invoices/{quote(number, safe='')}")["number"]
        slug = there.get("/organization")["org"]
    else:
        bootstrap.be_ready()
        with db.platform_transaction() as session:
            found = queries.find(session, number)
            known, slug = found.number, next(one.slug for one in directory(session) if one.id == found.org_id)
    show_page(there, f"/orgs/{quote(slug)}/invoices/{quote(known, safe='')}", print_only=print_only)


def show_page(there: Remote | None, path: str, *, print_only: bool) -> None:
    """Print a page's address, and open it where there is a browser and somebody at a terminal."""
    address = f"{there.url if there is not None else _base()}{path}"
    typer.echo(address)
    if not print_only and sys.stdout.isatty():
        with suppress(webbrowser.Error):
            webbrowser.open(address)


def _slug(there: Remote | None, org: str | None) -> str:
    if there is not None:
        return there.get("/organization")["org"]
    bootstrap.be_ready()
    return asked.organization(org).slug


def _base() -> str:
    """Where the server of this folder answers; the address that is configured where none of it runs."""
    chosen = settings()
    announced = instance.address(chosen.data_dir) if chosen.is_embedded and chosen.base_url is None else None
    return announced or chosen.address
