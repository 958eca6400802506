"""What a machine's page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.components.crumbs import Step


@dataclass(frozen=True)
class Tile:
    """A headline number."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class MonthLink:
    """A month the machine was there in."""

    label: str
    title: str
    href: str
    is_current: bool = False


@dataclass(frozen=True)
class DayRow:
    """A day: hours run, cost, and a strip of its 24 hours (`strip` is a CSS background, `strip_text` the same in words)."""

    day: str
    hours: str
    cost: str
    strip: str
    strip_text: str


@dataclass(frozen=True)
class EventRow:
    """An accepted event that a line rests on."""

    time: str
    type: str
    detail: str
    source: str


@dataclass(frozen=True)
class WhyRow:
    """quantity × price = cost of one run. `base` is the quantity as it is stored, `exact` the unrounded cost; `events` what it rests on."""

    when: str
    what: str
    note: str
    quantity: str
    base: str
    price: str
    since: str
    cost: str
    exact: str
    events_title: str
    events: list[EventRow] = field(default_factory=list)


@dataclass(frozen=True)
class Screen:
    """Everything a machine's page shows. `as_of` is when an open month is complete to."""

    name: str = ""
    title: str = ""
    state: str = ""
    is_running: bool = False
    crumbs: list[Step] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    zone_minutes: int = 0
    zone: str = ""
    zone_at: str = ""
    zone_href: str = ""
    life_note: str = ""
    life_zone: str = "UTC"
    life_label: str = ""
    months: list[MonthLink] = field(default_factory=list)
    month_title: str = ""
    hours_label: str = ""
    days: list[DayRow] = field(default_factory=list)
    days_total: DayRow = DayRow("", "", "", "", "")
    why: list[WhyRow] = field(default_factory=list)
    why_note: str = ""
    as_of: str = ""
    why_total: str = ""
    why_total_exact: str = ""
    explorer_href: str = ""


@dataclass(frozen=True)
class Missing:
    """No such machine: what was asked for, and the nearest that exist."""

    title: str = ""
    explanation: str = ""
    nearest: list[Step] = field(default_factory=list)
