"""What roll-ups hold, in words: cells by sku, and the sums that must agree."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from flyusage import clock, db
from flyusage.metering import rollups
from flyusage.metering.tail import tail_cells


def org_id(slug: str = "prism") -> int:
    """The id of an organization."""
    return rows("SELECT id FROM organization WHERE slug = :slug", slug=slug)[0][0]


def roll(now: datetime, slug: str = "prism", **options: Any) -> rollups.Progress:
    """Roll everything up, with the clock at `now`."""
    with clock.freeze(now):
        return rollups.catch_up(org_id(slug), **options)


def hours(slug: str = "prism") -> dict[tuple[str, str], int]:
    """(sku, hour as `10-01 00`) → base units, apps and regions together; empty hours absent."""
    columns = ", ".join(f"sum(h{hour:02d})" for hour in range(24))
    found = rows(
        f"SELECT k.code, d.day, {columns} FROM usage_day d JOIN sku k ON k.id = d.sku_id WHERE org_id = :org GROUP BY 1, 2",
        org=org_id(slug),
    )
    return {(code, f"{day:%m-%d} {hour:02d}"): int(value) for code, day, *values in found for hour, value in enumerate(values) if value}


def totals(table: str, slug: str = "prism") -> dict[str, int]:
    """sku → base units of the whole table, by its totals."""
    column = "quantity" if table == "resource_month" else "total"
    return {
        code: int(total)
        for code, total in rows(
            f"SELECT k.code, sum({column}) FROM {table} t JOIN sku k ON k.id = t.sku_id WHERE org_id = :org GROUP BY 1", org=org_id(slug)
        )
    }


def tail(now: datetime, slug: str = "prism") -> dict[str, int]:
    """sku → base units since the closed hours, at `now`."""
    summed: dict[int, int] = defaultdict(int)
    with db.platform_transaction() as session:
        for cell in tail_cells(session, org_id(slug), as_of=now):
            summed[cell.sku_id] += cell.quantity
    names = dict(rows("SELECT id, code FROM sku"))
    return {names[sku]: quantity for sku, quantity in summed.items()}


def everything(slug: str = "prism") -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all roll-up tables, in order: two equal answers are the same state."""
    tables = (
        "usage_day",
        "usage_day_by_region",
        "usage_month",
        "usage_month_by_region",
        "resource_month",
        "open_cell",
        "dirty_day",
        "dirty_resource",
    )
    return {table: sorted(rows(f"SELECT * FROM {table} WHERE org_id = :org", org=org_id(slug))) for table in tables}


def rows(query: str, **binds: Any) -> list[tuple[Any, ...]]:
    """The answer to a question, as the platform."""
    with db.platform_transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query), binds)]


def utc(text: str) -> datetime:
    """`2026-10-01 12:30` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
