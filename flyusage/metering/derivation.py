"""Intervals and findings of the batch's subjects, derived in SQL from the ledger and written as a difference.

The rules are those of `intervals.py`, which says them in Python; a test holds the two equal. A subject that is new is derived
from the batch alone. A known one is derived from where the batch reaches back to (`reach.py`), compared with what is stored,
and only rows that differ are written, so that only days that changed are re-rolled.
"""

from sqlmodel import Session

from flyusage.metering.statements import run

STAGING = (
    """CREATE TEMP TABLE IF NOT EXISTS judged_event (
         org_id int, resource_id bigint, is_new boolean, pos int, type smallint, time timestamptz, identity uuid, app_id int,
         region_id smallint, home_app int, home_region smallint, vm_size_id smallint, memory_mib bigint, capacity_mib bigint, bytes bigint,
         report_start timestamptz, report_end timestamptz, has_states boolean, is_anchor boolean, was_open boolean, is_kept boolean
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS derived_interval (
         org_id int, resource_id bigint, started_at timestamptz, stopped_at timestamptz, capacity bigint, extra_mib bigint, app_id int,
         region_id smallint, sku_id smallint, vm_size_id smallint, is_inferred boolean, is_new boolean
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS derived_finding (
         org_id int, resource_id bigint, time timestamptz, identity uuid, code text
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS changed_interval (LIKE derived_interval, kept int, delta int) ON COMMIT DELETE ROWS""",
)
_ROW = "org_id, resource_id, started_at, stopped_at, capacity, extra_mib, app_id, region_id, sku_id, vm_size_id, is_inferred"
DERIVED_CODES = ("orphan_stop", "orphan_resize", "inferred_stop", "contradicting_home")

# Types: 1 stopped, 2 destroyed, 3 started; 4 volume destroyed, 5 created, 6 resized; 7 released, 8 allocated; 9 egress.
# The batch, then what the ledger already holds: states from the anchor on, and reports whose size a new state may change.
# OFFSET 0 keeps the planner, which knows nothing of temporary tables, from reading the whole ledger for a few subjects.
_KNOWN = """r.org_id, r.resource_id, false, r.has_states, e.type, e.time, e.identity, e.source, e.event_id, e.app_id,
         e.region_id, e.vm_size_id, e.memory_mib, e.capacity_mib, e.bytes, e.report_start, e.report_end, r.home_app, r.home_region,
         r.from_at"""
_LEDGER = f"""
  SELECT s.org_id, s.resource_id, s.is_new, s.is_new OR r.has_states AS has_states, e.type, e.time, e.identity, e.source, e.event_id,
         a.id AS app_id, e.region_id, e.vm_size_id, e.memory_mib, e.capacity_mib, e.bytes, to_timestamp(e.start_epoch) AS report_start,
         to_timestamp(e.end_epoch) AS report_end, r.home_app AS known_app, r.home_region AS known_region, r.from_at
  FROM staged_event e JOIN staged_subject s ON s.number = e.subject JOIN staged_app a ON a.number = e.app
  LEFT JOIN staged_reach r ON r.resource_id = s.resource_id
  UNION ALL
  SELECT {_KNOWN} FROM staged_reach r CROSS JOIN LATERAL (
    SELECT * FROM usage_event u WHERE u.org_id = r.org_id AND u.resource_id = r.resource_id AND u.type = ANY (r.state_types)
      AND u.time >= coalesce(r.from_at, '-infinity')
      AND (r.from_at IS NULL OR u.time > r.from_at
           OR (u.type, u.source COLLATE "C", u.event_id COLLATE "C") >= (r.from_type, r.from_source, r.from_id)) OFFSET 0) AS e
  UNION ALL
  SELECT {_KNOWN} FROM staged_reach r CROSS JOIN LATERAL (
    SELECT * FROM usage_event u WHERE u.org_id = r.org_id AND u.resource_id = r.resource_id AND u.type = 9
      AND u.time > r.reports_from AND u.report_end > r.reports_from OFFSET 0) AS e
  WHERE r.kind = 1"""

