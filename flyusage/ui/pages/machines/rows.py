"""What the list of machines puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MachineRow:
    """A machine in the list."""

    name: str
    label: str
    app: str
    region: str
    size: str
    state: str
    is_running: bool
    hours: str
    cost: str
    href: str


@dataclass(frozen=True)
class StateLink:
    """A choice between all, running and stopped machines."""

    label: str
    href: str
    is_current: bool


@dataclass(frozen=True)
class Screen:
    """Everything the list shows. `ids` are the page's machine ids, a line each."""

    note: str = ""
    rows: list[MachineRow] = field(default_factory=list)
    states: list[StateLink] = field(default_factory=list)
    count: str = ""
    find: str = ""
    cost_title: str = "List cost"
    ids: str = ""
    ids_label: str = ""
    pages: str = ""
    order: str = ""
    previous_href: str = ""
    next_href: str = ""
    empty_title: str = ""
    empty_next: str = ""
