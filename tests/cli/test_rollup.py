"""`flyusage rollup`: bring up, verify, tell."""

import json

import pytest
import sqlalchemy as sa
from factories import ingest, started, stopped
from metering import rolled
from metering.rolled import utc
from typer.testing import CliRunner

from flyusage import clock, db
from flyusage.cli import bootstrap
from flyusage.cli.rollup import app
from flyusage.orgs.errors import OrganizationUnknown


@pytest.fixture(autouse=True)
def november(monkeypatch, database):
    monkeypatch.setattr(bootstrap, "be_ready", lambda: None)  # the fixture's database is
    with clock.freeze(utc("2026-11-15 10:40")):
        yield


@pytest.fixture
def two_orgs():
    ingest([started("m", "2026-11-14T09:00:00Z"), started("m", "2026-11-13T09:00:00Z", org="rival"), stopped("n", "2026-11-13T09:00:00Z")])


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def answer(*arguments):
    found = run(*arguments, "--json")
    return found.exit_code, json.loads(found.stdout)


def test_run_rolls_every_organization_and_again_changes_nothing(two_orgs):
    code, done = answer("run")
    assert (code, [(one["org"], one["rolled_days"], one["rolled_through"]) for one in done]) == (
        0,
        [("prism", 3, "2026-11-15T10:00:00Z"), ("rival", 3, "2026-11-15T10:00:00Z")],
    )
    before = rolled.everything()
    assert [one["rolled_days"] for one in answer("run", "--org", "prism")[1]] == [0]
    assert rolled.everything() == before
    assert "prism" in run("run").stdout


def test_status_says_what_waits(two_orgs):
    run("run", "--org", "prism")
    ingest([started("late", "2026-11-14T12:00:00Z"), stopped("late", "2026-11-14T12:00:01Z")])
    code, (prism, rival) = answer("status")
    assert code == 0
    assert (prism["waiting_days"], prism["complete_from"], prism["rolled_through"]) == (1, "2026-11-15", "2026-11-15T10:00:00Z")
    assert (rival["waiting_days"], rival["complete_from"], rival["is_stale"]) == (3, None, True)
    assert "2026-11-15 10:00:00Z" in run("status").stdout


def test_status_of_an_empty_installation():
    assert "No events yet." in run("status").stdout


def test_verify_leaves_with_1_when_something_differs(two_orgs):
    run("run")
    assert run("verify").exit_code == 0
    with db.platform_transaction() as session:
        session.execute(
            sa.text("UPDATE usage_day SET h09 = h09 + 1 WHERE org_id = :org AND day = '2026-11-14'"), {"org": rolled.org_id("rival")}
        )
    assert answer("verify", "--org", "prism") == (0, {"prism": []})
    code, found = answer("verify")
    assert (code, found["prism"], [one["table"] for one in found["rival"]]) == (1, [], ["usage_day"])
    printed = run("verify")
    assert printed.exit_code == 1
    assert "usage_day 2026-11-14 web dfw performance-1x machine.performance-1x: expected (86400" in printed.stdout


def test_an_unknown_organization_is_named():
    assert isinstance(run("run", "--org", "nobody").exception, OrganizationUnknown)
