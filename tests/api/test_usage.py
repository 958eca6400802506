"""One view, three surfaces: the API, the page's CSV and the command give the same numbers."""

import csv
import io
import json
import shlex
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import billed_site
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from asking_api import ask, token_of
from background import run_async
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from story import NOW

from flyusage import clock, db
from flyusage.invoices.costs import explore
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.explorer import history
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.urls import parse_moment, view_from_query
from flyusage.ui import downloads
from flyusage.ui.pages.explorer import question

if TYPE_CHECKING:
    from conftest import Database

ABOUT = ("view", "measure", "unit", "currency", "total", "previous_total", "as_of", "rolled_through", "notices")
AMOUNTS = ("total", "previous_total", "list_cost", "machine_hours")
VIEWS = (
    {},
    {"show": "list_cost", "by": "app", "range": "2026-10"},
    {"show": "list_cost", "by": "sku", "range": "13-months", "vs": "last_year"},
    {"show": "machine_hours", "by": "vm_size", "from": "2026-10-03", "to": "2026-10-20T07:00", "region": "!fra"},
    {"show": "egress_gb", "by": "nothing", "range": "last-month", "per": "day"},
    {"show": "running_peak", "by": "continent", "range": "2026-10", "vs": "previous"},
    {"show": "billed_cost", "by": "cost_centre", "range": "2026-10"},
    {"show": "effective_cost", "by": "region", "range": "2026-10"},
    {"show": "contracted_cost", "by": "machine", "range": "2026-10"},
    {"show": "volume_gb", "by": "app", "range": "2026-10", "app": "web,api", "as": "map", "as_of": "2026-11-01T00:00:00Z"},
)


@pytest.fixture(scope="module")
def tokens(shared_database: "Database") -> dict[str, str]:
    billed_site.fill()
    with db.lookup_transaction() as session:
        ids = {slug: organization_by_slug(session, slug).id for slug in ("prism", "rival")}
    return {slug: token_of(org_id) for slug, org_id in ids.items()}


@pytest.fixture(autouse=True)
def story_end(tokens: dict[str, str]):
    moment = parse_moment(NOW)
    assert moment is not None
    with clock.freeze(moment):
        yield


def page_csv(view: dict[str, str]) -> str:
    async def talk() -> str:
        transport = ASGITransport(app=Starlette(routes=downloads.routes))
        async with AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/orgs/prism/usage.csv", params=view)).text

    return run_async(talk())


def columnar(secret: str, view: dict[str, str]) -> dict[str, pa.Table]:
    """The view as Parquet and as Arrow, as a data frame reads them."""
    parquet, arrow = (ask(f"/usage.{name}", token=secret, params=view).content for name in ("parquet", "arrow"))
    return {"parquet": pq.read_table(io.BytesIO(parquet)), "arrow": pa.ipc.open_stream(arrow).read_all()}


def as_decimals(one: dict[str, Any]) -> dict[str, Any]:
    """A line of the JSON with its amounts as numbers; twelve places either way."""
    return {**one, **{name: one[name] and Decimal(one[name]) for name in AMOUNTS}}


@pytest.mark.parametrize("view", [one for one in VIEWS if one.get("as") != "map"], ids=str)
def test_the_api_the_pages_csv_and_the_command_agree_to_the_last_decimal(tokens, view, flyusage):
    answered = ask("/usage", token=tokens["prism"], params=view)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    assert ask("/usage.csv", token=tokens["prism"], params=view).text == page_csv(view)
    options = [part for name, value in view.items() for part in (f"--{name}", value)]
    command = json.loads(flyusage("usage", "--org", "prism", *options, "--json").out)
    assert told == command
    rows = list(csv.reader(io.StringIO(page_csv(view))))
    body = [row for row in rows if not row[0].startswith("# ")][1:]
    assert [(row[0], row[2]) for row in body[:-1]] == [(one["key"], one["total"] or "unpriced") for one in told["series"]]
    assert Decimal(body[-1][2]) == Decimal(told["total"])
    lines = [json.loads(line) for line in ask("/usage.ndjson", token=tokens["prism"], params=view).text.splitlines()]
    assert lines == told["series"]
    for name, table in columnar(tokens["prism"], view).items():
        assert table.to_pylist() == [as_decimals(one) for one in told["series"]], name
        about = json.loads(table.schema.metadata[b"flyusage"])
        assert {key: about[key] for key in ABOUT} == {key: told[key] for key in ABOUT}, name
        assert {str(table.schema.field(column).type) for column in AMOUNTS} == {"decimal128(38, 12)"}, name


