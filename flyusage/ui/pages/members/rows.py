"""What the members page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MemberRow:
    """A person. `can_change` says whether the reader may change or remove them, `can_limit` whether they can be limited to apps.

    `sees` says which apps, empty where that goes without saying; `app_ids` are those granted, None: every one.
    """

    id: int
    name: str
    email: str
    role: str
    seen: str
    seen_title: str
    has_second_factor: bool
    signs_in_by_provider: bool
    is_you: bool
    can_change: bool
    can_limit: bool = False
    sees: str = ""
    sees_title: str = ""
    app_ids: list[int] | None = None


@dataclass(frozen=True)
class Heir:
    """Somebody who may take over; `id` as the form sends it."""

    id: str
    name: str


@dataclass(frozen=True)
class LeavingRow:
    """Who is about to be removed (`ids`, empty: nobody), and what stops with them. `id` is the row it shows in, 0: with those chosen.

    Heirs are offered where something can be taken over.
    """

    id: int = 0
    ids: list[int] = field(default_factory=list)
    title: str = ""
    says: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    budgets: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    heirs: list[Heir] = field(default_factory=list)
    does: str = ""


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
class SeatPanel:
    """Seats used, included and paid, and what the next invoice says of them. `spare` paid ones nobody uses; empty `used`: not counted."""

    used: str = ""
    used_note: str = ""
    included: str = ""
    paid: str = ""
    price: str = ""
    invoice: str = ""
    invoice_note: str = ""
    spare: int = 0
    spare_says: str = ""


@dataclass(frozen=True)
class SeatChoice:
    """What was wanted takes `count` seats more than there are: `says` what they cost, `does` names the button. 0: nothing is asked."""

    count: int = 0
    says: str = ""
    does: str = ""


@dataclass(frozen=True)
class RosterRow:
    """What a pasted list would change: whole sentences, and each group's addresses. `digest` names exactly this change; empty: nothing.

    `stops` is what stops with the leavers.
    """

    digest: str = ""
    summary: str = ""
    joiners: list[str] = field(default_factory=list)
    leavers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    does: str = ""
    stops: LeavingRow = LeavingRow()


@dataclass(frozen=True)
class Screen:
    """Everything the page shows. `roles` and `apps` (id, name) are those that the reader may give."""

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
    directory_href: str = ""
    can_manage: bool = False
    seats: SeatPanel = SeatPanel()
    roles: list[str] = field(default_factory=list)
    apps: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[InvitationRow] = field(default_factory=list)
