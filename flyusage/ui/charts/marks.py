"""What happened along a time axis: dotted lines with a word, the end that is still "so far", the present."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flyusage.ui.charts.axes import local_text, moment_text, zone_name
from flyusage.ui.charts.rows import Canvas, Mark, TimeChart
from flyusage.ui.charts.text import label_px, plot_label, plot_title
from flyusage.ui.charts.theme import Theme, translucent

WORD_PX = 11
WORD_GAP_PX = 12
NOW_PX = 16  # half of the word "now" and some air
MOST_LINES = 40
MOST_NAMED = 8
LEAST_SHADE_PX = 30  # narrower, "so far" has no room to be said
_PLURALS = {"deploy": "deploys", "price": "price steps", "note": "notes", "anomaly": "anomalies"}


@dataclass(frozen=True, slots=True)
class Plot:
    """Where marks go: the plot's width, the end of its time axis, and the stretch that is still "so far"."""

    width_px: int
    end: datetime
    open_span: tuple[datetime, datetime] | None = None


def mark_layers(chart: TimeChart, canvas: Canvas, plot: Plot) -> dict[str, list[dict[str, Any]]]:
    """The `shapes` and `annotations` of a chart's marks, its open end and the present.

    Marks whose words would collide share one ("3 deploys") whose hover lists them; past forty, one line each.
    """
    groups = _groups(chart, plot)
    drawn = [mark for group in groups for mark in (group if _count(groups) <= MOST_LINES else group[:1])]
    shapes = [_line(local_text(mark.at, canvas)) for mark in drawn]
    words = [_group_word(group, chart, canvas, plot) for group in groups]
    for layer_shapes, layer_words in (_open_end(chart, canvas, plot), _present(chart, canvas, plot)):
        shapes += layer_shapes
        words += layer_words
    return {"shapes": shapes, "annotations": words}


def _groups(chart: TimeChart, plot: Plot) -> list[list[Mark]]:
    inside = sorted((mark for mark in chart.marks if chart.grid.start <= mark.at <= plot.end), key=_at)
    groups: list[list[Mark]] = []
    edge = -1.0
    for mark in inside:
        x = _x_px(mark.at, chart, plot)
        half = label_px(mark.label, font_px=WORD_PX) / 2
        if groups and x - half < edge:
            groups[-1].append(mark)
            edge = max(edge, x + WORD_GAP_PX)
        else:
            groups.append([mark])
            edge = x + half + WORD_GAP_PX
    return _apart(groups, chart, plot)


def _apart(groups: list[list[Mark]], chart: TimeChart, plot: Plot) -> list[list[Mark]]:
    """`groups` joined until no word covers the one before it: a shared word stands elsewhere than each mark's own did."""
    apart: list[list[Mark]] = []
    for group in groups:
        apart.append(group)
        while len(apart) > 1 and _span(apart[-1], chart, plot)[0] < _span(apart[-2], chart, plot)[1] + WORD_GAP_PX:
            last = apart.pop()
            apart[-1] = apart[-1] + last
    return apart


def _span(group: list[Mark], chart: TimeChart, plot: Plot) -> tuple[float, float]:
    """From where to where a group's word reaches, in pixels of the plot."""
    at, word = _middle(group), _word_of(group)
    x, width = _x_px(at, chart, plot), label_px(word, font_px=WORD_PX)
    placed = {"xanchor": _anchor(word, x, plot), "xshift": 0} | _beside_now(at, word, chart, plot)
    left = x + placed["xshift"] - {"left": 0.0, "center": 0.5, "right": 1.0}[placed["xanchor"]] * width
    return left, left + width


def _count(groups: list[list[Mark]]) -> int:
    return sum(map(len, groups))


def _at(mark: Mark) -> datetime:
    return mark.at


def _group_word(group: list[Mark], chart: TimeChart, canvas: Canvas, plot: Plot) -> dict[str, Any]:
    word, middle = _word_of(group), _middle(group)
    drawn = _word(word, middle, chart, canvas, plot) | {"hovertext": _named(group, canvas)}
    return drawn | _beside_now(middle, word, chart, plot)


