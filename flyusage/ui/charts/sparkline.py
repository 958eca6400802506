"""The small line of a table row, as the `d` of an SVG path: no Plotly, a few hundred bytes."""

from collections.abc import Sequence
from itertools import pairwise

WIDTH, HEIGHT = 104, 22
MOST_POINTS = 52  # two pixels each


def sparkline(points: Sequence[float | None], *, width: int = WIDTH, height: int = HEIGHT) -> str:
    """The path of `points` in a `width` × `height` view box, from a common zero to their own highest.

    Many points are averaged down to one per two pixels. A None breaks the line; a lone point becomes a dot (draw with
    round caps). All zero is a line along the bottom; nothing known gives an empty path.
    """
    drawn = _averaged(points, min(MOST_POINTS, width // 2))
    known = [value for value in drawn if value is not None]
    if not known:
        return ""
    low, high = min(0.0, *known), max(0.0, *known)
    span = (high - low) or 1.0
    step = (width - 2) / max(1, len(drawn) - 1)
    places = [
        None if value is None else f"{1 + index * step:.4g},{height - 1 - (value - low) / span * (height - 2):.3g}"
        for index, value in enumerate(drawn)
    ]
    return "".join(_commands(places))


def _averaged(points: Sequence[float | None], most: int) -> list[float | None]:
    count = len(points)
    if count <= most:
        return list(points)
    edges = [index * count // most for index in range(most + 1)]
    return [_mean(points[start:end]) for start, end in pairwise(edges)]


def _mean(points: Sequence[float | None]) -> float | None:
    known = [value for value in points if value is not None]
    return sum(known) / len(known) if known else None


def _commands(places: Sequence[str | None]) -> list[str]:
    commands: list[str] = []
    for index, place in enumerate(places):
        if place is None:
            continue
        starts = index == 0 or places[index - 1] is None
        ends = index == len(places) - 1 or places[index + 1] is None
        commands.append(f"M{place}h0" if starts and ends else f"{'M' if starts else 'L'}{place}")
    return commands
