"""What roll-ups must know of an organization's ledger, moved along in the transaction that lets the ledger grow."""

import sqlalchemy as sa
from sqlmodel import Session

CHANNEL = "flyusage"


def advance(session: Session) -> set[int]:
    """Note the staged batch's first and last moment and a new revision per organization, and tell listeners; the org ids.

    `first_event_at` covers egress reports that begin before their event.
    """
    rows = session.execute(
        sa.text(
            """INSERT INTO rollup_state AS state (org_id, first_event_at, last_event_at, revision)
               SELECT org_id, to_timestamp(min(least(epoch, start_epoch))), to_timestamp(max(epoch)), 1 FROM staged_event
               GROUP BY org_id ORDER BY org_id
               ON CONFLICT (org_id) DO UPDATE SET revision = state.revision + 1,
                 first_event_at = least(state.first_event_at, excluded.first_event_at),
                 last_event_at = greatest(state.last_event_at, excluded.last_event_at)
               RETURNING org_id"""
        )
    )
    org_ids = {org_id for (org_id,) in rows}
    for org_id in sorted(org_ids):
        session.execute(sa.text("SELECT pg_notify(:channel, :org)"), {"channel": CHANNEL, "org": str(org_id)})
    return org_ids
