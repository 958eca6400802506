"""The expected lines were written by the trace tool of the project's shared material, an implementation of its own."""

import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from flyusage.demo.trace import TraceUnreadable, convert

FIXTURES = Path(__file__).parent / "fixtures"
SHARED = Path(__file__).parents[3] / "shared"


@pytest.mark.parametrize("name", ["made_trace", "made_pods"])
def test_a_trace_becomes_the_same_lines_as_from_the_shared_tool(name: str) -> None:
    with (FIXTURES / f"{name}.ndjson").open("rb") as expected:
        assert list(convert(FIXTURES / f"{name}.csv")) == list(expected)


def test_instances_that_ended_before_they_began_are_left_out() -> None:
    # Of the fixture's 40 rows, made_7 ends as it begins and made_8 before that. made_9 has run since before the trace.
    started = [line for line in convert(FIXTURES / "made_trace.csv") if b"flyusage.machine.started" in line]
    assert len(started) == 38


def test_another_organization_has_other_machines() -> None:
    mine, theirs = (b"".join(convert(FIXTURES / "made_trace.csv", org=org)) for org in ("prism", "rival"))
    assert b'"org":"rival"' in theirs
    assert b'"org":"prism"' not in theirs
    first = mine.split(b'"subject":"', 1)[1][:14]
    assert first not in theirs


@pytest.mark.real_trace
def test_the_public_trace_becomes_the_same_lines_as_from_the_shared_tool() -> None:
    trace = SHARED / "data" / "dlrm_trace_2025.csv"
    tool = [sys.executable, str(SHARED / "tools" / "trace_to_events.py"), str(trace)]
    with subprocess.Popen(tool, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pairs = zip_longest(convert(trace), run.stdout)
        different = next(((ours, theirs) for ours, theirs in pairs if ours != theirs), None)
        run.stdout.read()
    assert run.returncode == 0
    assert different is None


def test_any_other_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    other = tmp_path / "bill.csv"
    other.write_text("date,amount\n2026-10-01,3\n")
    with pytest.raises(TraceUnreadable, match=r"not a trace that flyusage knows.*flyusage ingest"):
        list(convert(other))


def test_a_broken_row_is_named_by_its_line(tmp_path: Path) -> None:
    lines = (FIXTURES / "made_trace.csv").read_text().splitlines()
    broken = tmp_path / "trace.csv"
    broken.write_text("\n".join([*lines[:5], lines[5].replace(lines[5].split(",")[3], "many", 1), *lines[6:]]))
    with pytest.raises(TraceUnreadable, match=r"line 6: .*many"):
        list(convert(broken))