def test_october_is_what_the_story_says(tokens):
    """Billed: 167.58 net of tax, as the invoice's page shows (tests/billed_site.py)."""
    told = ask("/usage", token=tokens["prism"], params={"show": "billed_cost", "by": "region", "range": "2026-10"}).json()
    invoice = ask("/invoices/PRISM-000001", token=tokens["prism"]).json()
    assert (told["unit"], Decimal(told["total"])) == ("USD", Decimal("167.58"))
    assert invoice["net"] == {"amount": "167.58", "currency": "USD"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"from": "2026-10-05", "to": "2026-10-01"}, "ended before it began"),
        ({"as_of": "2030-01-01"}, "not a moment up to now"),
        ({"show": "list_cost", "as": "map", "by": "app"}, "A map shows places"),
        ({"range": "13-months", "per": "hour"}, "Hours are shown for ranges up to 62 days"),
    ],
)
def test_what_the_page_would_correct_is_refused_rather_than_answered_otherwise(tokens, asked, said):
    for ending in ("", ".csv", ".ndjson"):
        answered = ask(f"/usage{ending}", token=tokens["prism"], params=asked)
        assert (answered.status_code, answered.json()["code"]) == (422, "view_invalid")
        assert said in answered.json()["detail"]


@pytest.mark.parametrize("asked", [{"show": "love"}, {"by": "owner"}, {"colour": "red"}, {"from": "yesterday"}])
def test_what_is_not_in_the_document_is_refused_by_name(tokens, asked):
    answered = ask("/usage", token=tokens["prism"], params=asked)
    assert (answered.status_code, answered.json()["code"]) == (400, "request_invalid")
    assert answered.headers["content-type"] == "application/problem+json"


def test_a_text_that_nothing_here_could_hold_is_a_sentence(tokens):
    answered = ask("/usage", token=tokens["prism"], params={"app": "a\0b"})
    assert (answered.status_code, answered.json()["code"]) == (422, "text_invalid")
    assert "NUL" in answered.json()["detail"]


def test_invoiced_costs_need_invoices_read(tokens):
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    secret = token_of(org_id, "usage.read", "usage.export")
    assert ask("/usage", token=secret, params={"show": "list_cost"}).status_code == 200
    for ending in ("", ".csv", ".ndjson"):
        answered = ask(f"/usage{ending}", token=secret, params={"show": "billed_cost"})
        assert (answered.status_code, answered.json()["code"]) == (403, "not_permitted")


def test_a_pinned_view_is_told_once(tokens):
    view = {"range": "2026-10", "as_of": "2026-11-01T00:00:00Z"}
    first = ask("/usage", token=tokens["prism"], params=view)
    again = ask("/usage", token=tokens["prism"], params=view, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = ask("/usage", token=tokens["prism"], params={**view, "by": "app"}, headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200


def test_rival_sees_its_own(tokens):
    told = ask("/usage", token=tokens["rival"], params={"by": "app", "range": "2026-10"}).json()
    mine = ask("/usage", token=tokens["prism"], params={"by": "app", "range": "2026-10"}).json()
    assert told["total"] != mine["total"]


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_what_the_explorer_copies_as_curl_gives_the_views_own_numbers(tokens, view):
    """The address that the page hands out is one that the API takes, whatever the page corrected on the way."""
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    with db.transaction(org_id) as session:
        taken, _ = view_from_query(view, now=clock.now(), history=history(session, org_id))
        answer = explore(session, org_id, taken)
    pinned = replace(answer.view, as_of=answer.as_of)
    command = shlex.split(question._curl(pinned))
    assert command[:3] == ["curl", "-H", "Authorization: Bearer $FLYUSAGE_TOKEN"]
    address = urlsplit(command[3])
    assert (address.netloc, address.path) == ("127.0.0.1:8321", "/api/v1/usage")
    told = ask(f"/usage?{address.query}", token=tokens["prism"])
    assert told.status_code == 200, told.text
    assert Decimal(told.json()["total"]) == Decimal(exact(answer.total))
