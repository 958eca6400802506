"""What the command line shows on a terminal, keeps showing, and opens; none of it into a pipe."""

import os
import signal
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from billing_world import take_in
from factories import started, stopped
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from terminal import COMMAND, on_terminal

from flyusage.cli.usage_table import BAR_CELLS, LINE_CELLS, TICKS, bar, drawn, print_usage, sparkline

NOW = "2026-11-02T09:00:00Z"
OCTOBER = ("usage", "--org", "prism", "--range", "2026-10", "--by", "app")


@pytest.fixture
def prism(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of web all October, one of api for half of it."""
    monkeypatch.setenv("FLYUSAGE_CLOCK", NOW)
    take_in(*_ran("m1", "web", 1, 31), *_ran("m2", "api", 1, 16))


def _ran(machine: str, app: str, first: int, last: int):
    yield started(machine, f"2026-10-{first:02d}T00:00:00Z", app=app)
    yield stopped(machine, f"2026-10-{last:02d}T00:00:00Z", app=app)


def test_a_terminal_is_shown_bars_and_lines_and_is_refreshed_in_place_until_ctrl_c(prism):
    with on_terminal(*OCTOBER, "--watch", "--every", "1") as screen:
        screen.wait_for("Ctrl-C ends it.")
        line = next(one for one in screen.text.splitlines() if one.startswith("web"))
        assert "█" * BAR_CELLS in line
        assert TICKS[-1] * (LINE_CELLS - 1) in line, "all days are alike"
        take_in(*_ran("m3", "brand-new", 1, 11))
        screen.wait_for("brand-new")
        assert screen.interrupt() == 128 + signal.SIGINT
        assert "\x1b[1A" in screen.shown, "the second answer must stand where the first one did"
        assert screen.shown.rindex("\x1b[?25h") > screen.shown.rindex("\x1b[?25l"), "the cursor must be back"
        assert "Traceback" not in screen.text


def test_a_pipe_gets_plain_lines_and_another_answer_once_it_changed(prism):
    process = subprocess.Popen([*COMMAND, *OCTOBER, "--watch", "--every", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = "".join(iter(process.stdout.readline, "\n"))
    first += "".join(iter(process.stdout.readline, "\n"))  # the table, a blank line, the period
    take_in(*_ran("m3", "brand-new", 1, 11))
    second = "".join(iter(process.stdout.readline, "\n"))
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "brand-new" not in first
    assert "brand-new" in second
    assert "Total" in first
    assert "\x1b" not in first + second + rest
    assert errors == ""


def test_what_cannot_be_followed_is_refused(flyusage, prism):
    said = flyusage(*OCTOBER, "--watch", "--csv")
    assert said.code == 2
    assert "leave --csv and --as-of out" in said.err


def test_a_view_is_opened_where_there_is_a_browser_and_else_told(flyusage, prism, tmp_path: Path):
    address = "http://127.0.0.1:8321/orgs/prism/usage?by=app&range=2026-10&as=bars&app=web,!api"
    asked = ("open", "--org", "prism", "--by", "app", "--range", "2026-10", "--as", "bars", "--filter", "app=web", "--filter", "app=!api")
    assert flyusage(*asked).out.split() == [address]
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    with on_terminal(*asked, BROWSER=f"{browser} %s") as screen:
        assert screen.end() == 0
    assert address in screen.text.replace("\r\n", "")
    assert (tmp_path / "opened").read_text() == address
    with on_terminal(*asked, BROWSER=os.devnull) as screen:
        assert screen.end() == 0
    assert address in screen.text
    assert "Traceback" not in screen.text


@given(st.lists(st.floats(0, 1e12), max_size=200))
def test_a_line_never_outgrows_its_place(points: list[float]):
    line = sparkline(points)
    assert len(line) == min(len(points), LINE_CELLS)
    if max(points, default=0) > 0 and len(points) <= LINE_CELLS:
        assert line[points.index(max(points))] == TICKS[-1]


@given(st.fractions(-10, 10**9), st.fractions(0, 10**9))
def test_a_bar_never_outgrows_its_place_and_tells_something_from_nothing(part, most):
    assert len(bar(part, most)) <= BAR_CELLS
    assert bool(bar(part, most)) == (part > 0 and most > 0)


def compared() -> dict[str, Any]:
    month, all_of = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"), {"unit": "USD", "currency": "USD", "measure": "list_cost"}
    series = [
        {"key": name, "label": name, "total": total, "previous_total": before}
        for name, total, before in (("web", "12345", "1"), ("api", "0", "2"))
    ]
    lines = [{"key": "web", "points": [1.0, 2.0]}, {"key": "api", "points": []}]
    return {
        **all_of, "view": {"by": "app", "from": month[0], "to": month[1]}, "as_of": month[1], "buckets": month, "granularity": "day",
        "total": "12345", "previous_total": "3", "series": series, "drawn": lines,
    }  # fmt: skip


def test_what_there_was_before_alone_has_a_row_and_no_line(capsys: pytest.CaptureFixture[str]):
    """Its points are none, beside those of the others."""
    print_usage(compared())
    printed = [one.split()[:3] for one in capsys.readouterr().out.splitlines()[1:4]]
    assert printed == [["web", "$12,345.00", "$1.00"], ["api", "$0.00", "$2.00"], ["Total", "$12,345.00", "$3.00"]]


@pytest.mark.parametrize(("width", "has_bars", "has_lines"), [(100, True, True), (60, True, False), (40, False, False), (33, False, False)])
def test_a_narrow_terminal_goes_without_pictures_and_never_cuts_an_amount(width: int, has_bars: bool, has_lines: bool):
    screen = Console(width=width, file=StringIO(), force_terminal=True, color_system=None)
    screen.print(drawn(compared(), width))
    printed = cast(StringIO, screen.file).getvalue()
    assert "$12,345.00" in printed
    assert "100.0 %" in printed
    assert ("█" * BAR_CELLS in printed, "per day" in printed) == (has_bars, has_lines)
