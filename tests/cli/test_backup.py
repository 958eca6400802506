"""A backup brings everything back, and nothing on top of anything."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import pytest
import sqlalchemy as sa
import typer
from cast import make_cast
from commanding import Flyusage
from conftest import copied, pointed_at
from sqlmodel import SQLModel

from flyusage import db
from flyusage.orgs.queries import directory

if TYPE_CHECKING:
    from conftest import Database, Server


def contents() -> dict[str, tuple[int, int]]:
    """Rows of every table, and a digest of them all."""
    with db.platform_transaction() as session:
        names = [one.name for one in SQLModel.metadata.sorted_tables]
        said = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} AS t"
        found = {}
        for name in names:
            readable = session.scalar(sa.text("SELECT has_table_privilege(:name, 'SELECT')"), {"name": name})
            if readable:
                found[name] = tuple(map(int, session.execute(sa.text(said.format(f'"{name}"'))).one()))
        return found


def test_what_was_saved_is_what_comes_back(
    flyusage: Flyusage, server: "Server", template: str, database: "Database", tmp_path: Path
) -> None:
    billed_site.fill()
    file, others = tmp_path / "flyusage.dump", tmp_path / "flyusage.dump.part"
    others.write_text("of a backup that was killed, or goes on")
    said = flyusage("backup", str(file))
    assert said.code == 0, said.err
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == [file, others] and others.read_text().startswith("of a backup")
    before = contents()
    refused = flyusage("restore", str(file), "--yes")
    assert refused.code == 1
    assert "This database holds organizations (" in refused.err
    assert contents() == before
    with copied(server, template) as name, pointed_at(server, name):
        said = flyusage("restore", str(file), "--yes")
        assert said.code == 0, said.err
        assert "audit entries" in said.out
        after = contents()
        assert {name: rows for name, rows in after.items() if rows != before[name]} == {}
        assert flyusage("audit", "verify").code == 0
        with db.lookup_transaction() as session:
            known = directory(session)
        assert known
        with db.transaction(known[0].id) as session:  # row-level security is there again
            assert session.scalars(sa.text("SELECT DISTINCT org_id FROM invoice")).all() in ([known[0].id], [])
        with pytest.raises(sa.exc.DBAPIError, match="issued"), db.platform_transaction() as session:  # and so are the triggers
            session.execute(sa.text("UPDATE invoice SET net_minor = net_minor + 1"))


def test_who_begins_while_the_question_stands_there_is_not_written_over(
    flyusage: Flyusage, database: "Database", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.dump"
    assert flyusage("backup", str(file)).code == 0

    def answered(*_: object, **__: object) -> bool:
        with db.platform_transaction() as session:
            make_cast(session)
        return True

    monkeypatch.setattr(typer, "confirm", answered)
    said = flyusage("restore", str(file))
    assert (said.code, "This database holds organizations (prism, rival)" in said.err) == (1, True)
    with db.lookup_transaction() as session:
        assert len(directory(session)) == 2


def test_what_is_no_file_is_not_replaced_by_a_backup(flyusage: Flyusage, shared_database: "Database", tmp_path: Path) -> None:
    """As root, a device would be gone."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for taken in (pipe, tmp_path):
        said = flyusage("backup", str(taken))
        assert (said.code, said.err) == (1, f"flyusage: {taken} is no file that a backup could replace. Name another file.\n")
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_what_is_no_backup_is_refused_before_anything_is_touched(flyusage: Flyusage, shared_database: "Database", tmp_path: Path) -> None:
    file = tmp_path / "x.dump"
    assert "There is no file" in flyusage("restore", str(file)).err
    file.write_text("hello")
    said = flyusage("restore", str(file), "--yes")
    assert said.code == 1
    assert "pg_restore says: " in said.err
    assert flyusage("db", "status").code == 0