# After an event something is open or not, whatever came before it; only a resize leaves that as it was. So the last other
# event tells: pos * 2, plus 1 if it opened. Contradicting events and reports stand beside that line (is_state).
_STANDING = "NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = ledger.org_id AND v.identity = ledger.identity)"
_JUDGE = f"""
INSERT INTO judged_event
SELECT org_id, resource_id, is_new, pos, type, time, identity, app_id, region_id, home_app, home_region, vm_size_id, memory_mib,
       capacity_mib, bytes, report_start, report_end, has_states, pos = 1 AND from_at IS NOT NULL, was_open,
       CASE WHEN is_state THEN was_open OR type IN (2, 3, 5, 8) END
FROM (
  SELECT *, coalesce(max(pos * 2 + (type IN (3, 5, 8))::int) FILTER (WHERE is_state AND type <> 6) OVER before % 2 = 1, false) AS was_open
  FROM (
    SELECT *, type <> 9 AND (type IN (7, 8) OR (app_id = home_app AND region_id = home_region)) AS is_state FROM (
      SELECT ledger.*, row_number() OVER life AS pos,
             coalesce(known_app, first_value(app_id) OVER life) AS home_app,
             coalesce(known_region, first_value(region_id) OVER life) AS home_region
      FROM ({_LEDGER}) AS ledger
      WHERE {{standing}}
      WINDOW life AS (PARTITION BY resource_id ORDER BY time, type, source COLLATE "C", event_id COLLATE "C")
    ) AS lived
  ) AS homed
  WINDOW before AS (PARTITION BY resource_id ORDER BY time, type, source COLLATE "C", event_id COLLATE "C"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS opened"""

_STATES = """
INSERT INTO derived_interval
SELECT k.org_id, k.resource_id, k.time, k.until, CASE WHEN k.type IN (3, 8) THEN 1 ELSE k.capacity_mib END,
       CASE WHEN k.type = 3 THEN greatest(k.memory_mib - size.memory_mib, 0) ELSE 0 END,
       CASE WHEN k.type = 8 THEN k.app_id ELSE k.home_app END, CASE WHEN k.type = 8 THEN k.region_id ELSE k.home_region END,
       CASE k.type WHEN 3 THEN machine.id WHEN 1 THEN %(rootfs)s WHEN 8 THEN %(ipv4)s ELSE %(volume)s END,
       CASE k.type WHEN 3 THEN k.vm_size_id WHEN 1 THEN k.size_before ELSE 0 END,
       k.type <> 1 AND coalesce(k.next_type IN (3, 5, 8), false), k.is_new
FROM (
  SELECT *, lead(time) OVER life AS until, lead(type) OVER life AS next_type, lag(vm_size_id) OVER life AS size_before
  FROM judged_event WHERE is_kept AND has_states
  WINDOW life AS (PARTITION BY resource_id ORDER BY pos)
) AS k
LEFT JOIN sku machine ON machine.meter = 'machine' AND machine.vm_size_id = k.vm_size_id
LEFT JOIN vm_size size ON size.id = k.vm_size_id
WHERE (k.type IN (3, 5, 6, 8) OR (k.type = 1 AND k.capacity_mib > 0)) AND (k.until IS NULL OR k.until > k.time)"""

# The size running just before each report's end: reports and changes of state in one line of time.
_REPORTS = """
INSERT INTO derived_interval
SELECT org_id, resource_id, report_start, report_end, bytes, 0, home_app, home_region, %(egress)s, size, false, is_new FROM (
  SELECT *, first_value(CASE WHEN type = 3 THEN vm_size_id ELSE 0 END)
              OVER (PARTITION BY resource_id, run ORDER BY is_kept NULLS LAST) AS size
  FROM (
    SELECT *, count(is_kept) OVER (PARTITION BY resource_id ORDER BY at, is_kept NULLS FIRST, pos) AS run FROM (
      SELECT *, CASE WHEN is_kept THEN time ELSE report_end END AS at FROM judged_event
      WHERE (is_kept AND type <= 3 AND resource_id IN (SELECT resource_id FROM judged_event WHERE type = 9))
         OR (type = 9 AND app_id = home_app AND region_id = home_region)
    ) AS moments
  ) AS runs
) AS sized
WHERE type = 9"""

_FIND = """
INSERT INTO derived_finding
SELECT org_id, resource_id, time, identity,
       CASE WHEN is_kept IS NULL THEN 'contradicting_home' WHEN is_kept THEN 'inferred_stop' WHEN type = 6 THEN 'orphan_resize'
            ELSE 'orphan_stop' END
FROM judged_event
WHERE NOT is_kept OR (was_open AND type IN (3, 5, 8)) OR (type NOT IN (7, 8) AND (app_id <> home_app OR region_id <> home_region))"""

