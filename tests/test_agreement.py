"""For any view: page, API, command line, CSV, Parquet and Arrow tell the same, and FOCUS adds up to it, to the last decimal."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import billed_site
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from asking_api import ask, token_of
from background import run_async
from commanding import Flyusage, flyusage
from hypothesis import HealthCheck, Phase, example, given, reject, settings
from hypothesis import strategies as st

from flyusage import db
from flyusage.invoices.costs import explore
from flyusage.invoices.focus.portions import Unit, Width
from flyusage.invoices.focus.rows import Account, rows
from flyusage.metering.cost_centres import Assignment, assign
from flyusage.money import USD, format_money
from flyusage.orgs import api_tokens
from flyusage.pricing.explorer import history
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.urls import view_from_query
from flyusage.pricing.view import Measure
from flyusage.ui.charts.text import uid_of
from flyusage.ui.pages.explorer.question import Asked, table
from flyusage.ui.present import amount_text

if TYPE_CHECKING:
    from conftest import Database

__all__ = ["flyusage"]

MEASURES = (
    "list_cost", "contracted_cost", "effective_cost", "billed_cost", "machine_hours", "vcpu_hours", "memory_gb_hours", "volume_gb",
    "egress_gb", "running_mean", "running_peak",
)  # fmt: skip
FILTERS = {
    "app": ("web", "api,batch", "!web"),
    "region": ("fra", "!dfw", "gru,dfw"),
    "continent": ("Europe", "!South America"),
    "cost_centre": ("Shop", "!Shop", "Shop,Platform"),
    "vm_size": ("performance-1x", "!shared-cpu-2x", "performance-2x,shared-cpu-2x"),
    "sku": ("!volume",),
    "machine": ("web-0", "!api-0,!api-1", "batch-0,web-1"),
}
HOURS = (
    "2026-10-03T05:00:00Z/2026-10-20T17:00:00Z",
    "2026-10-24T22:00:00Z/2026-11-01T23:00:00Z",  # a summer time's end inside
    "2025-01-01T00:00:00Z/2026-01-01T00:00:00Z",
    "2025-10-31T00:00:00Z/2026-10-31T00:00:00Z",
)
filters = st.lists(
    st.sampled_from([(name, value) for name, values in FILTERS.items() for value in values]), max_size=2, unique_by=lambda one: one[0]
)
words = st.fixed_dictionaries(
    {
        "show": st.sampled_from(MEASURES),
        "by": st.sampled_from(["continent", "region", "app", "cost_centre", "vm_size", "sku", "machine", "nothing"]),
        "range": st.sampled_from(["2026-10", "2026-11", "2025-11", "7d", "30d", "this-month", "13-months", *HOURS]),
        "per": st.sampled_from(["", "", "hour", "day", "week", "month"]),
        "vs": st.sampled_from(["", "previous"]),
        "as_of": st.sampled_from(["", "2026-11-12T07:00:00Z"]),
    }
)
views = st.builds(lambda asked, narrowed: asked | dict(narrowed), words, filters)


@pytest.fixture(scope="module")
def prism(shared_database: "Database") -> Iterator[int]:
    with billed_site.filled() as org_id:
        with db.transaction(org_id) as session:
            centres = [Assignment("web", date(2026, 9, 1), "Shop"), Assignment("api", date(2026, 11, 1), "Platform")]
            assign(session, org_id, centres, actor="tests", origin="tests")
        yield org_id


@given(asked=views)
@settings(
    max_examples=10,  # other ones in every run; hypothesis says how to ask one that failed again, and does so by itself the next time
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_surface_tells_a_view_alike(prism: int, flyusage: Flyusage, asked: dict[str, str]):
    query = _query(asked)
    token = token_of(prism)
    told = ask("/usage", token=token, params=query)
    if told.status_code == 422:  # what cannot be asked, as single machines of what invoices tell; the page corrects it
        assert told.json()["code"] == "view_invalid"
        reject()
    said = told.json()
    pinned = {**query, "as_of": said["as_of"]}

    with db.transaction(prism) as session:
        view, notices = view_from_query({**pinned}, now=billed_site.clock.now(), history=history(session, prism))
        answer = explore(session, prism, view, now=billed_site.clock.now())
    assert notices == ()
    assert exact(answer.total) == said["total"]
    assert (None if answer.previous_total is None else exact(answer.previous_total)) == said["previous_total"]
    assert (answer.granularity, [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in answer.buckets]) == (said["granularity"], said["buckets"])
    assert [one.key for one in answer.series] == [one["key"] for one in said["series"]]

    words = [part for name, value in pinned.items() for part in (f"--{name.replace('_', '-')}", value)]
    by_command = json.loads(flyusage("usage", "--org", "prism", *words, "--json").out)
    for name in ("total", "previous_total", "series", "granularity", "buckets"):
        assert by_command[name] == said[name]

    written = ask("/usage.csv", token=token, params=pinned).text
    assert written == flyusage("usage", "--org", "prism", *words, "--csv").out
    lines = list(csv.reader(io.StringIO(written)))
    assert Decimal(lines[-1][2]) == Decimal(said["total"])
    _assert_the_page_prints(asked["show"], pinned, said, [one[2] for one in lines[-1 - len(said["series"]) : -1]])
    columns = ["total", *(["previous_total"] if said["previous_total"] else [])]
    columns += [name for name in ("list_cost", "machine_hours") if name != asked["show"]]
    for place, name in enumerate(columns, 2):
        cells = [one[place] for one in lines[-1 - len(said["series"]) : -1]]
        told_cells = [
            ("unpriced" if cell == "unpriced" else one[name] or exact(Fraction(0))) for cell, one in zip(cells, said["series"], strict=True)
        ]
        assert cells == told_cells, name
    if "list_cost" not in columns:  # a row's list cost is its total here, to the last decimal
        assert [one["list_cost"] for one in said["series"]] == [one["total"] or exact(Fraction(0)) for one in said["series"]]

    parquet = pq.read_table(io.BytesIO(ask("/usage.parquet", token=token, params=pinned).content)).to_pylist()
    arrow = pa.ipc.open_stream(ask("/usage.arrow", token=token, params=pinned).content).read_all().to_pylist()
    assert parquet == arrow
    for name in ("total", "previous_total", "list_cost", "machine_hours"):
        told_of = {one["key"]: None if one[name] is None else Decimal(one[name]) for one in said["series"]}
        assert {one["key"]: one[name] for one in parquet} == told_of


def _assert_the_page_prints(show: str, query: dict[str, str], said: Any, cells: Sequence[str]) -> None:
    """The page's own rows, as it rounds: of every value the total (CSV's `cells`), the one before, and the price of a machine-hour."""
    shown, measure = run_async(table(Asked("prism", query, page_length=10_000))), Measure(show)
    assert shown is not None
    rows = {one.key: one for one in shown.rows}
    assert len(rows) == len(shown.rows) == len(said["series"])
    for cell, one in zip(cells, said["series"], strict=True):
        row = rows[uid_of(one["key"])]
        assert row.value == ("unpriced" if cell == "unpriced" else amount_text(measure, Fraction(cell)))
        before = said["previous_total"] is not None
        assert row.before == (amount_text(measure, Fraction(one["previous_total"] or 0)) if before else "")
        cost, hours = Fraction((one["total"] if measure.is_money else one["list_cost"]) or 0), Fraction(one["machine_hours"] or 0)
        assert row.per_hour == (format_money(cost / hours, USD, places=4) if hours else "–")
    assert shown.total_row.value == amount_text(measure, Fraction(said["total"]))


def _query(asked: dict[str, str]) -> dict[str, str]:
    """A view's parameters; a range of hours as its first and its last moment."""
    query = {name: value for name, value in asked.items() if value}
    if "/" in query["range"]:
        query["from"], query["to"] = query.pop("range").split("/")
    return query


