"""What the page of single sign-on puts on the screen, as frozen display rows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Setup:
    """The provider as the form shows it. `is_there`: set up; its secret is never shown again."""

    is_there: bool = False
    issuer: str = ""
    client_id: str = ""
    groups_claim: str = "groups"
    factor_acr: str = ""
    default_role: str = ""


@dataclass(frozen=True)
class DomainRow:
    """A claimed domain. `tone` is good or quiet; `record` and `text` are the TXT record that proves it."""

    domain: str
    state: str
    tone: str
    record: str
    text: str
    is_verified: bool


@dataclass(frozen=True)
class GroupRow:
    """A group and its role."""

    name: str
    role: str


@dataclass(frozen=True)
class OwnerChoice:
    """An owner who could keep a password; `value` is their id as text."""

    value: str
    label: str


@dataclass(frozen=True)
class Fact:
    """One thing that the provider answered."""

    name: str
    value: str


@dataclass(frozen=True)
class Tested:
    """What came of a test: `says` in a sentence, `is_good`, and what the provider answered. Empty `says`: none was made."""

    says: str = ""
    is_good: bool = False
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True)
class Screen:
    """Everything the page shows. `missing` says what keeps the rule from being made; empty: nothing does."""

    slug: str = ""
    redirect_uri: str = ""
    setup: Setup = Setup()
    is_off: bool = False
    worked: str = ""
    domains: list[DomainRow] = field(default_factory=list)
    groups: list[GroupRow] = field(default_factory=list)
    owners: list[OwnerChoice] = field(default_factory=list)
    break_glass: str = ""
    break_glass_name: str = ""
    is_enforced: bool = False
    missing: str = ""
    says_enforce: str = ""
    tested: Tested = Tested()
