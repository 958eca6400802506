"""What the audit page shows, printed."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EntryRow:
    """Who did what, when. `moment` is the exact one, ISO 8601; `name` is what the action is called in exports."""

    id: str
    at: str
    moment: str
    who: str
    action: str
    name: str
    subject: str
    detail: str
    address: str


@dataclass(frozen=True)
class Option:
    """Something to choose a filter by."""

    value: str
    label: str


@dataclass(frozen=True)
class Screen:
    """A page of entries, newest first, and what it was filtered by."""

    rows: list[EntryRow] = field(default_factory=list)
    actors: list[Option] = field(default_factory=list)
    actions: list[Option] = field(default_factory=list)
    actor: str = ""
    action: str = ""
    since: str = ""
    until: str = ""
    key: str = ""
    is_filtered: bool = False
    first_href: str = ""
    next_href: str = ""
    csv_href: str = ""
    json_href: str = ""
    clear_href: str = ""
    chain: str = ""
    head: str = ""
    empty_title: str = ""
    empty_next: str = ""
