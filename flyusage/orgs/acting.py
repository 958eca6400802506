"""Who does something, as the audit names them and as permissions judge them."""

from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission, may, require

LONGEST_ADDRESS = 45  # an IPv6 address that holds an IPv4 one

_log = structlog.get_logger(__name__)
_address: ContextVar[str] = ContextVar("flyusage_acting_from", default="")


@dataclass(frozen=True)
class Actor:
    """`name` as in the audit: `user:<id>`, `staff:<id>` or `system:<part>`. `role` is a member's; staff and jobs have none."""

    name: str
    role: Role | None = None

    @property
    def user_id(self) -> int | None:
        """The account behind it; None for jobs and commands."""
        kind, _, number = self.name.partition(":")
        return int(number) if kind in ("user", "staff") else None

    def may(self, permission: Permission) -> None:
        """Raise NotPermitted for a member whose role does not hold `permission`. Staff and jobs are let in where they come from."""
        if self.role is not None:
            if not may(self.role, permission):
                note_refusal(self.name, permission)
            require(self.role, permission)

    def is_no_member(self, deed: str) -> None:
        """Raise NotPermitted for a member: `deed` ("Credits are granted") is the platform's to do."""
        if self.role is not None:
            note_refusal(self.name, deed)
            raise NotPermitted(f"{deed} by the platform's staff. Ask them.")


def member(user_id: int, role: Role) -> Actor:
    """A member of the organization that is acted in."""
    return Actor(f"user:{user_id}", role)


def system(part: str) -> Actor:
    """A job or a command of the platform."""
    return Actor(f"system:{part}")


def acts_from(address: str) -> None:
    """Say which network address what follows in this context (a request, an event, and their threads) comes from."""
    _address.set(address[:LONGEST_ADDRESS])


def present_address() -> str:
    """The network address that whoever acts comes from; empty for commands and jobs."""
    return _address.get()


def note_refusal(who: str, what: str, *, where: str = "") -> None:
    """A line in the server's log: who (as in the audit) was refused what, and where from. An organization's audit it would drown:
    a page that somebody may not see asks again with every load.
    """
    _log.warning("permission_refused", who=who, what=what, organization=where, address=present_address())
