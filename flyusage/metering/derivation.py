"""Intervals and findings of the batch's subjects, derived in SQL from the ledger and written as a difference.

The rules are those of `intervals.py`, which says them in Python; a test holds the two equal. A subject that is new is derived
from the batch alone. One that was known is derived from its whole ledger, compared with what is stored, and only rows that
differ are written, so that only days that changed are re-rolled.
"""

from sqlmodel import Session

from flyusage import db

STAGING = (
    """CREATE TEMP TABLE IF NOT EXISTS derived_interval (
         org_id int, resource_id bigint, started_at timestamptz, stopped_at timestamptz, capacity bigint, extra_mib bigint, app_id int,
         region_id smallint, sku_id smallint, vm_size_id smallint, is_inferred boolean, is_new boolean
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS derived_finding (
         org_id int, resource_id bigint, time timestamptz, identity uuid, code text, is_new boolean
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS derived_home (org_id int, resource_id bigint, app_id int, region_id smallint)
       ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS changed_interval (LIKE derived_interval, kept int, delta int) ON COMMIT DELETE ROWS""",
)
_ROW = "org_id, resource_id, started_at, stopped_at, capacity, extra_mib, app_id, region_id, sku_id, vm_size_id, is_inferred"
DERIVED_CODES = ("orphan_stop", "orphan_resize", "inferred_stop", "contradicting_home")

# Types: 1 stopped, 2 destroyed, 3 started; 4 volume destroyed, 5 created, 6 resized; 7 released, 8 allocated; 9 egress.
# OFFSET 0 keeps the planner, which knows nothing of temporary tables, from reading the whole ledger for a few subjects.
_LEDGER = """
  SELECT s.org_id, s.resource_id, s.is_new, e.type, to_timestamp(e.epoch) AS time, e.identity, e.source, e.event_id, a.id AS app_id,
         e.region_id, e.vm_size_id, e.memory_mib, e.capacity_mib, e.bytes, to_timestamp(e.start_epoch) AS report_start,
         to_timestamp(e.end_epoch) AS report_end
  FROM staged_subject s
  JOIN staged_event e ON e.org_id = s.org_id AND e.kind = s.kind AND e.subject = s.name
  JOIN app a ON a.org_id = e.org_id AND a.name = e.app
  WHERE s.is_new
  UNION ALL
  SELECT s.org_id, s.resource_id, s.is_new, e.type, e.time, e.identity, e.source, e.event_id, e.app_id,
         e.region_id, e.vm_size_id, e.memory_mib, e.capacity_mib, e.bytes, e.report_start, e.report_end
  FROM staged_subject s CROSS JOIN LATERAL (
    SELECT * FROM usage_event u WHERE u.org_id = s.org_id AND u.resource_id = s.resource_id OFFSET 0) AS e
  WHERE NOT s.is_new"""

_DERIVE = f"""
WITH ledger AS ({_LEDGER}),
homed AS (
  SELECT ledger.*, row_number() OVER life AS pos, first_value(app_id) OVER life AS home_app, first_value(region_id) OVER life AS home_region
  FROM ledger
  WHERE NOT EXISTS (SELECT FROM voided_event v WHERE v.org_id = ledger.org_id AND v.identity = ledger.identity)
  WINDOW life AS (PARTITION BY resource_id ORDER BY time, type, source COLLATE "C", event_id COLLATE "C")
),
judged AS MATERIALIZED (
  SELECT homed.*, type NOT IN (7, 8) AND (app_id <> home_app OR region_id <> home_region) AS is_contradicting FROM homed
),
-- After an event something is open or not, whatever came before it; only a resize leaves that as it was.
state AS (
  SELECT *, type IN (3, 5, 8) AS is_opening,
         coalesce(max(pos * 2 + (type IN (3, 5, 8))::int) FILTER (WHERE type <> 6) OVER before % 2 = 1, false) AS was_open
  FROM judged WHERE type <> 9 AND NOT is_contradicting
  WINDOW before AS (PARTITION BY resource_id ORDER BY pos ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
kept AS MATERIALIZED (
  SELECT *, lead(time) OVER life AS until, lead(is_opening) OVER life AS is_followed_by_opening, lag(vm_size_id) OVER life AS size_before
  FROM state WHERE is_opening OR was_open OR type = 2
  WINDOW life AS (PARTITION BY resource_id ORDER BY pos)
),
-- The size running just before each report's end: reports and state changes in one line of time.
moment AS (
  SELECT resource_id, time AS at, pos, true AS is_state, CASE WHEN type = 3 THEN vm_size_id ELSE 0 END AS size FROM kept
  WHERE type <= 3 AND resource_id IN (SELECT resource_id FROM judged WHERE type = 9)
  UNION ALL
  SELECT resource_id, report_end, pos, false, 0 FROM judged WHERE type = 9 AND NOT is_contradicting
),
grouped AS (
  SELECT *, count(*) FILTER (WHERE is_state) OVER (PARTITION BY resource_id ORDER BY at, is_state, pos) AS run FROM moment
),
sized AS (
  SELECT resource_id, pos, is_state, first_value(size) OVER (PARTITION BY resource_id, run ORDER BY is_state DESC) AS size FROM grouped
),
finding AS (
  INSERT INTO derived_finding
  SELECT org_id, resource_id, time, identity, 'contradicting_home', is_new FROM judged WHERE is_contradicting
  UNION ALL
  SELECT org_id, resource_id, time, identity,
         CASE WHEN is_opening THEN 'inferred_stop' WHEN type = 6 THEN 'orphan_resize' ELSE 'orphan_stop' END, is_new
  FROM state WHERE type <> 2 AND is_opening = was_open AND NOT (type = 6 AND was_open)
),
home AS (
  INSERT INTO derived_home SELECT org_id, resource_id, home_app, home_region FROM judged WHERE pos = 1
)
INSERT INTO derived_interval
SELECT k.org_id, k.resource_id, k.time, k.until, CASE k.type WHEN 3 THEN 1 WHEN 8 THEN 1 ELSE k.capacity_mib END,
       CASE WHEN k.type = 3 THEN greatest(k.memory_mib - size.memory_mib, 0) ELSE 0 END,
       CASE WHEN k.type = 8 THEN k.app_id ELSE k.home_app END, CASE WHEN k.type = 8 THEN k.region_id ELSE k.home_region END,
       sku.id, CASE k.type WHEN 3 THEN k.vm_size_id WHEN 1 THEN k.size_before ELSE 0 END,
       k.type <> 1 AND coalesce(k.is_followed_by_opening, false), k.is_new
FROM kept k
JOIN sku ON CASE k.type WHEN 3 THEN sku.meter = 'machine' AND sku.vm_size_id = k.vm_size_id
                        WHEN 1 THEN sku.meter = 'rootfs' WHEN 8 THEN sku.meter = 'ipv4' ELSE sku.meter = 'volume' END
LEFT JOIN vm_size size ON size.id = k.vm_size_id
WHERE (k.type IN (3, 5, 6, 8) OR (k.type = 1 AND k.capacity_mib > 0)) AND (k.until IS NULL OR k.until > k.time)
UNION ALL
SELECT e.org_id, e.resource_id, e.report_start, e.report_end, e.bytes, 0, e.home_app, e.home_region, sku.id, sized.size, false, e.is_new
FROM judged e JOIN sized ON sized.resource_id = e.resource_id AND sized.pos = e.pos AND NOT sized.is_state
JOIN sku ON sku.meter = 'egress'
WHERE e.type = 9 AND NOT e.is_contradicting"""

