"""What the settings' cost centres put on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AppRow:
    """An app in the month that is shown. `note` says since when, and what comes after."""

    id: int
    app: str
    centre: str
    is_assigned: bool
    note: str


@dataclass(frozen=True)
class MonthOption:
    """A month that can be chosen: `2026-10`, as October 2026."""

    value: str
    label: str


@dataclass(frozen=True)
class Screen:
    """A page of the organization's apps; `pages` is empty where there is one only. `centres` are the names there are."""

    month: str = ""
    month_text: str = ""
    months: list[MonthOption] = field(default_factory=list)
    rows: list[AppRow] = field(default_factory=list)
    centres: list[str] = field(default_factory=list)
    count: str = ""
    empty: str = ""
    page: int = 1
    pages: str = ""
    has_next: bool = False
    can_edit: bool = False


@dataclass(frozen=True)
class Imported:
    """What became of a pasted list: a sentence, and a line for each row that was left out."""

    says: str = ""
    refused: list[str] = field(default_factory=list)
