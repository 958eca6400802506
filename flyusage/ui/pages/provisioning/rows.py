"""What the provisioning page shows, printed."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TokenRow:
    """A token in the list. `tone` is ok or quiet; `warning` is what revoking it will do."""

    id: int
    name: str
    hint: str
    state: str
    tone: str
    used: str
    made: str
    is_active: bool
    warning: str


@dataclass(frozen=True)
class GroupRow:
    """A group of the directory, and the role that it gives, or none."""

    id: str
    name: str
    members: str
    role: str


@dataclass(frozen=True)
class Screen:
    """The whole page. `more` says that not all groups are shown."""

    address: str = ""
    tokens: list[TokenRow] = field(default_factory=list)
    groups: list[GroupRow] = field(default_factory=list)
    default_role: str = ""
    note: str = ""
    more: str = ""
