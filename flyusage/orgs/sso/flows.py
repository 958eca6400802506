"""Browsers that were sent to a provider: each way back is good once, within ten minutes, for the browser that began. Platform's role."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth.secrets import digest, new_secret
from flyusage.orgs.sso.errors import FlowSpent

LASTS = timedelta(minutes=10)
KEPT = timedelta(hours=1)  # what came of it, for the page that tells

Purpose = Literal["sign_in", "test"]


@dataclass(frozen=True)
class Begun:
    """`state` goes to the provider and back, `secret` into the browser's cookie; neither is kept here but as its SHA-256."""

    state: str
    secret: str


@dataclass(frozen=True)
class Flow:
    """What a browser that came back had set out for. `started_by` is who tests."""

    org_id: int
    purpose: Purpose
    onward: str
    started_by: int | None


def begin(session: Session, org_id: int, purpose: Purpose, *, onward: str, started_by: int | None = None) -> Begun:
    """Note that a browser is about to leave for the organization's provider."""
    made, now = Begun(new_secret(), new_secret()), clock.now()
    session.execute(sa.text("DELETE FROM sso_flow WHERE ends_at < :old"), {"old": now - KEPT})
    session.execute(
        sa.text(
            """INSERT INTO sso_flow (state_sha256, org_id, browser_sha256, purpose, started_by, onward, made_at, ends_at)
               VALUES (:state, :org, :browser, :purpose, :by, :onward, :now, :ends_at)"""
        ),
        {
            "state": digest(made.state),
            "org": org_id,
            "browser": digest(made.secret),
            "purpose": purpose,
            "by": started_by,
            "onward": onward,
            "now": now,
            "ends_at": now + LASTS,
        },
    )
    return made


def spend(session: Session, state: str, secret: str) -> Flow:
    """The flow that a browser came back from; one UPDATE decides which of several comes first. Raises FlowSpent."""
    row = session.execute(
        sa.text(
            """UPDATE sso_flow SET used_at = :now
               WHERE state_sha256 = :state AND browser_sha256 = :browser AND used_at IS NULL AND ends_at > :now
               RETURNING org_id, purpose, onward, started_by"""
        ),
        {"now": clock.now(), "state": digest(state), "browser": digest(secret)},
    ).one_or_none()
    if row is None:
        raise FlowSpent("That sign-in took too long, was finished already, or began in another browser. Begin again.")
    return Flow(*row)


def tell(session: Session, state: str, outcome: Mapping[str, Any]) -> None:
    """Keep what came of it, for an hour, for whoever knows the state: the browser that began."""
    statement = sa.text("UPDATE sso_flow SET outcome = :outcome WHERE state_sha256 = :state").bindparams(
        sa.bindparam("outcome", type_=sa.JSON)
    )
    session.execute(statement, {"outcome": dict(outcome), "state": digest(state)})


def told(session: Session, state: str, purpose: Purpose, *, started_by: int | None = None) -> dict[str, Any]:
    """What came of it; empty where there is nothing to tell. A test is told to whoever began it alone."""
    found = session.scalar(
        sa.text(
            """SELECT outcome FROM sso_flow WHERE state_sha256 = :state AND purpose = :purpose AND used_at IS NOT NULL AND made_at > :old
               AND started_by IS NOT DISTINCT FROM :by"""
        ),
        {"state": digest(state), "purpose": purpose, "old": clock.now() - KEPT, "by": started_by},
    )
    return found or {}
