"""What the members page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MemberRow:
    """A person. `can_change` says whether the reader may change or remove them; `removal` what removing them does."""

    id: int
    name: str
    email: str
    role: str
    seen: str
    seen_title: str
    is_you: bool
    can_change: bool
    removal: str


@dataclass(frozen=True)
class InvitationRow:
    """An invitation that nobody has taken."""

    id: int
    email: str
    role: str
    note: str
    is_over: bool
    can_change: bool


@dataclass(frozen=True)
class OutcomeRow:
    """What became of one address. `tone` is good, quiet or bad."""

    email: str
    text: str
    tone: str


@dataclass(frozen=True)
class RoleLink:
    """A choice between everybody and those in one role."""

    label: str
    href: str
    is_current: bool


@dataclass(frozen=True)
class Screen:
    """Everything the page shows. `roles` are those that the reader may give."""

    note: str = ""
    rows: list[MemberRow] = field(default_factory=list)
    links: list[RoleLink] = field(default_factory=list)
    count: str = ""
    find: str = ""
    pages: str = ""
    previous_href: str = ""
    next_href: str = ""
    empty_next: str = ""
    csv_href: str = ""
    can_manage: bool = False
    roles: list[str] = field(default_factory=list)
    waiting: list[InvitationRow] = field(default_factory=list)
