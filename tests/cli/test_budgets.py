"""`flyusage budgets`: set, listed, told and ended from a terminal."""

import json
from datetime import UTC, datetime

import pytest
from billing_world import take_in, volume
from conftest import Database

from flyusage import clock
from flyusage.alerts.background import look

NOW = datetime(2026, 10, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def prism(database: Database):
    """$3 a day for web and $2 for api, since October 1."""
    with clock.freeze(NOW):
        take_in(volume("v1", 600)[0], volume("v2", 400, app="api", region="fra")[0], at=NOW)
        yield


def test_a_budget_is_set_listed_told_and_ended(flyusage):
    said = flyusage("budgets", "create", "All of it", "100.00", "--org", "prism", "--at", "50", "--tell", "ann@prism.example")
    assert (said.code, said.out) == (0, "Budget 1, All of it: $75.00 of $100.00 spent so far.\n")
    flyusage("budgets", "create", "Web", "60", "--org", "prism", "--only", "app=web", "--only", "region=dfw", "--only", "region=fra")
    listed = flyusage("budgets", "list", "--org", "prism")
    assert "75 %" in listed.out
    assert "app web, region dfw,fra" in listed.out
    (first, second) = json.loads(flyusage("budgets", "list", "--org", "prism", "--json").out)
    assert (first["spent_minor"], first["amount_minor"], first["month"]) == (7500, 10000, "2026-10-01")
    assert first["expected_minor"]["low"] <= first["expected_minor"]["expected"] <= first["expected_minor"]["high"]
    assert (second["spent_minor"], second["scope"]) == (4500, {"app": "web", "region": "dfw,fra"})
    look()
    told = flyusage("budgets", "alerts", "--org", "prism")
    assert "50 % spent" in told.out
    assert "Waiting to be sent." in told.out
    assert flyusage("budgets", "end", "1", "--org", "prism").out == "Budget 1 has ended.\n"
    assert len(json.loads(flyusage("budgets", "list", "--org", "prism", "--json").out)) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "x", "ten", "--org", "prism"), "'ten' is no amount. Write it as 50000 or 1234.50."),
        (("create", "x", "10", "--org", "prism", "--only", "web"), "'web' is no filter. Write it as app=web,api or region=!fra."),
        (("create", "x", "10", "--org", "prism", "--only", "colour=red"), "colour is none."),
        (("end", "99", "--org", "prism"), "There is no such budget"),
        (("list", "--org", "nobody"), "There is no organization 'nobody'."),
    ],
)
def test_a_mistake_is_one_sentence(flyusage, arguments, sentence):
    said = flyusage("budgets", *arguments)
    assert said.code == 1
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_without_any_it_says_how_to_set_one(flyusage):
    assert flyusage("budgets", "list", "--org", "prism").out.startswith("There is no budget yet. Try: flyusage budgets create")
