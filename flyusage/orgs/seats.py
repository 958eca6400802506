"""How many seats an organization uses. What they cost is a verb of `invoices`."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.orgs.models import Role

SEATED = (Role.OWNER, Role.ADMIN, Role.DEVELOPER)  # billing and viewer are free


@dataclass(frozen=True)
class Used:
    """Seats taken: by members, and by invitations that can still be accepted."""

    members: int
    invited: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.members + self.invited


def used(session: Session, org_id: int) -> Used:
    """The seats taken at this moment."""
    return Used(*session.execute(sa.text(_USED), {"org": org_id, "seated": list(SEATED), "now": clock.now()}).one())


def today() -> date:
    """The UTC day that seats are taken and given back on."""
    return clock.now().date()


_USED = """
SELECT (SELECT count(*) FROM membership WHERE org_id = :org AND role = ANY (:seated)),
       (SELECT count(*) FROM invitation WHERE org_id = :org AND role = ANY (:seated)
        AND accepted_at IS NULL AND revoked_at IS NULL AND ends_at > :now)"""
