"""What the settings page puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """Whom invoices are made out to, as the form shows it; lines and addresses one a line."""

    legal_name: str = ""
    address: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_number: str = ""
    purchase_order: str = ""
    emails: str = ""


@dataclass(frozen=True)
class Screen:
    """Everything the page shows to this reader. `deleted` says until when a deletion can be undone; empty: it is not deleted."""

    slug: str = ""
    name: str = ""
    former: list[str] = field(default_factory=list)
    profile: Profile = Profile()
    can_edit: bool = False
    can_bill: bool = False
    owns: bool = False
    can_leave: bool = False
    deleted: str = ""
    role: str = ""
    requires_second_factor: bool = False
