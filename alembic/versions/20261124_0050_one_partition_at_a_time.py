"""A month's partition made by two at once is made once; and one table's alone, so that its maker waits for one table only.

`to_regclass` answers from a cache that does not hear of what others commit meanwhile; a query of the catalog does.

Revision ID: 20261124_0050
Revises: 20261124_0040
"""

from alembic import op

revision = "20261124_0050"
down_revision = "20261124_0040"
branch_labels = None
depends_on = None

DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
TIME = "CASE parent WHEN 'usage_event' THEN 'time' WHEN 'usage_interval' THEN 'started_at' ELSE 'day' END"
PARENTS = "ARRAY['usage_event', 'usage_interval', 'usage_day']"


def upgrade() -> None:
    op.execute(
        f"""CREATE FUNCTION ensure_month_partition(parent text, a_day date) RETURNS boolean {DEFINER} AS $$
            DECLARE month date := date_trunc('month', a_day::timestamp)::date;
                    child text := parent || to_char(a_day, '_YYYY_MM'); holds boolean;
            BEGIN
              IF parent <> ALL ({PARENTS}) THEN RAISE EXCEPTION '% has no months', parent; END IF;
              IF to_regclass(child) IS NOT NULL THEN RETURN false; END IF;
              PERFORM pg_advisory_xact_lock(7160002);
              IF EXISTS (SELECT FROM pg_class WHERE relname = child AND relnamespace = 'public'::regnamespace) THEN RETURN false; END IF;
              EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= %L AND %I < %L)', parent || '_default',
                {TIME}, month, {TIME}, (month + interval '1 month')::date) INTO holds;
              IF holds THEN RETURN false; END IF;
              EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                month, (month + interval '1 month')::date);
              RETURN true;
            END $$"""
    )
    op.execute("REVOKE ALL ON FUNCTION ensure_month_partition(text, date) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ensure_month_partition(text, date) TO flyusage_platform")
    op.execute(
        f"""CREATE OR REPLACE FUNCTION ensure_month_partitions(first_day date, last_day date) RETURNS int {DEFINER} AS $$
            DECLARE parent text; month date; made int := 0;
            BEGIN
              FOR month IN SELECT generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, '1 month')::date LOOP
                FOREACH parent IN ARRAY {PARENTS} LOOP
                  made := made + ensure_month_partition(parent, month)::int;
                END LOOP;
              END LOOP;
              RETURN made;
            END $$"""
    )


def downgrade() -> None:
    op.execute(
        f"""CREATE OR REPLACE FUNCTION ensure_month_partitions(first_day date, last_day date) RETURNS int {DEFINER} AS $$
            DECLARE parent text; month date; made int := 0; child text; holds boolean;
            BEGIN
              FOR month IN SELECT generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, '1 month')::date LOOP
                FOREACH parent IN ARRAY {PARENTS} LOOP
                  child := parent || to_char(month, '_YYYY_MM');
                  CONTINUE WHEN to_regclass(child) IS NOT NULL;
                  PERFORM pg_advisory_xact_lock(7160002);
                  CONTINUE WHEN to_regclass(child) IS NOT NULL;
                  EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= %L AND %I < %L)', parent || '_default',
                    {TIME}, month, {TIME}, (month + interval '1 month')::date) INTO holds;
                  CONTINUE WHEN holds;
                  EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                    month, (month + interval '1 month')::date);
                  made := made + 1;
                END LOOP;
              END LOOP;
              RETURN made;
            END $$"""
    )
    op.execute("DROP FUNCTION ensure_month_partition(text, date)")
