"""Running machines per hour by region, app and VM size, written anew from the cells of the days that were rolled.

A year by app is sixty thousand of these rows where it is two million cells. They are few, so that a day's are replaced whole.
"""

from flyusage.metering.models import HOURS, RUNNING_BY_APP, RUNNING_BY_REGION, RUNNING_BY_SIZE, RUNNING_WHOLE

_SUMS = ", ".join(f"sum_bigint({hour}) AS {hour}" for hour in HOURS)


def running_statements(some: str = "") -> tuple[str, ...]:
    """Replace the days' rows, with the binds of `cells.py`. `some`, a condition on app_id, narrows the rows that are by app."""
    by_app = f"OR ({some.removeprefix('AND ').replace('app_id', 'key')})" if some else "OR true"
    return (
        f"""DELETE FROM running_day WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day
            AND (dimension <> {RUNNING_BY_APP} {by_app})""",
        f"""
        INSERT INTO running_day (org_id, dimension, day, key, {", ".join(HOURS)})
        SELECT :org_id, counted.* FROM (
          {_grouped(RUNNING_WHOLE, "0", "usage_day_by_region")}
          UNION ALL {_grouped(RUNNING_BY_REGION, "region_id::int", "usage_day_by_region")}
          UNION ALL {_grouped(RUNNING_BY_SIZE, "vm_size_id::int", "usage_day_by_region")}
          UNION ALL {_grouped(RUNNING_BY_APP, "app_id", "usage_day", some)}
        ) AS counted ORDER BY dimension, day, key""",
    )


def _grouped(dimension: int, key: str, table: str, some: str = "") -> str:
    return f"""
    SELECT {dimension} AS dimension, day, {key} AS key, {_SUMS} FROM {table}
    WHERE org_id = :org_id AND day BETWEEN :first_day AND :last_day AND sku_id IN (SELECT id FROM sku WHERE meter = 'machine') {some}
    GROUP BY 1, 2, 3"""
