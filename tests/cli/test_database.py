import json
from typing import TYPE_CHECKING

import pytest

from flyusage import schema

if TYPE_CHECKING:
    from conftest import Database


def test_status_says_both_versions(flyusage, shared_database: "Database"):
    said = flyusage("db", "status")
    assert (said.code, said.out) == (
        0,
        f"The database is at schema {schema.known_version()}; this flyusage needs {schema.known_version()}.\n",
    )
    assert json.loads(flyusage("db", "status", "--json").out) == {
        "current": schema.known_version(),
        "known": schema.known_version(),
        "is_embedded": False,
    }


def test_down_and_up_again_by_command(flyusage, database: "Database"):
    assert flyusage("db", "downgrade", "base", "--yes").code == 0
    assert flyusage("db", "status").code == 1
    said = flyusage("orgs", "list")
    assert (said.code, said.err) == (
        1,
        f"flyusage: The database has no schema yet; this flyusage needs {schema.known_version()}. Run `flyusage db init`.\n",
    )
    assert flyusage("db", "upgrade").code == 0
    assert flyusage("db", "status").code == 0


def test_init_may_be_repeated(flyusage, database: "Database"):
    for _ in range(2):
        assert (
            flyusage("db", "init").out == f"The database is at schema {schema.known_version()} and holds regions, sizes and list prices.\n"
        )


def test_an_older_schema_is_refused_by_serve_with_both_versions_and_the_command(flyusage, database: "Database"):
    schema.downgrade("-1")
    said = flyusage("serve", "--port", "18321")
    assert said.code == 1
    assert f"is at schema {schema.current_version()}, this flyusage needs {schema.known_version()}. Run `flyusage db upgrade`" in said.err


def test_an_unknown_revision_is_a_sentence(flyusage, database: "Database"):
    said = flyusage("db", "downgrade", "20010101_0000", "--yes")
    assert said.code == 1
    assert said.err.startswith("flyusage: ")
    assert "20010101_0000" in said.err


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_a_downgrade_asks_first(flyusage, database: "Database", monkeypatch: pytest.MonkeyPatch, answer: str):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert flyusage("db", "downgrade", "base").code == 1
    schema.require_known()
