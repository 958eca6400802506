"""The colours charts draw with: token names for the page, and the two themes' values of `assets/tokens.css`.

Figures for the page name tokens (`TOKENS`): the browser resolves them and repaints when the reader changes theme.
`LIGHT` and `DARK` hold the same values as tokens.css (a test keeps them equal), for what is drawn outside a page.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Theme:
    """One colour theme, named as in tokens.css. Every colour is `#rrggbb`, or `var(--token)` in `TOKENS`.

    `series` holds s1..s10: any two stay CIE76 >= 10 apart, also for the three colour blindnesses. `other` is the grey
    of everything folded together, and never a series.
    """

    name: Literal["light", "dark", "tokens"]
    bg: str
    surface: str
    sunken: str
    line: str
    line_strong: str
    ink: str
    ink_2: str
    ink_3: str
    accent: str
    accent_ink: str
    accent_soft: str
    up: str
    down: str
    warn: str
    danger: str
    series: tuple[str, ...]
    other: str


LIGHT = Theme(
    name="light",
    bg="#fbfaf8",
    surface="#ffffff",
    sunken="#f4f2ee",
    line="#e6e2da",
    line_strong="#d3cdc1",
    ink="#1d1a2b",
    ink_2="#5a5568",
    ink_3="#6d677b",
    accent="#6a3de8",
    accent_ink="#5426d1",
    accent_soft="#efe9fe",
    up="#b4441f",
    down="#1d7a4f",
    warn="#946200",
    danger="#b3261e",
    series=(
        "#254cbd", "#ea821f", "#2b7f5f", "#c55694", "#b69d4d",
        "#4aa8c2", "#88352b", "#6ca36d", "#8a69bb", "#52437f",
    ),
    other="#b9b3a8",
)  # fmt: skip

DARK = Theme(
    name="dark",
    bg="#14121c",
    surface="#1c1927",
    sunken="#110f18",
    line="#2d2939",
    line_strong="#423c53",
    ink="#f2eff8",
    ink_2="#b4adc4",
    ink_3="#8f879f",
    accent="#a487ff",
    accent_ink="#bda8ff",
    accent_soft="#2b2145",
    up="#ff9d76",
    down="#67d4a3",
    warn="#f0c052",
    danger="#ff8a80",
    series=(
        "#92b7fc", "#c85329", "#59f7b2", "#febce9", "#c4a127",
        "#349fa1", "#ae6756", "#bdee50", "#9762ba", "#8c76f5",
    ),
    other="#5d566c",
)  # fmt: skip

FONT_FAMILY = '"Inter Variable", system-ui, sans-serif'


TOKENS = Theme(
    name="tokens",
    bg="var(--bg)",
    surface="var(--surface)",
    sunken="var(--sunken)",
    line="var(--line)",
    line_strong="var(--line-strong)",
    ink="var(--ink)",
    ink_2="var(--ink-2)",
    ink_3="var(--ink-3)",
    accent="var(--accent)",
    accent_ink="var(--accent-ink)",
    accent_soft="var(--accent-soft)",
    up="var(--up)",
    down="var(--down)",
    warn="var(--warn)",
    danger="var(--danger)",
    series=tuple(f"var(--s{rank})" for rank in range(1, 11)),
    other="var(--other)",
)


def mix(colour: str, ground: str, share: float) -> str:
    """`share` (0..1) of `colour` over `ground`: the look of opacity without being see-through.

    Tokens give `mix(var(--s1),var(--surface),0.5)`, which the page's script resolves; values give `#rrggbb`.
    """
    if colour.startswith("var("):
        return f"mix({colour},{ground},{share:g})"
    channels = zip(_channels(colour), _channels(ground), strict=True)
    return "#" + "".join(f"{round(share * top + (1 - share) * below):02x}" for top, below in channels)


def translucent(colour: str, opacity: float) -> str:
    """`colour` with `opacity` 0..1, for what must show the grid or a coast through it."""
    if colour.startswith("var("):
        return f"{colour}/{opacity:g}"
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
