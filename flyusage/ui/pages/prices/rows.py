"""What the prices page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.pages.billing.rows import Choosing


@dataclass(frozen=True)
class RegionOption:
    """An entry of the region's menu; the empty code stands for all of them."""

    code: str
    label: str


@dataclass(frozen=True)
class PriceRow:
    """What one thing costs. `exact` is the published price with every digit; `month` what 30 days of one unit come to."""

    sku: str
    title: str
    price: str
    exact: str
    month: str
    more: str
    href: str
    is_current: bool = False


@dataclass(frozen=True)
class PriceGroup:
    """Things of one kind."""

    name: str
    rows: list[PriceRow] = field(default_factory=list)


@dataclass(frozen=True)
class SpanRow:
    """A price in force for a time; `change` is against what it cost there before."""

    since: str
    until: str
    regions: str
    regions_title: str
    price: str
    exact: str
    more: str
    change: str
    tone: str
    is_now: bool


@dataclass(frozen=True)
class History:
    """How the price of one thing came about, newest first."""

    title: str = ""
    sku: str = ""
    note: str = ""
    rows: list[SpanRow] = field(default_factory=list)
    close_href: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the prices page shows."""

    note: str = ""
    versions: list[Choosing] = field(default_factory=list)
    version_note: str = ""
    regions: list[RegionOption] = field(default_factory=list)
    region: str = ""
    find: str = ""
    count: str = ""
    agreed: list[str] = field(default_factory=list)
    history: History = History()
    groups: list[PriceGroup] = field(default_factory=list)
    empty_title: str = ""
    empty_next: str = ""
    command: str = ""
