"""What the what-if page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """An entry of a menu."""

    value: str
    label: str


@dataclass(frozen=True)
class Change:
    """Something that is to be otherwise; `href` is the page without it."""

    label: str
    href: str


@dataclass(frozen=True)
class LineRow:
    """A thing in a region: what it cost, and would have. `tone` is up, down or same."""

    sku: str
    title: str
    region: str
    before: str
    after: str
    difference: str
    tone: str


@dataclass(frozen=True)
class OutcomeRow:
    """An organization under the other prices."""

    org: str
    name: str
    href: str
    before: str
    after: str
    difference: str
    percent: str
    tone: str


@dataclass(frozen=True)
class Everyone:
    """All organizations under the version: who would pay more and who less. `href` asks for it where it is not told yet."""

    href: str = ""
    sentence: str = ""
    rows: list[OutcomeRow] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the what-if page shows. `problem` says why what is asked cannot be answered."""

    note: str = ""
    range_value: str = ""
    ranges: list[Option] = field(default_factory=list)
    starts_on: str = ""
    ends_on: str = ""
    version: str = ""
    versions: list[Option] = field(default_factory=list)
    regions: list[Option] = field(default_factory=list)
    sizes: list[Option] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    lead: str = ""
    figure: str = ""
    sentence: str = ""
    tone: str = ""
    problem: str = ""
    notices: list[str] = field(default_factory=list)
    lines: list[LineRow] = field(default_factory=list)
    lines_note: str = ""
    total: LineRow = LineRow("", "", "", "", "", "", "")
    nothing: str = ""
    command: str = ""
    everyone: Everyone = Everyone()
