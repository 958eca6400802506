"""What the chart tests share: rows to draw, and readers of what was drawn."""

import base64
import json
import math
from array import array
from datetime import UTC, datetime

import plotly.graph_objects as go

from flyusage.ui.charts.rows import SeriesPoints, TimeGrid

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER_HOURS = TimeGrid(OCTOBER, "hour", 744)
OCTOBER_DAYS = TimeGrid(OCTOBER, "day", 31)


def wave(rank: int, count: int) -> list[float]:
    """Hourly dollars of the rank-th largest of many: a level, a daily rhythm, some growth; digits to the end."""
    level = 400 / (1 + rank / 4)
    return [level * (1 + 0.1 * math.sin(index / 24 * math.tau + rank) + index / 3000) for index in range(count)]


def regions(count: int, grid: TimeGrid) -> list[SeriesPoints]:
    return [SeriesPoints(f"region_{rank}", f"region_{rank}", wave(rank, grid.count)) for rank in range(count)]


def decoded(typed: dict[str, str]) -> list[float]:
    return list(array({"f4": "f", "f8": "d"}[typed["dtype"]], base64.b64decode(typed["bdata"])))


def wire_bytes(figure: dict) -> int:
    return len(json.dumps(figure, separators=(",", ":"), ensure_ascii=False).encode())


def accepted(figure: dict) -> dict:
    """`figure`, after Plotly's own validators have accepted every property (draw it with a theme of real colours)."""
    go.Figure(figure)
    json.dumps(figure, allow_nan=False)
    return figure


def by_uid(figure: dict) -> dict[str, dict]:
    return {trace["uid"]: trace for trace in figure["data"]}


def words(figure: dict) -> list[str]:
    return [annotation["text"] for annotation in figure["layout"]["annotations"]]
