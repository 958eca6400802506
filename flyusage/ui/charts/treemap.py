"""Shares as areas: a squarified treemap (Bruls, Huizing and van Wijk, 2000) drawn as one trace of bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyusage.ui.charts.figure import Figure, Trace, base_layout, hidden_axis
from flyusage.ui.charts.palette import colour_of, wash_of
from flyusage.ui.charts.rows import Canvas, Tile
from flyusage.ui.charts.text import LABEL_COLUMNS, label_px, plot_label, plot_title, uid_of

GAP_PX = 4.0
PAD_PX = 3.0
NAMES_UID = "Ønames"  # no key's uid begins so (`uid_of`)
LINE_PX, CHARACTER_PX = 17, 7.2


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, from the top left."""

    left: float
    top: float
    width: float
    height: float


def treemap(tiles: Sequence[Tile], canvas: Canvas, slots: Mapping[str, int]) -> Figure:
    """A tile per value, the largest at the top left, "other" as the last column; the rest is in each tile's hover.

    One trace per tile, its uid the key, so that clicking drills and a table row lights up its tile.
    """
    placed = _placed(tiles, canvas)
    layout = base_layout(canvas, (0, 0, 0, 0)) | {
        "hovermode": "closest",
        "barmode": "overlay",
        "xaxis": hidden_axis(0, canvas.width_px),
        "yaxis": hidden_axis(canvas.height_px, 0),
    }
    return {
        "data": [*(_bar(tile, box, canvas, slots) for tile, box in placed), _names(placed, canvas)],
        "layout": layout,
    }


def _placed(tiles: Sequence[Tile], canvas: Canvas) -> list[tuple[Tile, Box]]:
    named = sorted((tile for tile in tiles if tile.value > 0 and not tile.is_other), key=lambda tile: -tile.value)
    others = [tile for tile in tiles if tile.value > 0 and tile.is_other]
    named_sum, other_sum = sum(tile.value for tile in named), sum(tile.value for tile in others)
    width = canvas.width_px * named_sum / ((named_sum + other_sum) or 1)
    boxes = squarify([tile.value for tile in named], Box(0, 0, width, canvas.height_px))
    column = Box(width, 0, canvas.width_px - width, canvas.height_px)
    other_boxes = squarify([tile.value for tile in others], column)
    return list(zip([*named, *others], [*boxes, *other_boxes], strict=True))


def squarify(values: Sequence[float], box: Box) -> list[Box]:
    """A rectangle per value (largest first, all positive), areas in proportion, as square as rows allow."""
    boxes: list[Box] = []
    rest, start = box, 0
    while start < len(values):
        scale = rest.width * rest.height / sum(values[start:])
        side = min(rest.width, rest.height)
        end = start + 1
        while end < len(values) and _worst(values[start : end + 1], side, scale) <= _worst(values[start:end], side, scale):
            end += 1
        row, rest = _laid(values[start:end], rest, scale)
        boxes += row
        start = end
    return boxes


def _worst(row: Sequence[float], side: float, scale: float) -> float:
    """The longest side over the shortest of the row's worst rectangle."""
    area = sum(row) * scale
    depth = area / side
    return max(max(depth / (value * scale / depth), (value * scale / depth) / depth) for value in row)


def _laid(row: Sequence[float], box: Box, scale: float) -> tuple[list[Box], Box]:
    """The row along the shorter side of `box`, and what remains of it."""
    boxes: list[Box] = []
    if box.width >= box.height:
        depth = sum(row) * scale / box.height
        top = box.top
        for value in row:
            boxes.append(Box(box.left, top, depth, value * scale / depth))
            top += value * scale / depth
        return boxes, Box(box.left + depth, box.top, max(box.width - depth, 0), box.height)
    depth = sum(row) * scale / box.width
    left = box.left
    for value in row:
        boxes.append(Box(left, box.top, value * scale / depth, depth))
        left += value * scale / depth
    return boxes, Box(box.left, box.top + depth, box.width, max(box.height - depth, 0))


def _bar(tile: Tile, box: Box, canvas: Canvas, slots: Mapping[str, int]) -> Trace:
    slot = None if tile.is_other else slots.get(tile.key)
    share = f"  {tile.share_text}" if tile.share_text else ""
    return {
        "type": "bar",
        "name": plot_label(tile.label),
        "uid": uid_of(tile.key),
        "x": [round(box.left + box.width / 2, 1)],
        "width": [round(max(box.width - GAP_PX, 0.5), 1)],
        "base": [round(box.top + GAP_PX / 2, 1)],
        "y": [round(max(box.height - GAP_PX, 0.5), 1)],
        "marker": {
            "color": wash_of(slot, canvas.theme),
            "line": {"width": 1.5, "color": colour_of(slot, canvas.theme)},
            "cornerradius": 3,
        },
        "hovertemplate": f"{tile.value_text}{share}  {plot_title(tile.label)}<extra></extra>",
    }


def _names(placed: Sequence[tuple[Tile, Box]], canvas: Canvas) -> Trace:
    """What is written in the tiles, from each one's top left corner."""
    return {
        "type": "scatter",
        "mode": "text",
        "uid": NAMES_UID,
        "x": [round(box.left + GAP_PX + PAD_PX, 1) for _, box in placed],
        "y": [round(box.top + GAP_PX + PAD_PX, 1) for _, box in placed],
        "text": [_words(tile, box.width - GAP_PX, box.height - GAP_PX) for tile, box in placed],
        "textposition": "bottom right",
        "textfont": {"size": 12, "color": canvas.theme.ink},
        "hoverinfo": "skip",
    }


def _words(tile: Tile, width: float, height: float) -> str:
    """The name, and below it the amount and the share, as far as they fit."""
    columns = min(int((width - 12) / CHARACTER_PX), LABEL_COLUMNS)
    if columns < 4 or height < LINE_PX + 6:
        return ""
    lines = [f"<b>{plot_label(tile.label, columns)}</b>"]
    for text in (tile.value_text, tile.share_text):
        if text and height >= LINE_PX * (len(lines) + 1) + 6 and label_px(text) + 12 <= width:
            lines.append(text)
    return "<br>".join(lines)
