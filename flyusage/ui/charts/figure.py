"""What all figures share: the plain-dict shape, the empty layout, hover boxes, small arrays on the wire."""

import base64
import math
from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

from flyusage.ui.charts.rows import Canvas
from flyusage.ui.charts.theme import FONT_FAMILY, Theme

Figure: TypeAlias = dict[str, Any]
Trace: TypeAlias = dict[str, Any]


def floats(points: Sequence[float | None], *, is_double: bool = False) -> dict[str, str]:
    """`points` as Plotly's typed array: 5.3 bytes a point as JSON, 10.7 as doubles. None becomes a gap (NaN)."""
    code, dtype = ("d", "f8") if is_double else ("f", "f4")
    packed = array(code, [math.nan if point is None else point for point in points])
    return {"dtype": dtype, "bdata": base64.b64encode(packed).decode("ascii")}


def base_layout(canvas: Canvas, margin: tuple[int, int, int, int]) -> dict[str, Any]:
    """The layout every figure starts from; `margin` is left, right, top, bottom in pixels.

    None of Plotly's default template (6.5 kB), no background of its own (the card's shows through), no legend.
    """
    theme = canvas.theme
    left, right, top, bottom = margin
    layout: dict[str, Any] = {
        "template": None,
        "height": canvas.height_px,
        "autosize": True,
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT_FAMILY, "size": 12, "color": theme.ink_2},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": hover_label(theme),
    }
    if canvas.revision:
        layout["uirevision"] = canvas.revision
    return layout


def hover_label(theme: Theme) -> dict[str, Any]:
    """The hover box: the card's surface, a hairline, left-aligned; names never cut by Plotly, we shorten them."""
    return {
        "bgcolor": theme.surface,
        "bordercolor": theme.line_strong,
        "font": {"color": theme.ink},
        "align": "left",
        "namelength": -1,
    }


def hidden_axis(low: float, high: float) -> dict[str, Any]:
    """A linear axis that only places things: nothing of it is drawn and it cannot be dragged."""
    return {"visible": False, "range": [low, high], "fixedrange": True}
