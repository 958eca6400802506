"""`flyusage ingest`: sources, counts, the rejects file, exit codes."""

import gzip
import io
import json
from datetime import UTC, datetime

import pytest
import typer
from factories import line, lines, started, stopped
from metering import stored
from typer.testing import CliRunner

from flyusage import clock
from flyusage.cli import bootstrap
from flyusage.cli import ingest as command
from flyusage.cli.ingest import InputUnreadable, read_lines

D = "2026-10-01T"
GOOD = lines(started("m", f"{D}00:00:00Z"), stopped("m", f"{D}01:00:00Z"))
app = typer.Typer()
app.command()(command.ingest)


@pytest.fixture(autouse=True)
def november(monkeypatch):
    monkeypatch.setattr(bootstrap, "be_ready", lambda: None)  # the fixture's database is
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def answer(*arguments, stdin=None):
    found = run(*arguments, "--json", stdin=stdin)
    return found.exit_code, json.loads(found.stdout)


def test_a_file_goes_in_and_again_changes_nothing(database, tmp_path):
    (tmp_path / "events.ndjson").write_bytes(b"".join(GOOD))
    first = run(tmp_path / "events.ndjson")
    assert first.exit_code == 0
    assert first.stdout.startswith("2 accepted, 0 duplicate, 0 refused")
    assert "prism" in first.stdout
    code, again = answer(tmp_path / "events.ndjson")
    assert (code, again["accepted"], again["duplicate"], again["organizations"]) == (0, 0, 2, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.ndjson"]


def test_folders_compressed_files_and_standard_input(database, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.ndjson.gz").write_bytes(gzip.compress(GOOD[0]))
    (tmp_path / "two.jsonl").write_bytes(GOOD[1])
    (tmp_path / "old.ndjson.rejects.ndjson").write_bytes(b"not ours\n")
    (tmp_path / "notes.txt").write_bytes(b"not ours\n")
    code, found = answer(tmp_path, "-", stdin=line(started("n", f"{D}00:00:00Z")))
    assert (code, found["accepted"], found["refused"]) == (0, 3, 0)


def test_refused_lines_are_kept_beside_the_input_with_reasons(database, tmp_path):
    source = tmp_path / "events.ndjson"
    source.write_bytes(GOOD[0] + b"caf\xff\n" + GOOD[1].replace(b"dfw", b"xyz"))
    code, found = answer(source)
    assert (code, found["accepted"], found["refused"]) == (3, 1, 2)
    assert found["refused_by_code"] == {"not_json": 1, "unknown_region": 1}
    kept = [json.loads(row) for row in (tmp_path / "events.ndjson.rejects.ndjson").read_text().splitlines()]
    assert [(row["line"], row["code"], row["raw"]) for row in kept] == [
        (2, "not_json", "caf\\xff"),
        (3, "unknown_region", GOOD[1].replace(b"dfw", b"xyz").decode().rstrip()),
    ]
    assert all(row["sentence"].endswith((".", ")")) for row in kept)


def test_a_full_disk_under_the_rejects_file_loses_nothing_accepted(database, tmp_path):
    source = tmp_path / "events.ndjson"
    source.write_bytes(b"damaged\n" + b"".join(GOOD))
    found = run(source, "--rejects", "/dev/full")
    assert found.exit_code == 1
    assert "The rejects file /dev/full could not be written (No space left on device); 1 refused lines are missing" in found.stderr
    assert stored.rows("SELECT count(*) FROM usage_event") == [(2,)]


def test_unknown_organizations_can_be_refused(database, tmp_path):
    (tmp_path / "e.ndjson").write_bytes(b"".join(GOOD))
    code, found = answer(tmp_path / "e.ndjson", "--strict-orgs")
    assert (code, found["refused_by_code"]) == (3, {"org_unknown": 2})


def test_old_events_can_be_asked_for(database, tmp_path):
    (tmp_path / "e.ndjson").write_bytes(line(started("m", "2020-01-01T00:00:00Z")))
    assert answer(tmp_path / "e.ndjson")[1]["refused_by_code"] == {"time_too_old": 1}
    assert answer(tmp_path / "e.ndjson", "--max-age", "120")[1]["accepted"] == 1


@pytest.mark.parametrize("name", ["missing.ndjson", "."])
def test_what_cannot_be_read_is_said_before_anything_goes_in(database, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    found = run(name)
    assert isinstance(found.exception, InputUnreadable)
    assert name in found.exception.sentence


def test_a_damaged_archive_keeps_what_came_before(database, tmp_path):
    whole = gzip.compress(b"".join(line(started(f"m{number}", f"{D}00:00:00Z")) for number in range(5_000)), mtime=0)
    (tmp_path / "e.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    found = run(tmp_path / "e.ndjson.gz")
    assert isinstance(found.exception, InputUnreadable)
    assert "cannot be read to its end" in found.exception.sentence


def test_a_line_without_end_takes_no_memory():
    endless = b"x" * 3_000_000
    found = list(read_lines(io.BytesIO(b"a\n" + endless + b"\nb\n" + endless)))
    assert [len(one) for one in found] == [2, 65_539, 2, 65_539]