_COMPARE = f"""
INSERT INTO changed_interval ({_ROW}, kept, delta)
SELECT {_ROW}, sum(side)::int, (sum(side) - sum(1 - side))::int FROM (
  SELECT {_ROW}, 1 AS side FROM derived_interval WHERE NOT is_new
  UNION ALL
  SELECT i.* FROM staged_reach r CROSS JOIN LATERAL (
    SELECT {_ROW}, 0 AS side FROM usage_interval u
    WHERE u.org_id = r.org_id AND u.resource_id = r.resource_id
      AND u.started_at >= CASE WHEN r.from_at IS NULL THEN '-infinity' ELSE least(r.from_at, r.reports_from - interval '1 day') END
      AND CASE WHEN u.sku_id = %(egress)s THEN u.stopped_at > r.reports_from ELSE u.started_at >= coalesce(r.from_at, '-infinity') END
    OFFSET 0) AS i
  WHERE r.has_states
) AS both_sides
GROUP BY {_ROW} HAVING sum(side) <> sum(1 - side)"""

_REMOVE = """
DELETE FROM usage_interval i USING changed_interval c
WHERE c.delta < 0 AND i.org_id = c.org_id AND i.resource_id = c.resource_id AND i.started_at = c.started_at
  AND i.stopped_at IS NOT DISTINCT FROM c.stopped_at AND i.capacity = c.capacity AND i.extra_mib = c.extra_mib AND i.app_id = c.app_id
  AND i.region_id = c.region_id AND i.sku_id = c.sku_id AND i.vm_size_id = c.vm_size_id AND i.is_inferred = c.is_inferred"""

# Equal rows can only be egress reports; of those that go, all copies go and the ones that stay come back.
_ADD = f"""
INSERT INTO usage_interval ({_ROW})
SELECT {_ROW} FROM derived_interval WHERE is_new
UNION ALL
SELECT {_ROW} FROM changed_interval CROSS JOIN LATERAL generate_series(1, CASE WHEN delta > 0 THEN delta ELSE kept END)"""

# Of the events looked at again; what an anchor is said to be hangs on what came before it.
_FINDINGS = (
    """DELETE FROM event_finding f USING judged_event j
       WHERE NOT j.is_new AND NOT j.is_anchor AND f.org_id = j.org_id AND f.identity = j.identity AND f.code = ANY(%s)
         AND NOT EXISTS (SELECT FROM derived_finding d WHERE d.org_id = f.org_id AND d.identity = f.identity AND d.code = f.code)""",
    """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
       SELECT org_id, resource_id, time, identity, code FROM derived_finding ON CONFLICT DO NOTHING""",
)
_HOMES = (
    """UPDATE resource r SET app_id = j.home_app, region_id = j.home_region FROM judged_event j
       WHERE NOT j.is_new AND j.pos = 1 AND r.org_id = j.org_id AND r.id = j.resource_id
         AND (r.app_id <> j.home_app OR r.region_id <> j.home_region)""",
    """INSERT INTO resource (org_id, id, kind, name, app_id, region_id)
       SELECT s.org_id, s.resource_id, s.kind, s.name, j.home_app, j.home_region
       FROM staged_subject s JOIN judged_event j ON j.resource_id = s.resource_id AND j.pos = 1 WHERE s.is_new""",
)
# All that is known of a subject was withdrawn before it came: it lives where its first event says.
_HOMELESS = """
INSERT INTO resource (org_id, id, kind, name, app_id, region_id)
SELECT DISTINCT ON (s.resource_id) s.org_id, s.resource_id, s.kind, s.name, a.id, e.region_id
FROM staged_subject s JOIN staged_event e ON e.subject = s.number JOIN staged_app a ON a.number = e.app
WHERE s.is_new AND NOT EXISTS (SELECT FROM resource r WHERE r.org_id = s.org_id AND r.id = s.resource_id)
ORDER BY s.resource_id, e.epoch, e.type, e.source COLLATE "C", e.event_id COLLATE "C"
"""

