"""What the page of terms shows, as frozen display rows."""

from dataclasses import dataclass, field

from flyusage.ui.pages.billing.rows import Choosing


@dataclass(frozen=True)
class OrgRow:
    """An organization to choose."""

    slug: str
    name: str
    href: str


@dataclass(frozen=True)
class TermRow:
    """An agreement. `key` is its kind and number, for the forms; `undo` is what takes it back, and `undo_says` what that does."""

    key: str
    kind: str
    what: str
    since: str
    until: str
    tone: str
    can_end: bool
    undo: str
    undo_says: str


@dataclass(frozen=True)
class Screen:
    """Everything the page shows: of one organization, or without `slug` the organizations to choose from."""

    search: str = ""
    orgs: list[OrgRow] = field(default_factory=list)
    orgs_note: str = ""
    slug: str = ""
    name: str = ""
    summary: str = ""
    billed: str = ""
    billing_href: str = ""
    audit_href: str = ""
    rows: list[TermRow] = field(default_factory=list)
    kinds: list[Choosing] = field(default_factory=list)
    agree: str = ""
    says: str = ""
    currency: str = ""
    today: str = ""
    month: str = ""
    next_month: str = ""
    books: list[str] = field(default_factory=list)
    book: str = ""
    tax: str = ""
    skus: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
