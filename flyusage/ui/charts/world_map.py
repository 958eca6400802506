"""Regions on a world map, as bubbles whose area is money; bubbles that would overlap merge until zoomed apart.

Drawn in plain x and y (the Natural Earth projection computed here), so that it needs neither a second Plotly bundle
nor map files from anywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flyusage.ui.charts.figure import Figure, Trace, base_layout
from flyusage.ui.charts.land import LAND_PATH
from flyusage.ui.charts.rows import Canvas, MapWindow, RegionSpend
from flyusage.ui.charts.text import plot_label, plot_title, uid_of
from flyusage.ui.charts.theme import translucent
from flyusage.ui.charts.units import Unit, short_number

UNITS = 1000 / (math.pi * 0.8707)  # per projected radian: the map's edges are at ±1000
WORLD = MapWindow(left=-900, right=985, bottom=-385, top=490)
NARROWEST = 260.0  # map units across: as far as a merged bubble zooms in
LARGEST_SHARE = 0.068  # the largest region's diameter, of the map's shorter side doubled
LARGEST_PX, SMALLEST_PX = 46.0, 4.0
MERGE_AT = 0.62  # of the sum of two radii: closer than this one would hide the other
LABEL_PX = 11
KEY_STEPS = (1, 0.25)  # of the largest region, rounded: what the key shows


@dataclass(frozen=True, slots=True)
class _Bubble:
    """One or more regions drawn as one circle at their common centre of money."""

    x: float
    y: float
    regions: tuple[RegionSpend, ...]

    @property
    def value(self) -> float:
        return sum(region.value for region in self.regions)


def world_map(regions: Sequence[RegionSpend], canvas: Canvas, unit: Unit, window: MapWindow | None = None) -> Figure:
    """The map of `regions` within `window` (all of it unless told).

    Each bubble's `customdata` lists the keys of its regions: one to drill into, or several to zoom into with
    `window_of`. Regions without spend are left out.
    """
    window = window or (_around(regions, canvas) if canvas.is_narrow else WORLD)
    scale = _pixels_per_unit(window, canvas)
    spent = sorted((region for region in regions if region.value > 0), key=lambda region: -region.value)
    largest = spent[0].value if spent else 1.0
    bubbles = _merged([_single(region) for region in spent], scale, largest=largest, canvas=canvas)
    labels = _labels(bubbles, scale, largest, canvas)
    layout = base_layout(canvas, (0, 0, 0, 0)) | {
        "hovermode": "closest",
        "xaxis": _axis(window.left, window.right),
        "yaxis": _axis(window.bottom, window.top) | {"scaleanchor": "x", "scaleratio": 1},
        "shapes": [_land(canvas), *_key_circles(spent, canvas)],
        "annotations": _key_words(spent, canvas, unit),
    }
    traces = [_trace(bubble, label, largest, canvas) for bubble, label in zip(bubbles, labels, strict=True)]
    return {"data": traces, "layout": layout}


def window_of(regions: Sequence[RegionSpend], canvas: Canvas) -> MapWindow:
    """The window that spreads `regions` apart: around them, at the canvas's proportions."""
    return _around(regions, canvas, margin=1.9)


def project(latitude: float, longitude: float) -> tuple[float, float]:
    """Map units (x, y) of a place in the Natural Earth projection (Šavrič et al. 2011)."""
    lon, lat = math.radians(longitude), math.radians(latitude)
    square = lat * lat
    fourth = square * square
    width = 0.8707 - 0.131979 * square + fourth * (-0.013791 + fourth * (0.003971 * square - 0.001529 * fourth))
    height = 1.007226 + square * (0.015085 + fourth * (-0.044475 + 0.028874 * square - 0.005916 * fourth))
    return lon * width * UNITS, lat * height * UNITS


def _single(region: RegionSpend) -> _Bubble:
    x, y = project(region.latitude, region.longitude)
    return _Bubble(x, y, (region,))


def _merged(bubbles: list[_Bubble], scale: float, *, largest: float, canvas: Canvas) -> list[_Bubble]:
    """`bubbles`, largest first, with those that would hide each other at `scale` pixels per unit made one."""
    merged = list(bubbles)
    while True:
        pair = next(
            (
                (one, other)
                for index, one in enumerate(merged)
                for other in merged[index + 1 :]
                if _overlap(one, other, scale, largest, canvas)
            ),
            None,
        )
        if pair is None:
            return sorted(merged, key=lambda bubble: -bubble.value)
        rest = [bubble for bubble in merged if bubble not in pair]
        merged = sorted([*rest, _joined(*pair)], key=lambda bubble: -bubble.value)


def _joined(one: _Bubble, other: _Bubble) -> _Bubble:
    weight = other.value / (one.value + other.value)
    regions = sorted((*one.regions, *other.regions), key=lambda region: -region.value)
    return _Bubble(one.x + (other.x - one.x) * weight, one.y + (other.y - one.y) * weight, tuple(regions))


def _overlap(one: _Bubble, other: _Bubble, scale: float, largest: float, canvas: Canvas) -> bool:
    distance = math.hypot(one.x - other.x, one.y - other.y) * scale
    radii = (_diameter(one.value, largest, canvas) + _diameter(other.value, largest, canvas)) / 2
    return distance < radii * MERGE_AT


def _diameter(value: float, largest: float, canvas: Canvas) -> float:
    side = min(canvas.width_px, canvas.height_px * 2)
    return max(SMALLEST_PX, min(LARGEST_PX, side * LARGEST_SHARE) * math.sqrt(value / largest))


