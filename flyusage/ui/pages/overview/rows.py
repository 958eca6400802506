"""What the overview puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.components.ranked import Ranked


@dataclass(frozen=True)
class Phrase:
    """A piece of the answer's sentence. `tone` is up, down or same; `href` makes it a link; `title` shows on hover."""

    text: str
    tone: str = "same"
    href: str = ""
    title: str = ""
    is_name: bool = False


@dataclass(frozen=True)
class ChangedRow:
    """A line of "what changed". `split` says price, amount and mix; `bar` is CSS, the share of the largest difference."""

    label: str
    where: str = ""
    title: str = ""
    words: str = ""
    split: str = ""
    machines: str = ""
    before: str = ""
    after: str = ""
    difference: str = ""
    percent: str = ""
    tone: str = "same"
    bar: str = "0%"
    href: str = ""


@dataclass(frozen=True)
class Fact:
    """A line of "right now" and of data health. `tone` is ok or warn; `detail` explains it in a sentence."""

    label: str
    value: str
    detail: str = ""
    tone: str = "ok"
    href: str = ""


@dataclass(frozen=True)
class Ranking:
    """One ranked card: its lines and the way to the whole list."""

    rows: list[Ranked] = field(default_factory=list)
    more: str = ""
    href: str = ""


@dataclass(frozen=True)
class Pinned:
    """A saved view on the overview: its figure as the explorer says it, what it shows, and its course as the `d` of an SVG path."""

    name: str
    href: str
    figure: str
    unit: str
    shows: str
    change: str = ""
    tone: str = "same"
    line: str = ""
    line_label: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the overview shows. Field names are those of the page's state. `month` and `as_of` say of when, for what is copied."""

    title: str = "Overview"
    month: str = ""
    as_of: str = ""
    note: str = ""
    lead: str = ""
    spent: str = ""
    sentence: list[Phrase] = field(default_factory=list)
    projected: str = ""
    method: str = ""
    chart_label: str = ""
    map_title: str = ""
    map_label: str = ""
    changed_title: str = ""
    changed_note: str = ""
    changed: list[ChangedRow] = field(default_factory=list)
    everything_else: ChangedRow = ChangedRow("")
    changed_total: ChangedRow = ChangedRow("")
    continents: Ranking = Ranking()
    regions: Ranking = Ranking()
    apps: Ranking = Ranking()
    sizes: Ranking = Ranking()
    centres: Ranking = Ranking()
    facts: list[Fact] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    explorer_href: str = ""
    history_percent: str = ""
    history_text: str = ""