@pytest.mark.parametrize("show", ["list_cost", "contracted_cost", "machine_hours", "running_peak"])
def test_who_sees_one_app_is_told_what_its_filter_tells_others(prism: int, show: str):
    """And a filter that leaves the app out tells nothing of the others."""
    with db.platform_transaction() as session:
        apps = frozenset([session.scalars(sa.text("SELECT id FROM app WHERE org_id = :org AND name = 'web'"), {"org": prism}).one()])
        made = api_tokens.create(session, prism, name="web", scopes=["usage.read", "usage.export"], by=billed_site.BY, apps=apps)
    query = {"show": show, "by": "region", "range": "2026-10", "vs": "previous", "per": "day", "as_of": "2026-11-12T07:00:00Z"}
    theirs = ask("/usage", token=made.secret, params=query).json()
    ours = ask("/usage", token=token_of(prism), params={**query, "app": "web"}).json()
    for name in ("total", "previous_total", "series", "buckets", "drawn"):
        assert theirs[name] == ours[name]
    assert Decimal(theirs["total"]) > 0
    others = ask("/usage", token=made.secret, params={**query, "app": "!web"}).json()
    assert (Decimal(others["total"]), others["series"]) == (0, [])


@example(by="app", value=0, per=Width.DAY, unit=Unit.APP)
@example(by="region", value=1, per=Width.HOUR, unit=Unit.MACHINE)
@given(by=st.sampled_from(["app", "region"]), value=st.integers(0, 2), per=st.sampled_from(Width), unit=st.sampled_from(Unit))
@settings(
    max_examples=6, derandomize=True, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_focus_adds_up_to_what_a_view_of_the_month_tells(prism: int, by: str, value: int, per: Width, unit: Unit):
    """Billed and list cost of an issued month, by day or hour, of apps or machines: all of it, and of one app or region."""
    chosen = {"app": ("web", "api", "batch"), "region": ("dfw", "fra", "gru")}[by][value]
    column, named = {"app": ("SubAccountId", f"app/{chosen}"), "region": ("RegionId", chosen)}[by]
    with db.transaction(prism) as session:
        found = list(rows(session, Account(prism, "prism", "Prism"), date(2026, 10, 1), by=unit, per=per))
    invoice = ask("/invoices/PRISM-000001", token=token_of(prism)).json()
    tax_less_prepaid = Decimal(invoice["due"]["amount"]) - Decimal(invoice["net"]["amount"])
    for show, amount in (("billed_cost", "BilledCost"), ("list_cost", "ListCost")):
        query = {"show": show, "by": "nothing", "range": "2026-10"}
        for narrowed in ({}, {by: chosen}):
            told = ask(f"/usage?{urlencode({**query, **narrowed})}", token=token_of(prism)).json()
            told_of = [one for one in found if not narrowed or getattr(one, column) == named]
            if show == "list_cost":  # of usage; a fee has a list cost, too
                told_of = [one for one in told_of if one.SubAccountId is not None]
            beyond = tax_less_prepaid if show == "billed_cost" and not narrowed else 0  # they are of the document, and of no app or region
            # a row has twelve decimals, and what its rounding leaves goes to the next: an app's rows follow each other, a region's do not
            apart = {"app": 1, "region": len(told_of)}[by] if narrowed and show == "list_cost" else 0
            adds_up_to = sum(Decimal(getattr(one, amount)) for one in told_of)
            assert abs(adds_up_to - Decimal(told["total"]) - beyond) <= apart * Decimal("1e-12"), (show, narrowed)