# Where old and new differ: states are swept over time per (subject, what it bills), reports count whole. A batch of few apps
# marks those alone. Days that are marked whole already are left: an update would lock them, and writers would wait for each other.
FEW_APPS = 8
_DIRTY = """
WITH change AS (
  SELECT c.*, r.rolled_through, sku.meter = 'egress' AS is_report
  FROM (SELECT *, 1 AS weight FROM derived_interval WHERE is_new
        UNION ALL
        SELECT org_id, resource_id, started_at, stopped_at, capacity, extra_mib, app_id, region_id, sku_id, vm_size_id, is_inferred,
               is_new, delta FROM changed_interval) AS c
  JOIN rollup_state r ON r.org_id = c.org_id AND c.started_at < r.rolled_through
  JOIN sku ON sku.id = c.sku_id
),
edge AS (
  SELECT org_id, resource_id, sku_id, vm_size_id, app_id, region_id, capacity, extra_mib, rolled_through, at, sum(weight) AS weight
  FROM (SELECT *, started_at AS at FROM change WHERE NOT is_report
        UNION ALL
        SELECT org_id, resource_id, started_at, stopped_at, capacity, extra_mib, app_id, region_id, sku_id, vm_size_id, is_inferred, is_new,
               -weight, rolled_through, is_report, least(stopped_at, rolled_through) FROM change WHERE NOT is_report) AS edges
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
sweep AS (
  SELECT org_id, resource_id, app_id, rolled_through, at AS starts, lead(at) OVER thing AS ends, sum(weight) OVER thing AS balance
  FROM edge WINDOW thing AS (PARTITION BY org_id, resource_id, sku_id, vm_size_id, app_id, region_id, capacity, extra_mib ORDER BY at)
),
span AS MATERIALIZED (
  SELECT DISTINCT org_id, resource_id, app_id, starts::date AS first_day,
         (least(ends, rolled_through) - interval '1 second')::date AS last_day
  FROM (SELECT org_id, resource_id, app_id, rolled_through, starts, ends FROM sweep WHERE balance <> 0
        UNION ALL SELECT org_id, resource_id, app_id, rolled_through, started_at, stopped_at FROM change WHERE is_report) AS spans
  WHERE starts < least(ends, rolled_through)
),
days AS (
  INSERT INTO dirty_day AS marked (org_id, day, app_ids)
  SELECT org_id, each::date, CASE WHEN count(app_id) = count(*) THEN array_agg(DISTINCT app_id) END
  FROM (SELECT DISTINCT org_id, first_day, last_day, CASE WHEN (SELECT count(DISTINCT app_id) FROM span) <= %(few)s THEN app_id END AS app_id
        FROM span) AS spans
  CROSS JOIN LATERAL generate_series(first_day::timestamp, last_day::timestamp, '1 day') AS each
  WHERE NOT EXISTS (SELECT FROM dirty_day whole WHERE whole.org_id = spans.org_id AND whole.day = each::date AND whole.app_ids IS NULL)
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (org_id, day) DO UPDATE SET app_ids =
    CASE WHEN cardinality(marked.app_ids) + cardinality(EXCLUDED.app_ids) <= %(few)s
         THEN ARRAY(SELECT DISTINCT unnest(marked.app_ids || EXCLUDED.app_ids) ORDER BY 1) END
    WHERE NOT marked.app_ids @> EXCLUDED.app_ids OR (marked.app_ids IS NOT NULL AND EXCLUDED.app_ids IS NULL)
)
INSERT INTO dirty_resource (org_id, month, resource_id)
SELECT DISTINCT org_id, month::date, resource_id FROM span
CROSS JOIN LATERAL generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, '1 month') AS month ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING"""

_OPEN_APPS = """
SELECT c.org_id, array_agg(DISTINCT c.app_id) FROM (
  SELECT org_id, app_id, stopped_at FROM derived_interval WHERE is_new UNION ALL SELECT org_id, app_id, stopped_at FROM changed_interval
) AS c JOIN rollup_state r ON r.org_id = c.org_id WHERE c.stopped_at IS NULL OR c.stopped_at > r.rolled_through
GROUP BY c.org_id"""


def rederive(session: Session, *, new: int, has_known: bool) -> None:
    """Bring intervals, findings and homes of `staged_subject` up to the ledger, and mark what must be re-rolled.

    `new` is how many of the subjects are; `has_known` says whether any existed before the batch: without one there is
    nothing to compare with.
    """
    for statement in STAGING:
        run(session, statement)
    skus = dict(run(session, "SELECT meter, id FROM sku WHERE meter IN ('rootfs', 'volume', 'ipv4', 'egress')").fetchall())
    has_voids = run(session, "SELECT EXISTS (SELECT FROM voided_event v WHERE v.org_id IN (SELECT org_id FROM staged_app))").fetchone()
    run(session, _JUDGE.format(standing=_STANDING if has_voids == (True,) else "true"))
    run(session, "SET LOCAL enable_nestloop = off")  # a few sizes and skus, each looked up for thousands of states
    run(session, _STATES, skus)
    run(session, "SET LOCAL enable_nestloop = on")
    run(session, _REPORTS, skus)
    run(session, _FIND)
    run(session, _HOMES[0])
    if run(session, _HOMES[1]).rowcount < new:
        run(session, _HOMELESS)
    if has_known:
        run(session, _COMPARE, skus)
        run(session, _REMOVE)
        run(session, _FINDINGS[0], (list(DERIVED_CODES),))
    run(session, _ADD)
    run(session, _FINDINGS[1])
    run(session, _DIRTY, {"few": FEW_APPS})


def open_apps(session: Session) -> dict[int, list[int]]:
    """After `rederive`: by organization, the apps in which something changed that runs, or counts, after the closed hours."""
    return dict(run(session, _OPEN_APPS).fetchall())
