"""`flyusage cost-centres`: a file in, what it came to, and the same file out again."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Database
from factories import ingest, started

from flyusage import clock
from flyusage.cli import bootstrap

HOSTILE = "=cmd|'/c calc'!A1"
FILE = f"""app,cost_centre,from_month
web,Shop,2026-09
web,Data,2026-12
'{HOSTILE},'+Labs,2026-10
nothing,Shop,2026-10
api,Shop,October
"""


@pytest.fixture(autouse=True)
def apps(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap, "be_ready", lambda: None)  # the fixture's database is
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        ingest(started(f"m-{app}", "2026-10-01T00:00:00Z", app=app) for app in ("web", "api", HOSTILE))
        yield


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "centres.csv").write_text(FILE)
    return str(tmp_path / "centres.csv")


def test_the_good_rows_go_in_and_the_others_are_named(flyusage, file):
    said = flyusage("cost-centres", "import", file, "--org", "prism")
    assert (said.code, said.out) == (3, "3 assigned, 0 already so, 2 refused.\nNew cost centres: +Labs, Data, Shop.\n")
    assert said.err.splitlines() == [
        "line 5: app_unknown: No app of prism is called 'nothing'; an app is known from its first event on.",
        "line 6: invalid_month: 'October' is no month; write it as 2026-10.",
    ]
    again = json.loads(flyusage("cost-centres", "import", file, "--org", "prism", "--json").out)
    assert (again["changed"], again["unchanged"], [row["line"] for row in again["refused"]]) == ([], 3, [5, 6])


def test_a_dry_run_says_the_same_and_changes_nothing(flyusage, file):
    said = flyusage("cost-centres", "import", file, "--org", "prism", "--dry-run")
    assert (said.code, said.out.splitlines()[0]) == (3, "3 would be assigned, 0 already so, 2 refused.")
    assert json.loads(flyusage("cost-centres", "list", "--org", "prism", "--json").out)["assignments"] == []


def test_what_is_exported_goes_in_again_and_changes_nothing(flyusage, file, tmp_path):
    flyusage("cost-centres", "import", file, "--org", "prism")
    out = flyusage("cost-centres", "export", "--org", "prism").out
    assert out.splitlines() == ["app,cost_centre,from_month", f"'{HOSTILE},'+Labs,2026-10", "web,Shop,2026-09", "web,Data,2026-12"]
    (tmp_path / "again.csv").write_text(out)
    again = flyusage("cost-centres", "import", str(tmp_path / "again.csv"), "--org", "prism")
    assert (again.code, again.out) == (0, "0 assigned, 3 already so, 0 refused.\n")


def test_the_list_shows_what_holds_now_and_what_is_to_come(flyusage, file):
    flyusage("cost-centres", "import", file, "--org", "prism")
    rows = [line.split() for line in flyusage("cost-centres", "list", "--org", "prism").out.splitlines()]
    assert rows[0] == ["app", "cost", "centre", "from"]
    assert rows[2:] == [["api", "Unassigned", "–"], ["web", "Shop", "2026-09"], ["web", "Data", "2026-12"]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"web;Shop\n", "The first line must name the columns app, cost_centre, from_month; it reads 'web;Shop'."),
        (b"app,cost_centre,from_month\n\xff\xfe\n", "is not UTF-8 text; save it as CSV UTF-8."),
        (None, "cannot be read (No such file or directory)."),
    ],
)
def test_a_file_that_cannot_be_understood_is_one_sentence(flyusage, tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "centres.csv").write_bytes(content)
    said = flyusage("cost-centres", "import", str(tmp_path / "centres.csv"), "--org", "prism")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert sentence in said.err


def test_an_unknown_organization_is_said_before_anything_happens(flyusage, file):
    said = flyusage("cost-centres", "import", file, "--org", "nobody")
    assert (said.code, said.err) == (1, "flyusage: There is no organization 'nobody'. `flyusage orgs list` names those there are.\n")