def _word_of(group: list[Mark]) -> str:
    if len(group) == 1:
        return plot_label(group[0].label)
    return f"{len(group)} {_PLURALS[group[0].kind]}" if len({mark.kind for mark in group}) == 1 else f"{len(group)} changes"


def _middle(group: list[Mark]) -> datetime:
    return group[len(group) // 2].at


def _beside_now(at: datetime, word: str, chart: TimeChart, plot: Plot) -> dict[str, Any]:
    """Where a word stands that the present's word would be in the way of: beside it, before or after it as its line is."""
    if chart.now is None or not _shows_now(chart, plot):
        return {}
    x, half = _x_px(at, chart, plot), label_px(word, font_px=WORD_PX) / 2
    low, high = _present_span(chart, chart.now, plot)
    if x - half > high or x + half < low:
        return {}
    if x > _x_px(chart.now, chart, plot) and high + 2 * half < plot.width_px:
        return {"xanchor": "left", "xshift": round(max(2, high - x))}
    return {"xanchor": "right", "xshift": round(min(-2, low - x))}


def _present_span(chart: TimeChart, now: datetime, plot: Plot) -> tuple[float, float]:
    """From where to where the word "now" reaches, with air on both sides, in pixels of the plot."""
    x = _x_px(now, chart, plot)
    before, after = {"left": (0, 2), "center": (1, 1), "right": (2, 0)}[_anchor("now", x, plot)]
    return x - before * NOW_PX, x + after * NOW_PX


def _named(group: Sequence[Mark], canvas: Canvas) -> str:
    zone = zone_name(canvas.utc_offset_minutes)
    lines = [f"{moment_text(mark.at, canvas)} {zone}  {plot_title(mark.label)}" for mark in group[:MOST_NAMED]]
    more = len(group) - MOST_NAMED
    return "<br>".join([*lines, f"and {more} more"] if more > 0 else lines)


def _open_end(chart: TimeChart, canvas: Canvas, plot: Plot) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if plot.open_span is None:
        return [], []
    start, end = plot.open_span
    shade = {
        "type": "rect",
        "x0": local_text(start, canvas),
        "x1": local_text(end, canvas),
        "line": {"width": 0},
        "fillcolor": translucent(canvas.theme.surface, 0.45),
        "layer": "above",
    }
    has_room = _x_px(end, chart, plot) - _x_px(start, chart, plot) >= LEAST_SHADE_PX
    word = [_word("so far", start + (end - start) / 2, chart, canvas, plot)]
    return [shade], word if has_room and not _shows_now(chart, plot) else []


def _present(chart: TimeChart, canvas: Canvas, plot: Plot) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if chart.now is None or not _shows_now(chart, plot):
        return [], []
    accent = canvas.theme.accent_ink
    word = _word("now", chart.now, chart, canvas, plot)
    word["font"] = word["font"] | {"color": accent}
    line = _line(local_text(chart.now, canvas)) | {"line": {"color": accent, "width": 1, "dash": "solid"}}
    return [line], [word]


def _shows_now(chart: TimeChart, plot: Plot) -> bool:
    return chart.now is not None and chart.grid.start < chart.now < plot.end


def shape_defaults(theme: Theme) -> dict[str, Any]:
    """What every mark's line has in common, for the layout's template."""
    line = {"color": theme.ink_3, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _line(at: str) -> dict[str, Any]:
    return {"x0": at, "x1": at}


def _word(word: str, at: datetime, chart: TimeChart, canvas: Canvas, plot: Plot) -> dict[str, Any]:
    return {
        "text": word,
        "x": local_text(at, canvas),
        "xref": "x",
        "xanchor": _anchor(word, _x_px(at, chart, plot), plot),
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "captureevents": False,
        "font": {"size": WORD_PX, "color": canvas.theme.ink_2},
    }


def _anchor(word: str, x: float, plot: Plot) -> str:
    """Which part of a word stands at `x`, so that all of it stays inside."""
    half = len(word) * WORD_PX * 0.3
    return "left" if x < half else "right" if x > plot.width_px - half else "center"


def _x_px(at: datetime, chart: TimeChart, plot: Plot) -> float:
    return (at - chart.grid.start) / (plot.end - chart.grid.start) * plot.width_px
