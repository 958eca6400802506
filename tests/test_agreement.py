"""For any view: page, API, command line, CSV, Parquet and Arrow tell the same, and FOCUS adds up to it, to the last decimal."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

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
from flyusage.invoices.crediting import credit
from flyusage.invoices.focus.portions import plain
from flyusage.invoices.focus.rows import PREPAID
from flyusage.metering.cost_centres import Assignment, assign
from flyusage.money import USD, format_money
from flyusage.orgs import api_tokens
from flyusage.pricing.agreements import add_fee, reserve
from flyusage.pricing.explorer import history
from flyusage.pricing.grants import grant
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.terms import CpuKind, CreditKind, RecurringFee, Reservation
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
KEYS = {  # of a row of FOCUS, as the explorer's keys
    "app": lambda row: row["SubAccountName"],
    "region": lambda row: row["RegionId"],
    "sku": lambda row: row["SkuId"] if row["ServiceCategory"] != "Other" else "",
}
NOVEMBER = date(2026, 11, 1)
CHARGED = {"2026-10": {"Support plan <b>Standard</b>"}, "2026-11": {"Seats", "Welcome"}}
DOCUMENTS = {"2026-10": {"PRISM-000001", "PRISM-C000001"}, "2026-11": {"DRAFT-2026-11"}}
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
    """The browser tests' one; October's invoice with a credit note beside it, November with a reservation, seats and a promotional credit."""
    with billed_site.filled() as org_id:
        with db.platform_transaction() as session:
            (october,) = session.scalars(sa.text("SELECT id FROM invoice WHERE org_id = :org"), {"org": org_id})
            credit(session, org_id, october, net_minor=3000, reason="Goodwill", by=billed_site.BY)
            fra = session.scalars(sa.text("SELECT id FROM region WHERE code = 'fra'")).one()
            reserve(session, org_id, Reservation(fra, CpuKind.SHARED, 9100, 400, "USD", NOVEMBER, 3), by=billed_site.BY)
            seats = RecurringFee("Seats", date(2026, 11, 5), unit_amount=Decimal(10), currency="USD", quantity=Decimal(3))
            add_fee(session, org_id, seats, by=billed_site.BY)
            grant(session, org_id, CreditKind.PROMOTIONAL, 1234, description="Welcome", by=billed_site.BY)
        with db.transaction(org_id) as session:
            centres = [Assignment("web", date(2026, 9, 1), "Shop"), Assignment("api", date(2026, 11, 1), "Platform")]
            assign(session, org_id, centres, actor="tests", origin="tests")
        yield org_id


@example(asked={"show": "billed_cost", "by": "app", "range": "2026-10"})  # issued, with a credit note
@example(asked={"show": "effective_cost", "by": "sku", "range": "2026-11", "per": "day"})  # a draft, with a reservation and seats
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


@pytest.mark.parametrize(
    ("month", "unit", "per"),
    [("2026-10", "app", "day"), ("2026-10", "machine", "hour"), ("2026-11", "machine", "day"), ("2026-11", "app", "hour")],
)
def test_focus_adds_up_to_what_views_of_the_month_tell(prism: int, month: str, unit: str, per: str):
    """Each cost by app, region, sku and day: of an issued month with a credit note, of a draft with a reservation, seats and a credit."""
    token = token_of(prism)
    file = ask("/exports/focus", token=token, params={"month": month, "by": unit, "per": per}).text
    found = list(csv.DictReader(io.StringIO(file, newline="")))
    net = [one for one in found if one["ChargeCategory"] != "Tax" and one["ChargeDescription"] != PREPAID]
    used = [one for one in net if one["ChargeCategory"] == "Usage" and one["ServiceCategory"] != "Other"]
    assert CHARGED[month] <= {one["ChargeDescription"] for one in net}
    assert {one["InvoiceId"] for one in found} == DOCUMENTS[month]
    assert any(one["ChargeCategory"] == "Purchase" for one in net) is (month == "2026-11")
    for show, column in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost"), ("list_cost", "ListCost")):
        lines = used if show == "list_cost" else net  # a fee has a list cost, too
        apart = len(lines) * Decimal("1e-12") if show == "list_cost" else 0  # a row has twelve decimals; what is billed has two
        for by, key in KEYS.items():
            told = ask("/usage", token=token, params={"show": show, "by": by, "range": month}).json()
            assert abs(sum(Decimal(one[column]) for one in lines) - Decimal(told["total"])) <= apart, (show, by)
            told_of = {plain(one["key"]): Decimal(one["total"]) for one in told["series"]}
            sums = _summed(lines, column, key)
            assert all(abs(sums[key] - told_of.get(key, 0)) <= apart for key in {*sums, *told_of}), (show, by, sums, told_of)
        if show == "billed_cost" and month == "2026-11":
            continue  # what a reservation costs up front is a purchase of one day here, and the month's in a view
        daily = ask("/usage", token=token, params={"show": show, "by": "nothing", "range": month, "per": "day"}).json()
        sums, (drawn,) = _summed(lines, column, lambda one: one["ChargePeriodStart"][:10]), daily["drawn"]
        assert [float(sums[day[:10]]) for day in daily["buckets"]] == pytest.approx(drawn["points"], abs=1e-9), show


def _summed(lines: Sequence[dict[str, str]], column: str, key: Callable[[dict[str, str]], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in lines:
        sums[key(one)] += Decimal(one[column])
    return sums
