"""A view's answer as a table: plain columns for pipes; on a terminal with bars, sparklines and colour."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from flyusage.cli.output import moment, print_table
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, format_money, round_half_away
from flyusage.pricing.urls import NOTHING, parse_moment
from flyusage.pricing.view import Dimension, Measure

MOST_PRINTED = 50
BAR_CELLS, LINE_CELLS, GAP = 16, 24, 2
EIGHTHS = " ▏▎▍▌▋▊▉█"
TICKS = "▁▂▃▄▅▆▇█"
SERIES = ("blue", "magenta", "green", "yellow", "cyan", "red")  # the terminal's own, which its owner chose to be readable


@dataclass(frozen=True)
class _Row:
    name: str
    value: str
    before: str
    share: str
    part: Fraction
    points: Sequence[float]


def is_terminal() -> bool:
    """Whether somebody looks at standard output who can be shown more than plain lines."""
    return sys.stdout.isatty() and Console().is_terminal and not Console().is_dumb_terminal


def print_usage(answer: Mapping[str, Any]) -> None:
    """The answer as `plain_answer` makes it, or the API: a row per value of the grouping, the rest as one, the total last."""
    if is_terminal():
        Console().print(drawn(answer))
        return
    titles, rows = _titles(answer), _rows(answer)
    is_compared = answer["previous_total"] is not None
    cells = [[one.name, one.value, *([one.before] if is_compared else []), one.share] for one in rows]
    widths = [max(len(row[place]) for row in [titles, *cells]) for place in range(len(titles))]
    right = [[row[0], *(cell.rjust(widths[place]) for place, cell in enumerate(row) if place)] for row in [titles, *cells]]
    print_table(right[0], right[1:])
    typer.echo(f"\n{said_of(answer)}")


def drawn(answer: Mapping[str, Any], width: int | None = None) -> Group:
    """The same for a terminal: with a bar for each part of the whole and a line of what it came to over time, as far as there is room.

    A narrow terminal goes without the lines, then without the bars, then cuts names: never an amount, which would be read as another.
    """
    titles, rows, is_compared = _titles(answer), _rows(answer), answer["previous_total"] is not None
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    numbers = [[one.value, *([one.before] if is_compared else []), one.share] for one in rows]
    widths = [max(map(len, column)) for column in zip(titles[1:], *numbers, strict=True)]
    room = (width or Console().width) - sum(one + GAP for one in widths)
    names = max(cell_len(one) for one in [titles[0], *(one.name for one in rows)])
    table.add_column(titles[0], overflow="ellipsis", no_wrap=True, max_width=max(1, room - GAP))
    for title, one in zip(titles[1:], widths, strict=True):
        table.add_column(title, justify="right", overflow="fold", width=one)
    spare = room - names - BAR_CELLS - 2 * GAP
    line_title, points = f"per {answer['granularity']}", len(answer["buckets"])
    has_bars, has_lines = spare >= 0, points > 1 and spare >= max(len(line_title), min(points, LINE_CELLS)) + GAP
    if has_bars:
        table.add_column("", no_wrap=True, width=BAR_CELLS)
    if has_lines:
        table.add_column(line_title, no_wrap=True)
    most = max((one.part for one in rows[:-1]), default=Fraction(0))
    for place, (one, (value, *others)) in enumerate(zip(rows, numbers, strict=True)):
        is_total = place == len(rows) - 1
        colour = "" if is_total else SERIES[place % len(SERIES)]
        cells = [Text(one.name), Text(value), *(Text(other, style="dim") for other in others)]
        pictures = [Text("" if is_total else bar(one.part, most), style=colour)] if has_bars else []
        if has_lines:
            pictures.append(Text(sparkline(one.points), style=colour))
        table.add_row(*cells, *pictures, style="bold" if is_total else "")
    return Group(table, Text(f"\n{said_of(answer)}", style="dim"))


def said_of(answer: Mapping[str, Any]) -> str:
    """The period, and how to get these numbers again."""
    start, end, as_of = (_moment(written) for written in (answer["view"]["from"], answer["view"]["to"], answer["as_of"]))
    return f"{moment(start)} to {moment(min(end, as_of))}, as of {moment(as_of)}; --as-of {as_of:%Y-%m-%dT%H:%M:%SZ} repeats it."


def bar(part: Fraction, most: Fraction) -> str:
    """Up to BAR_CELLS cells, to an eighth of one; what is more than nothing is seen."""
    if part <= 0 or most <= 0:
        return ""
    eighths = max(1, int(round_half_away(part * BAR_CELLS * 8 / most, 0)))
    whole, rest = divmod(min(eighths, BAR_CELLS * 8), 8)
    return EIGHTHS[8] * whole + (EIGHTHS[rest] if rest else "")


def sparkline(points: Sequence[float]) -> str:
    """The points from nothing to their largest, as LINE_CELLS marks at most: the mean of each part where there are more points."""
    cells = min(len(points), LINE_CELLS)
    edges = [len(points) * place // cells for place in range(cells + 1)] if cells else []
    means = [sum(points[first:last]) / (last - first) for first, last in pairwise(edges)]
    most = max(means, default=0.0)
    if most <= 0:
        return TICKS[0] * len(means)
    return "".join(TICKS[min(len(TICKS) - 1, max(0, int(mean / most * len(TICKS))))] for mean in means)


def _titles(answer: Mapping[str, Any]) -> list[str]:
    grouped = "" if answer["view"]["by"] == NOTHING else answer["view"]["by"]
    compared = ["before"] if answer["previous_total"] is not None else []
    return [grouped.replace("_", " ") or "total", str(answer["measure"]).replace("_", " "), *compared, "share"]


def _rows(answer: Mapping[str, Any]) -> list[_Row]:
    """The largest, the others as one, the total last."""
    series, lines = answer["series"], {one["key"]: one["points"] for one in answer["drawn"]}
    shown = series[:MOST_PRINTED]
    rows = [_row(answer, one, lines.get(one["key"], ())) for one in shown]
    if len(series) > len(shown):
        rows.append(_row(answer, _together(series[len(shown) :]), ()))
    whole = {"key": "", "label": "Total", "total": answer["total"], "previous_total": answer["previous_total"]}
    adds_up = answer["measure"] != Measure.RUNNING_PEAK
    drawn_lines = [points for points in lines.values() if points]  # what there was before alone has none
    return [*rows, _row(answer, whole, [sum(each) for each in zip(*drawn_lines, strict=True)] if adds_up else ())]


def _together(rest: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    kept = list(rest)
    sums = {name: sum((Fraction(one[name] or 0) for one in kept), Fraction(0)) for name in ("total", "previous_total")}
    return {"key": "", "label": f"{len(kept)} others", **sums}


def _row(answer: Mapping[str, Any], one: Mapping[str, Any], points: Sequence[float]) -> _Row:
    whole, value = Fraction(answer["total"]), one["total"]
    part = Fraction(value or 0)
    share = f"{round_half_away(part * 100 / whole, 1)} %" if whole else ""
    name = one["key"] if answer["view"]["by"] == Dimension.REGION and one["key"] else one["label"]
    before = _amount(answer, one["previous_total"] or 0) if answer["previous_total"] is not None else ""
    return _Row(harmless(name), "unpriced" if value is None else _amount(answer, value), before, share, part, points)


def _amount(answer: Mapping[str, Any], value: str | Fraction | int) -> str:
    if answer["unit"] == answer["currency"]:
        return format_money(Fraction(value), CURRENCIES[answer["currency"]])
    return f"{round_half_away(Fraction(value), 2):,}"


def _moment(written: str | datetime) -> datetime:
    found = written if isinstance(written, datetime) else parse_moment(written)
    assert found is not None
    return found
