"""Events that withdraw others (`flyusage.event.voided`), and what is noted about single events.

A void names its target by identity, so it works whether it arrives before or after it. Voids are final: withdrawing one is
kept in the ledger, reported as `void_is_final` and has no effect; otherwise the outcome would hang on the order of arrival.
"""

from uuid import UUID

from sqlmodel import Session

from flyusage import clock
from flyusage.metering.statements import run
from flyusage.periods import midnight, next_month


def note(session: Session) -> None:
    """Note and audit what the staged batch withdraws; call it before the batch's subjects are settled."""
    run(
        session,
        """INSERT INTO voided_event (org_id, identity, at)
           SELECT DISTINCT org_id, voids, %s::timestamptz FROM staged_event WHERE type = 11 ON CONFLICT DO NOTHING""",
        (clock.now(),),
    )
    run(
        session,
        """INSERT INTO audit_event (org_id, at, actor, action, subject, detail)
           SELECT org_id, %s, 'system:ingest', 'event.void', voided_id, jsonb_build_object(
             'source', voided_source, 'id', voided_id, 'by_source', source, 'by_id', event_id, 'time', time)
           FROM staged_event WHERE type = 11 ORDER BY org_id, n""",
        (clock.now(),),
    )


def recall(session: Session) -> int:
    """Bring subjects whose earlier events the batch withdraws into `staged_subject`, undo what those events left; how many."""
    targets = _targets(session)
    identities = [identity for _, identity, _, _ in targets]
    orgs = [org_id for org_id, _, _, _ in targets]
    for statement in (
        """DELETE FROM event_finding f USING unnest(%s::int[], %s::uuid[]) AS target (org_id, identity)
           WHERE f.org_id = target.org_id AND f.identity = target.identity AND f.code <> 'event_conflict'""",
        """DELETE FROM deployment d USING unnest(%s::int[], %s::uuid[]) AS target (org_id, identity)
           WHERE d.org_id = target.org_id AND d.identity = target.identity""",
    ):
        run(session, statement, (orgs, identities))
    binds = (orgs, [resource_id for _, _, resource_id, _ in targets])
    run(
        session,
        """UPDATE staged_subject s SET is_whole = true FROM unnest(%s::int[], %s::bigint[]) AS target (org_id, id)
           WHERE s.org_id = target.org_id AND s.resource_id = target.id""",
        binds,
    )
    return run(
        session,
        """INSERT INTO staged_subject (org_id, kind, name, resource_id, is_new, is_whole)
           SELECT DISTINCT r.org_id, r.kind, r.name, r.id, false, true
           FROM resource r JOIN unnest(%s::int[], %s::bigint[]) AS target (org_id, id) ON target.org_id = r.org_id AND target.id = r.id
           WHERE NOT EXISTS (SELECT FROM staged_subject s WHERE s.org_id = r.org_id AND s.resource_id = r.id)""",
        binds,
    ).rowcount


def _targets(session: Session) -> list[tuple[int, UUID, int | None, int]]:
    """(org id, identity, resource id, type) of what the batch withdraws and the ledger holds.

    One pass over each month that holds any: an index by identity would cost 55 bytes an event, a sixth of the ledger, and
    every write, for the rarest of events.
    """
    withdrawn = run(
        session,
        """SELECT v.org_id, v.voids, date_trunc('month', i.day)::date FROM staged_event v
           JOIN event_identity i ON i.org_id = v.org_id AND i.identity = v.voids WHERE v.type = 11 ORDER BY v.voids""",
    ).fetchall()
    run(session, "SET LOCAL enable_seqscan = on")
    found = []
    for month in sorted({month for _, _, month in withdrawn}, key=str):
        those = [(org_id, identity) for org_id, identity, of in withdrawn if of == month]
        bounds = (month, next_month(midnight(month))) if month else ("-infinity", "infinity")
        found += run(
            session,
            """SELECT e.org_id, e.identity, e.resource_id, e.type FROM usage_event e
               JOIN unnest(%s::int[], %s::uuid[]) AS void (org_id, identity) USING (org_id, identity)
               WHERE e.time >= %s::timestamptz AND e.time < %s::timestamptz ORDER BY e.identity""",
            ([org_id for org_id, _ in those], [identity for _, identity in those], *bounds),
        ).fetchall()
    run(session, "SET LOCAL enable_seqscan = off")
    return found


def annotate(session: Session) -> None:
    """What single events say, withdrawn ones excepted: deployments, usage in a retired region, a void of a void."""
    run(
        session,
        """INSERT INTO deployment (org_id, app_id, region_id, time, identity, version)
           SELECT e.org_id, a.id, e.region_id, e.time, e.identity, e.version
           FROM staged_event e JOIN staged_app a ON a.number = e.app
           WHERE e.type = 10 AND NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = e.org_id AND v.identity = e.identity)""",
    )
    run(
        session,
        """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
           SELECT e.org_id, s.resource_id, e.time, e.identity, 'retired_region' FROM staged_event e
           JOIN region r ON r.id = e.region_id AND r.retired_on <= e.time::date
           LEFT JOIN staged_subject s ON s.number = e.subject
           WHERE e.region_id = ANY(ARRAY(SELECT id FROM region WHERE retired_on IS NOT NULL)) AND e.type <> 11
             AND NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = e.org_id AND v.identity = e.identity)
           ON CONFLICT DO NOTHING""",
    )


def note_final(session: Session) -> None:
    """Report voids that others try to withdraw, whichever came first."""
    run(
        session,
        """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
           SELECT e.org_id, NULL, e.time, e.identity, 'void_is_final' FROM usage_event e
           JOIN voided_event v ON v.org_id = e.org_id AND v.identity = e.identity
           WHERE e.type = 11 AND e.resource_id IS NULL AND e.org_id IN (SELECT org_id FROM staged_event)
           ON CONFLICT DO NOTHING""",
    )
