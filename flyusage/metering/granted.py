"""Which events somebody may send who sends for some apps only.

Not only the app that an event names counts: a machine's home is where its earliest event says, and an address is whoever's holds
it, so an event about another app's subject would change what that app is billed. Withdrawals name no app at all.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.errors import Refusal
from flyusage.metering.usage_event import KIND_OF, EventType, UsageEvent

SENTENCE = "This token sends events of its own apps only, about their own machines, volumes and addresses, and withdraws none."


def apart(
    session: Session, org_ids: Mapping[str, int], events: Sequence[UsageEvent], apps: frozenset[int]
) -> tuple[list[UsageEvent], list[Refusal]]:
    """Those of `events` that are of `apps` (ids), and refusals of the others. Their subjects are held by the caller."""
    asked = {"orgs": sorted(set(org_ids.values())), "apps": sorted(apps)}
    names = set(session.scalars(sa.text(_NAMES), asked))
    subjects = sorted({(int(kind), one.subject) for one in events if (kind := _kind(one)) is not None})
    named = {"kinds": [kind for kind, _ in subjects], "names": [name for _, name in subjects]}
    others = {(kind, name) for kind, name in session.execute(sa.text(_OTHERS), asked | named)}
    kept, refused = [], []
    for one in events:
        if one.type != EventType.EVENT_VOIDED and one.app in names and (_kind(one), one.subject) not in others:
            kept.append(one)
        else:
            refused.append(Refusal(one.line, "app_not_granted", SENTENCE, b"", one.org))
    return kept, refused


def _kind(event: UsageEvent) -> int | None:
    return KIND_OF.get(EventType(event.type))


_NAMES = "SELECT name FROM app WHERE org_id = ANY(:orgs) AND id = ANY(:apps)"
# An address is its present holder's: it may be released by one app and allocated by another.
_OTHERS = """
SELECT r.kind, r.name FROM unnest(CAST(:kinds AS smallint[]), CAST(:names AS text[])) AS asked (kind, name)
JOIN resource r ON r.org_id = ANY(:orgs) AND r.kind = asked.kind AND r.name = asked.name
LEFT JOIN LATERAL (SELECT i.app_id FROM usage_interval i WHERE i.org_id = r.org_id AND i.resource_id = r.id AND r.kind = 3
                   ORDER BY i.started_at DESC LIMIT 1) AS holder ON true
WHERE coalesce(holder.app_id, r.app_id) <> ALL(:apps)"""
