"""How far back a batch reaches into the life of each subject it touches, so that long lives are not read again and again.

From an opening event on (a start, a creation, an allocation), what a subject uses no longer hangs on what came before. So a
known subject is derived from the last opening before the batch's earliest change, its anchor. Its whole ledger is read
only where its home may change: when an event is withdrawn, or names another home.
"""

from sqlmodel import Session

from flyusage.metering.statements import run

STAGING = """
CREATE TEMP TABLE IF NOT EXISTS staged_reach (
  org_id int, resource_id bigint, kind smallint, home_app int, home_region smallint, has_states boolean, reports_from timestamptz,
  state_types smallint[], from_at timestamptz, from_type smallint, from_source text, from_id text
) ON COMMIT DELETE ROWS"""

# OFFSET 0 keeps the planner, which knows nothing of temporary tables, from reading all resources for those of the batch.
# An egress report changes nothing but itself, yet its size is that of the moment before its end.
_TOUCHED = """
SELECT s.org_id, s.resource_id, s.kind, r.app_id AS home_app, r.region_id AS home_region,
       bool_or(s.is_whole OR (s.kind <> 3 AND (a.id <> r.app_id OR e.region_id <> r.region_id))) AS is_whole,
       min(e.time) FILTER (WHERE e.type <> 9) AS states_at, min(coalesce(to_timestamp(e.end_epoch), e.time)) AS changes_at
FROM staged_subject s CROSS JOIN LATERAL (
  SELECT app_id, region_id FROM resource known WHERE known.org_id = s.org_id AND known.id = s.resource_id OFFSET 0) AS r
LEFT JOIN staged_event e ON e.subject = s.number LEFT JOIN staged_app a ON a.number = e.app
WHERE NOT s.is_new GROUP BY 1, 2, 3, 4, 5"""

# Most anchors are recent, and then most partitions need not be asked.
_ANCHOR = """
SELECT u.time, u.type, u.source, u.event_id FROM usage_event u
WHERE u.org_id = t.org_id AND u.resource_id = t.resource_id AND u.type = CASE t.kind WHEN 1 THEN 3 WHEN 2 THEN 5 ELSE 8 END
  AND u.time < t.changes_at AND (t.kind = 3 OR (u.app_id = t.home_app AND u.region_id = t.home_region)) AND NOT t.is_whole
  AND NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = u.org_id AND v.identity = u.identity) AND {when}
ORDER BY u.time DESC, u.source COLLATE "C" DESC, u.event_id COLLATE "C" DESC LIMIT 1"""

_REACH = f"""
INSERT INTO staged_reach
SELECT t.org_id, t.resource_id, t.kind, CASE WHEN NOT t.is_whole THEN t.home_app END, CASE WHEN NOT t.is_whole THEN t.home_region END,
       t.is_whole OR t.states_at IS NOT NULL, CASE WHEN t.is_whole THEN '-infinity' ELSE t.states_at END,
       CASE t.kind WHEN 1 THEN '{{1,2,3}}' WHEN 2 THEN '{{4,5,6}}' ELSE '{{7,8}}' END::smallint[],
       coalesce(recent.time, any_time.time), coalesce(recent.type, any_time.type), coalesce(recent.source, any_time.source),
       coalesce(recent.event_id, any_time.event_id)
FROM ({_TOUCHED}) AS t
LEFT JOIN LATERAL ({_ANCHOR.format(when="u.time >= t.changes_at - interval '35 days'")}) AS recent ON true
LEFT JOIN LATERAL ({_ANCHOR.format(when="recent.time IS NULL")}) AS any_time ON true"""


def measure(session: Session) -> None:
    """Fill `staged_reach` for the staged subjects that were known before; the batch is not in the ledger yet."""
    run(session, STAGING)
    run(session, _REACH)
