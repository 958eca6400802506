"""`flyusage views`, and what takes a view by its name: `usage --view` and `budgets create --view`."""

import json
from datetime import UTC, datetime

import pytest
from billing_world import take_in, volume
from conftest import Database

from flyusage import clock

NOW = datetime(2026, 10, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def prism(database: Database):
    """$3 a day for web and $2 for api, since October 1."""
    with clock.freeze(NOW):
        take_in(volume("v1", 600)[0], volume("v2", 400, app="api", region="fra")[0], at=NOW)
        yield


def test_a_view_is_saved_listed_asked_and_deleted(flyusage):
    said = flyusage("views", "save", "Web", "range=this-month", "by=region", "app=web", "--pin")
    assert (said.code, said.out) == (0, "View 1, Web, is saved for everybody there.\n")
    (one,) = json.loads(flyusage("views", "list", "--json").out)
    assert (one["query"], one["scope"]) == ({"show": "list_cost", "by": "region", "app": "web", "range": "this-month"}, {"app": "web"})
    assert "everybody" in flyusage("views", "list").out
    total = json.loads(flyusage("usage", "--view", "Web", "--json").out)["total"]
    assert float(total) == 45  # half a month of $3 a day
    days = json.loads(flyusage("usage", "--view", "Web", "--from", "2026-10-01", "--to", "2026-10-11", "--app", "api", "--json").out)
    assert float(days["total"]) == 20  # another app and range in its place
    assert flyusage("budgets", "create", "Web's", "60", "--org", "prism", "--view", "Web").code == 0
    (budget,) = json.loads(flyusage("budgets", "list", "--org", "prism", "--json").out)
    assert (budget["scope"], budget["spent_minor"]) == ({"app": "web"}, 4500)
    assert flyusage("views", "delete", "1").out == "View 1, Web, is deleted.\n"
    assert "Nothing is saved yet" in flyusage("views", "list").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("usage", "--view", "Nope"), "There is no saved view called 'Nope'. There are: none yet."),
        (("views", "save", "x", "web"), "'web' is no part of a view. Write it as range=this-month or app=web,api"),
        (("views", "save", "x", "colour=red"), "is not part of a view"),
        (("views", "delete", "9"), "There is no such saved view"),
        (
            ("budgets", "create", "x", "10", "--org", "prism", "--view", "Nope"),
            "There is no saved view called 'Nope'. There are: none yet.",
        ),
    ],
)
def test_a_mistake_is_one_sentence(flyusage, arguments, sentence):
    said = flyusage(*arguments)
    assert said.code == 1
    assert sentence in said.err
    assert "Traceback" not in said.err