_COMPARE = f"""
INSERT INTO changed_interval ({_ROW}, kept, delta)
SELECT {_ROW}, sum(side)::int, (sum(side) - sum(1 - side))::int FROM (
  SELECT {_ROW}, 1 AS side FROM derived_interval WHERE NOT is_new
  UNION ALL
  SELECT i.* FROM staged_subject s CROSS JOIN LATERAL (
    SELECT {_ROW}, 0 AS side FROM usage_interval u WHERE u.org_id = s.org_id AND u.resource_id = s.resource_id OFFSET 0) AS i
  WHERE NOT s.is_new
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

_FINDINGS = (
    """DELETE FROM event_finding f USING staged_subject s
       WHERE NOT s.is_new AND f.org_id = s.org_id AND f.resource_id = s.resource_id AND f.code = ANY(%s)
         AND NOT EXISTS (SELECT FROM derived_finding d WHERE d.org_id = f.org_id AND d.identity = f.identity AND d.code = f.code)""",
    """INSERT INTO event_finding (org_id, resource_id, time, identity, code)
       SELECT org_id, resource_id, time, identity, code FROM derived_finding ON CONFLICT DO NOTHING""",
)
_HOMES = """
UPDATE resource r SET app_id = d.app_id, region_id = d.region_id FROM derived_home d
WHERE r.org_id = d.org_id AND r.id = d.resource_id AND (r.app_id <> d.app_id OR r.region_id <> d.region_id)"""

# Where old and new differ: states are swept over time per (subject, what it bills), reports count whole.
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
  SELECT org_id, resource_id, rolled_through, at AS starts, lead(at) OVER thing AS ends, sum(weight) OVER thing AS balance
  FROM edge WINDOW thing AS (PARTITION BY org_id, resource_id, sku_id, vm_size_id, app_id, region_id, capacity, extra_mib ORDER BY at)
),
span AS MATERIALIZED (
  SELECT DISTINCT org_id, resource_id, starts::date AS first_day, (least(ends, rolled_through) - interval '1 second')::date AS last_day
  FROM (SELECT org_id, resource_id, rolled_through, starts, ends FROM sweep WHERE balance <> 0
        UNION ALL SELECT org_id, resource_id, rolled_through, started_at, stopped_at FROM change WHERE is_report) AS spans
  WHERE starts < least(ends, rolled_through)
),
days AS (
  INSERT INTO dirty_day (org_id, day)
  SELECT DISTINCT org_id, day::date FROM (SELECT DISTINCT org_id, first_day, last_day FROM span) AS spans
  CROSS JOIN LATERAL generate_series(first_day::timestamp, last_day::timestamp, '1 day') AS day ORDER BY 1, 2
  ON CONFLICT DO NOTHING
)
INSERT INTO dirty_resource (org_id, month, resource_id)
SELECT DISTINCT org_id, month::date, resource_id FROM span
CROSS JOIN LATERAL generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, '1 month') AS month ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING"""


def rederive(session: Session, *, has_known: bool) -> None:
    """Bring intervals, findings and homes of `staged_subject` up to the ledger, and mark what must be re-rolled.

    `has_known` says whether any subject existed before the batch; without one there is nothing to compare with.
    """
    connection = db.raw(session)
    for statement in STAGING:
        connection.execute(statement)
    connection.execute(_DERIVE)
    connection.execute(_HOMES)
    if has_known:
        connection.execute(_COMPARE)
        connection.execute(_REMOVE)
        connection.execute(_FINDINGS[0], (list(DERIVED_CODES),))
    connection.execute(_ADD)
    connection.execute(_FINDINGS[1])
    connection.execute(_DIRTY)
