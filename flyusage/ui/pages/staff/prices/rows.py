"""What the page of price books shows, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.pages.billing.rows import Choosing


@dataclass(frozen=True)
class VersionRow:
    """A version of a book. `tone` is open (a draft), ok (in force) or quiet."""

    name: str
    href: str
    state: str
    tone: str
    prices: str
    currency: str
    note: str
    is_current: bool = False


@dataclass(frozen=True)
class ChangeRow:
    """A price that is not the same."""

    sku: str
    scope: str
    before: str
    after: str
    change: str
    tone: str


@dataclass(frozen=True)
class Compared:
    """A version beside another. Of a draft, what can be done with it: each says what it will do."""

    name: str = ""
    title: str = ""
    beside: list[Choosing] = field(default_factory=list)
    summary: str = ""
    rows: list[ChangeRow] = field(default_factory=list)
    note: str = ""
    is_draft: bool = False
    what_if_href: str = ""
    publish_says: str = ""
    discard_says: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the page of price books shows."""

    versions: list[VersionRow] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    tomorrow: str = ""
    compared: Compared = Compared()
    log: list[str] = field(default_factory=list)
