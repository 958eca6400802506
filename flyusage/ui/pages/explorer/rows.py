"""What the explorer puts on the screen: an answer turned into frozen display rows. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Choice:
    """One entry of a word's menu: where it leads keeps everything else of the view."""

    label: str
    href: str
    hint: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Word:
    """A word of the query sentence that is a menu."""

    label: str = ""
    choices: list[Choice] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    """One of the headline numbers."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Chip:
    """A filter in force, with the address of the view without it."""

    dimension: str
    text: str
    title: str
    edit: str
    remove_href: str
    is_exclusion: bool = False


@dataclass(frozen=True)
class Crumb:
    """A step of the way down, with the way back up to it."""

    label: str
    href: str
    is_last: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table. `mark` is a CSS colour (empty: none), `spark` an SVG path, `tone` up, down or same."""

    key: str = ""
    label: str = ""
    detail: str = ""
    title: str = ""
    href: str = ""
    mark: str = ""
    spark: str = ""
    value: str = ""
    share: str = ""
    per_hour: str = ""
    before: str = ""
    change: str = ""
    percent: str = ""
    tone: str = "same"


@dataclass(frozen=True)
class ChangeRow:
    """A line of "what changed". `width` is its share of the largest difference, 0–100."""

    label: str
    title: str
    words: str
    split: str
    difference: str
    tone: str
    width: str
    href: str


@dataclass(frozen=True)
class Aside:
    """What is drawn beside the usage, in words: `label` (with where it leads) and `text`; `kind` is budget, forecast or anomaly."""

    kind: str
    label: str
    text: str
    href: str = ""


@dataclass(frozen=True)
class Screen:
    """What the explorer shows of one answer but for table and changes, ready to print. Field names are those of the page's state."""

    show: Word = Word()
    by: Word = Word()
    drawn_as: Word = Word()
    span: Word = Word()
    per: Word = Word()
    versus: Word = Word()
    first_day: str = ""
    last_day: str = ""
    crumbs: list[Crumb] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    status: str = ""
    chart_title: str = ""
    chart_unit: str = ""
    chart_hint: str = ""
    chart_label: str = ""
    asides: list[Aside] = field(default_factory=list)
    zone_minutes: int = 0
    zone_at: str = ""
    zone_href: str = ""
    page_note: str = "all times UTC"
    pinned_link: str = ""
    command: str = ""
    curl: str = ""
    csv_href: str = ""
    is_empty: bool = False
    empty_title: str = ""
    empty_next: str = ""
    empty_action: str = ""
    empty_href: str = ""
    problem_title: str = ""
    problem_next: str = ""


@dataclass(frozen=True)
class Table:
    """The table's page of rows with its headings, its total row and what the pager says."""

    table_title: str
    group_title: str
    value_title: str
    is_compared: bool
    has_per_hour: bool
    rows: list[Row]
    total_row: Row
    rows_note: str
    page_number: int
    page_count: int


@dataclass(frozen=True)
class Changed:
    """The lines of "what changed", and the whole difference in a sentence."""

    changed: list[ChangeRow]
    changed_summary: str


@dataclass(frozen=True)
class Listed:
    """The filter chooser's contents."""

    filter_dimension: str
    filter_dimensions: list[Choice]
    filter_excludes: bool
    filter_values: list[Choice]
    filter_placeholder: str
    filter_note: str
