"""No statistics of columns that no question narrows or joins by: the hours and days of cells, and what identifies an event.

They are most of a cell table's columns, and analyzing them was most of the time that a bulk load spends on statistics, and
autovacuum after it.

Revision ID: 20261126_1730
Revises: 20261126_1720
"""

from alembic import op

revision = "20261126_1730"
down_revision = "20261126_1720"
branch_labels = None
depends_on = None

HOURS = tuple(f"h{hour:02d}" for hour in range(24))
DAYS = tuple(f"d{day:02d}" for day in range(1, 32))
UNASKED = {
    "usage_day": HOURS,
    "usage_day_by_region": HOURS,
    "running_day": HOURS,
    "usage_month": DAYS,
    "usage_month_by_region": DAYS,
    "usage_event": ("identity", "source", "event_id", "memory_mib", "capacity_mib", "bytes", "report_start", "report_end", "version", "voids"),
}
DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
TIME = "CASE parent WHEN 'usage_event' THEN 'time' WHEN 'usage_interval' THEN 'started_at' ELSE 'day' END"
PARENTS = "ARRAY['usage_event', 'usage_interval', 'usage_day']"
# A partition takes everything over from its parent but this.
LIKE_PARENT = """
              SELECT string_agg(format('ALTER COLUMN %I SET STATISTICS 0', attname), ', ') INTO alike FROM pg_attribute
              WHERE attrelid = format('public.%I', parent)::regclass AND attstattarget = 0 AND attnum > 0;
              IF alike IS NOT NULL THEN EXECUTE format('ALTER TABLE %I %s', child, alike); END IF;"""


def upgrade() -> None:
    _set_statistics(0)
    _replace_maker(LIKE_PARENT)


def downgrade() -> None:
    _set_statistics(-1)
    _replace_maker("")


def _set_statistics(target: int) -> None:
    """Of the tables and, which Postgres sees to, all their partitions."""
    for table, columns in UNASKED.items():
        op.execute(f"ALTER TABLE {table} {', '.join(f'ALTER COLUMN {column} SET STATISTICS {target}' for column in columns)}")


def _replace_maker(after: str) -> None:
    op.execute(
        f"""CREATE OR REPLACE FUNCTION ensure_month_partition(parent text, a_day date) RETURNS boolean {DEFINER} AS $$
            DECLARE month date := date_trunc('month', a_day::timestamp)::date;
                    child text := parent || to_char(a_day, '_YYYY_MM'); holds boolean; alike text;
            BEGIN
              IF parent <> ALL ({PARENTS}) THEN RAISE EXCEPTION '% has no months', parent; END IF;
              IF to_regclass(child) IS NOT NULL THEN RETURN false; END IF;
              PERFORM pg_advisory_xact_lock(7160002);
              IF EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = 'public'::regnamespace) THEN RETURN false; END IF;
              EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= %L AND %I < %L)', parent || '_default',
                {TIME}, month, {TIME}, (month + interval '1 month')::date) INTO holds;
              IF holds THEN RETURN false; END IF;
              EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                month, (month + interval '1 month')::date);{after}
              RETURN true;
            END $$"""
    )