def _pixels_per_unit(window: MapWindow, canvas: Canvas) -> float:
    return min(canvas.width_px / (window.right - window.left), canvas.height_px / (window.top - window.bottom))


def _around(regions: Sequence[RegionSpend], canvas: Canvas, margin: float = 1.25) -> MapWindow:
    if not regions:
        return WORLD
    places = [project(region.latitude, region.longitude) for region in regions]
    xs, ys = [x for x, _ in places], [y for _, y in places]
    ratio = canvas.width_px / canvas.height_px
    width = max((max(xs) - min(xs)) * margin, (max(ys) - min(ys)) * margin * ratio, NARROWEST)
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return MapWindow(x - width / 2, x + width / 2, y - width / ratio / 2, y + width / ratio / 2)


def _labels(bubbles: Sequence[_Bubble], scale: float, largest: float, canvas: Canvas) -> list[str]:
    """The word over each bubble, the largest first; none where it would run into an earlier word or bubble."""
    taken: list[tuple[float, float, float, float]] = []
    labels: list[str] = []
    for bubble in bubbles:
        radius = _diameter(bubble.value, largest, canvas) / 2
        label, x, y = _label(bubble), bubble.x * scale, bubble.y * scale + radius
        half = len(label) * LABEL_PX * 0.3
        box = (x - half, x + half, y, y + LABEL_PX + 3)
        is_free = not any(_meet(box, other) for other in taken)
        labels.append(label if is_free else "")
        taken += [box] if is_free else []
        taken.append((x - radius, x + radius, y - 2 * radius, y))
    return labels


def _label(bubble: _Bubble) -> str:
    first = bubble.regions[0].key
    return first if len(bubble.regions) == 1 else f"{first} + {len(bubble.regions) - 1}"


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _trace(bubble: _Bubble, label: str, largest: float, canvas: Canvas) -> Trace:
    theme = canvas.theme
    lines = [f"{region.value_text}  {plot_title(region.label)}" for region in bubble.regions]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": plot_label(bubble.regions[0].label),
        "uid": uid_of(bubble.regions[0].key),
        "x": [round(bubble.x, 1)],
        "y": [round(bubble.y, 1)],
        "text": [plot_label(label) if label else ""],
        "textposition": "top center",
        "textfont": {"size": LABEL_PX, "color": theme.ink_2},
        "customdata": [[region.key for region in bubble.regions]],
        "cliponaxis": False,
        "hovertemplate": "<br>".join(lines) + "<extra></extra>",
        "marker": {
            "size": round(_diameter(bubble.value, largest, canvas), 1),
            "color": translucent(theme.accent, 0.55),
            "line": {"width": 1, "color": theme.surface},
            "opacity": 1,
        },
    }


def _axis(low: float, high: float) -> dict[str, Any]:
    return {"visible": False, "range": [round(low, 1), round(high, 1)], "fixedrange": True, "automargin": False}


def _land(canvas: Canvas) -> dict[str, Any]:
    theme = canvas.theme
    return {
        "type": "path",
        "path": LAND_PATH,
        "xref": "x",
        "yref": "y",
        "fillcolor": theme.sunken,
        "line": {"width": 0.75, "color": theme.line_strong},
        "layer": "below",
    }


def _key_steps(spent: Sequence[RegionSpend]) -> list[float]:
    """Two round amounts, the larger near the largest region's."""
    steps: list[float] = []
    for share in KEY_STEPS if spent else ():
        rough = spent[0].value * share
        power = 10.0 ** math.floor(math.log10(rough))
        steps.append(max(factor for factor in (1, 2, 3, 5) if factor * power <= rough * (1 + 1e-9)) * power)
    return steps


def _key_circles(spent: Sequence[RegionSpend], canvas: Canvas) -> list[dict[str, Any]]:
    largest = spent[0].value if spent else 1.0
    return [
        {
            "type": "circle",
            "xref": "paper",
            "yref": "paper",
            "xsizemode": "pixel",
            "ysizemode": "pixel",
            "xanchor": 0,
            "yanchor": 0,
            "x0": left,
            "x1": left + size,
            "y0": 8,
            "y1": 8 + size,
            "line": {"width": 1, "color": canvas.theme.ink_3},
        }
        for left, size in _key_places(spent, largest, canvas)
    ]


def _key_words(spent: Sequence[RegionSpend], canvas: Canvas, unit: Unit) -> list[dict[str, Any]]:
    largest = spent[0].value if spent else 1.0
    return [
        {
            "text": short_number(step, unit),
            "x": 0,
            "y": 0,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "middle",
            "xshift": left + size + 2,
            "yshift": 8 + size / 2,
            "showarrow": False,
            "font": {"size": LABEL_PX, "color": canvas.theme.ink_3},
        }
        for step, (left, size) in zip(_key_steps(spent), _key_places(spent, largest, canvas), strict=True)
    ]


def _key_places(spent: Sequence[RegionSpend], largest: float, canvas: Canvas) -> list[tuple[float, float]]:
    """Left edge and diameter of each circle of the key, side by side with room for their amounts."""
    sizes = [round(_diameter(step, largest, canvas), 1) for step in _key_steps(spent)]
    lefts = [8.0]
    for size, _ in pairwise(sizes):
        lefts.append(lefts[-1] + size + 48)
    return list(zip(lefts, sizes, strict=False))
