"""The names of series beside their right end, spread so that none covers another, each tied to its band by a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flyusage.ui.charts.text import label_px, plot_label, plot_title, uid_of
from flyusage.ui.charts.theme import Theme

LINE_PX = 13
# Not a whole number: where a leader would leave its label through the very corner Plotly draws none.
LEADER_PX = 16.4
COLUMNS = 18
FONT_PX = 11


@dataclass(frozen=True, slots=True)
class EdgeName:
    """A name to write at the right edge: at which value, in which colour it is tied to its series."""

    key: str
    label: str
    at: float
    weight: float
    colour: str


def right_margin(labels: Sequence[str]) -> int:
    """Pixels the widest of `labels` needs beside the plot, its leader included; 12 without any."""
    if not labels:
        return 12
    return max(label_px(label, COLUMNS, font_px=FONT_PX) for label in labels) + round(LEADER_PX) + 4


def edge_annotations(names: Sequence[EdgeName], span: float, plot_px: int) -> list[dict[str, Any]]:
    """One annotation per name that fits over `plot_px` of height, where the axis spans `span` values.

    When not all fit, those with the least weight go unnamed (the table below names them). An annotation's `name`, or
    its text where it has none, is the uid of its series.
    """
    room = max(1, plot_px // LINE_PX)
    fitting = sorted(sorted(names, key=lambda name: -name.weight)[:room], key=lambda name: name.at)
    wanted = [name.at / span * plot_px for name in fitting]
    placed = spread(wanted, LINE_PX, 0, plot_px)
    return [_annotation(name, shift=want - place) for name, want, place in zip(fitting, wanted, placed, strict=True)]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, as near to the ascending `wanted` as that allows, inside `low`..`high`.

    Neighbours that are too close are pooled and centred on the mean of what they wanted. If they cannot all fit,
    they start at `low` and run past `high`.
    """
    pools: list[tuple[float, int]] = []  # (sum of wanted bases, members)
    for index, want in enumerate(wanted):
        pools.append((want - index * gap, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, members = pools.pop()
            pools[-1] = (pools[-1][0] + total, pools[-1][1] + members)
    top = high - (len(wanted) - 1) * gap
    bases = [max(low, min(top, total / members)) for total, members in pools for _ in range(members)]
    return [base + index * gap for index, base in enumerate(bases)]


def annotation_defaults(theme: Theme) -> dict[str, Any]:
    """What every edge label has in common, for the layout's template: said once instead of twenty times."""
    return {
        "x": 1,
        "xref": "paper",
        "yref": "y",
        "ax": LEADER_PX,
        "xanchor": "left",
        "yanchor": "middle",
        "align": "left",
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 2,
        "startstandoff": 1,
        "borderpad": 2,
        "captureevents": True,
        "font": {"size": FONT_PX, "color": theme.ink},
        "hoverlabel": {"bgcolor": theme.surface, "bordercolor": theme.line_strong},
    }


def _annotation(name: EdgeName, *, shift: float) -> dict[str, Any]:
    text, whole, uid = plot_label(name.label, COLUMNS), plot_title(name.label), uid_of(name.key)
    annotation = {"text": text, "y": float(f"{name.at:.4g}"), "ay": round(shift), "arrowcolor": name.colour}
    if uid != text:
        annotation["name"] = uid
    return annotation if whole == text else annotation | {"hovertext": whole}
