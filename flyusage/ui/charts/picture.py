"""A figure made to stand alone as a picture: what it shows, and where it comes from, written on it."""

from typing import Any

from flyusage.ui.charts.figure import Figure
from flyusage.ui.charts.rows import Canvas
from flyusage.ui.charts.text import plot_label

HEAD_PX, FOOT_PX, SIDE_PX = 58, 34, 20
COLUMNS = 120


def as_picture(figure: Figure, canvas: Canvas, *, title: str, subtitle: str = "", note: str = "") -> Figure:
    """A copy of `figure` with a heading above, a note below, the card's ground and a fixed size.

    The plot keeps its pixels: the picture grows around it. The three texts may hold names that came in with events.
    """
    layout, theme = figure["layout"], canvas.theme
    margin = layout["margin"]
    top, bottom = margin["t"] + HEAD_PX, margin["b"] + FOOT_PX
    lines = [
        _line(title, canvas, margin, size=16, colour=theme.ink) | {"y": 1, "yshift": top - 20},
        _line(subtitle, canvas, margin, size=12, colour=theme.ink_2) | {"y": 1, "yshift": top - 42},
        _line(note, canvas, margin, size=11, colour=theme.ink_3) | {"y": 0, "yshift": 14 - bottom},
    ]
    alone = layout | {
        "width": canvas.width_px + 2 * SIDE_PX,
        "height": layout["height"] + HEAD_PX + FOOT_PX,
        "autosize": False,
        "paper_bgcolor": theme.surface,
        "margin": margin | {"l": margin["l"] + SIDE_PX, "r": margin["r"] + SIDE_PX, "t": top, "b": bottom},
        "annotations": [*layout.get("annotations", ()), *(line for line in lines if line["text"])],
    }
    return figure | {"layout": alone}


def _line(text: str, canvas: Canvas, margin: dict[str, int], *, size: int, colour: str) -> dict[str, Any]:
    """A line at the picture's left edge; Plotly counts from the plot's corner."""
    return {
        "text": plot_label(text, COLUMNS * canvas.width_px // 1000) if text else "",
        "font": {"size": size, "color": colour},
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "xshift": -margin["l"],
        "yref": "paper",
        "yanchor": "middle",
        "showarrow": False,
        "captureevents": False,
    }
