"""What an organization asks of its members beside a role: a second factor."""

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.auth import sessions
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission


def requires_second_factor(session: Session, org_id: int) -> bool:
    """Whether members without a second factor see nothing of the organization."""
    return bool(session.scalar(sa.text("SELECT requires_second_factor FROM organization WHERE id = :org"), {"org": org_id}))


def require_second_factor(session: Session, org_id: int, *, is_required: bool, by: Actor) -> bool:
    """Make it a rule from now on, or lift it; False where it was so. Open pages of members without one go dark. Raises NotPermitted."""
    by.may(Permission.ORGANIZATION_EDIT)
    changed = session.scalar(
        sa.text(
            """UPDATE organization SET requires_second_factor = :is_required
               WHERE id = :org AND requires_second_factor <> :is_required RETURNING true"""
        ),
        {"org": org_id, "is_required": is_required},
    )
    if changed:
        action = "second_factor.require" if is_required else "second_factor.release"
        audit.record(
            session, org_id, actor=by.name, action=action, subject="organization", detail={"from": not is_required, "to": is_required}
        )
        session.execute(
            sa.text("SELECT pg_notify(:channel, '')"), {"channel": sessions.CHANNEL}
        )  # every page asks at once whether it may go on
    return bool(changed)
