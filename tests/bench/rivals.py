"""DuckDB and chdb (ClickHouse in the process) on the same hourly facts as our rollups: a row per cell and hour."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import sqlalchemy as sa
from chdb.session import Session as ClickHouse

from flyusage import db
from flyusage.metering.models import HOURS
from flyusage.pricing.books import book_of
from flyusage.pricing.view import Dimension, Granularity

THREADS = 2
SOURCES = {
    "cells": f"SELECT day, app_id, region_id, vm_size_id, sku_id, {', '.join(HOURS)} FROM usage_day WHERE org_id = {{org}}",
    "region": "SELECT id, code, continent FROM region",
    "app": """SELECT a.id, a.name, coalesce(c.cost_centre_id, 0) AS centre FROM app a LEFT JOIN LATERAL (
                SELECT cost_centre_id FROM cost_centre_app m
                WHERE m.org_id = a.org_id AND m.app_id = a.id ORDER BY month LIMIT 1) AS c ON true
              WHERE a.org_id = {org}""",
    "price": """SELECT sku_id AS sku, region_id AS region, starts_on::timestamp AS starts,
                       least(ends_on, DATE '2100-01-01')::timestamp AS ends, (amount / per_quantity)::float8 AS amount
                FROM price_segment WHERE book_id = {book}""",
    "weight": """SELECT 'machine_hours' AS measure, id AS sku, 1 / 3600.0::float8 AS w FROM sku WHERE meter = 'machine'
                 UNION ALL SELECT 'vcpu_hours', k.id, s.vcpus / 3600.0::float8 FROM sku k JOIN vm_size s ON s.id = k.vm_size_id
                   WHERE meter = 'machine'
                 UNION ALL SELECT 'memory_gb_hours', k.id, coalesce(s.memory_mib, 1) / (1024 * 3600.0::float8)
                   FROM sku k LEFT JOIN vm_size s ON s.id = k.vm_size_id WHERE meter IN ('machine', 'extra_memory')
                 UNION ALL SELECT 'volume_gb', id, 1 / (1024 * 3600.0::float8) FROM sku WHERE meter = 'volume'
                 UNION ALL SELECT 'egress_gb', id, 1e-9::float8 FROM sku WHERE meter = 'egress'""",
}
TYPES = {
    "region": "id SMALLINT, code VARCHAR, continent VARCHAR", "app": "id INTEGER, name VARCHAR, centre INTEGER",
    "price": "sku SMALLINT, region SMALLINT, starts TIMESTAMP, ends TIMESTAMP, amount DOUBLE",
    "weight": "measure VARCHAR, sku SMALLINT, w DOUBLE",
}  # fmt: skip


class Rival(Protocol):
    """An engine that answers SQL; `trunc` is how it cuts an hour to a bucket."""

    name: str
    trunc: Mapping[Granularity, str]

    def rows(self, sql: str) -> int:
        """Answer and fetch everything; how many rows that were."""
        ...

    def total(self, sql: str) -> float:
        """The sum of the answer's `value`."""
        ...


@dataclass(frozen=True)
class Facts:
    """The exported facts: one CSV per small table, Parquet for the hourly facts."""

    folder: Path
    rows: int


def export(org_id: int, folder: Path) -> Facts:
    """The organization's cells as hourly facts, and what is joined to them; kept from one run to the next."""
    parquet = folder / "fact.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    with db.platform_transaction() as session:
        book = book_of(session, org_id).id
        for name, source in SOURCES.items():
            path = folder / f"{name}.csv"
            if name == "cells" and parquet.exists():
                continue
            query = f"COPY ({source.format(org=org_id, book=book)}) TO STDOUT (FORMAT csv, HEADER)"
            with path.open("wb") as file, db.raw(session).cursor().copy(query) as copy:
                for block in copy:
                    file.write(block)
    if not parquet.exists():
        duckdb.execute(
            f"""COPY (SELECT day::TIMESTAMP + to_hours(hour::INTEGER) AS hour, app_id::INTEGER AS app, region_id::SMALLINT AS region,
                             vm_size_id::SMALLINT AS size, sku_id::SMALLINT AS sku, q::BIGINT AS q
                      FROM (SELECT day, app_id, region_id, vm_size_id, sku_id, unnest(range(24)) AS hour, unnest([{", ".join(HOURS)}]) AS q
                            FROM read_csv('{folder}/cells.csv')) WHERE q > 0 ORDER BY app, region, size, sku, hour)
                TO '{parquet}.part' (FORMAT parquet)"""
        )
        Path(f"{parquet}.part").rename(parquet)
        (folder / "cells.csv").unlink()
    count = duckdb.execute(f"SELECT count(*) FROM '{parquet}'").fetchone()
    assert count is not None
    return Facts(folder, count[0])


class DuckDb:
    """DuckDB on its own file, facts in the order (app, region, size, sku, hour)."""

    name = "DuckDB"
    trunc = {granularity: f"date_trunc('{granularity}', {{}})" for granularity in Granularity}

    def __init__(self, facts: Facts) -> None:
        path = facts.folder / "facts.duckdb"
        is_new = not path.exists()
        self._connection = duckdb.connect(path, config={"threads": THREADS})
        if is_new:
            self._connection.execute(f"CREATE TABLE fact AS SELECT * FROM '{facts.folder}/fact.parquet'")
        for name, types in TYPES.items():
            self._connection.execute(f"CREATE OR REPLACE TABLE {name} ({types}); COPY {name} FROM '{facts.folder}/{name}.csv' (HEADER)")

    def rows(self, sql: str) -> int:
        return self._connection.execute(sql).to_arrow_table().num_rows

    def total(self, sql: str) -> float:
        row = self._connection.execute(f"SELECT sum(value) FROM ({sql}) AS answer").fetchone()
        return float(row[0] or 0) if row else 0.0


class ChDb:
    """chdb with a MergeTree, facts in the order (app, region, size, sku, hour)."""

    name = "chdb"
    trunc = {
        Granularity.HOUR: "{}", Granularity.DAY: "toStartOfDay({})", Granularity.WEEK: "toMonday({})",
        Granularity.MONTH: "toStartOfMonth({})",
    }  # fmt: skip

    def __init__(self, facts: Facts) -> None:
        path = facts.folder / "chdb"
        is_new = not path.exists()
        self._session = ClickHouse(str(path))
        self._session.query(f"SET max_threads = {THREADS}; SET session_timezone = 'UTC'")
        if is_new:
            self._session.query("CREATE DATABASE IF NOT EXISTS bench")
            self._session.query(
                """CREATE TABLE bench.fact
                   (hour DateTime('UTC'), app Int32, region Int16, size Int16, sku Int16, q Int64)
                   ENGINE = MergeTree ORDER BY (app, region, size, sku, hour)"""
            )
            self._session.query(f"INSERT INTO bench.fact SELECT * FROM file('{facts.folder}/fact.parquet')")
            self._session.query("OPTIMIZE TABLE bench.fact FINAL")
        self._session.query("USE bench")
        for name, types in TYPES.items():
            columns = types.replace("TIMESTAMP", "DateTime('UTC')").replace("DOUBLE", "Float64").replace("VARCHAR", "String")
            self._session.query(f"CREATE OR REPLACE TABLE {name} ({columns}) ENGINE = Memory")
            self._insert(name, facts.folder / f"{name}.csv")

    def _insert(self, table: str, path: Path) -> None:
        with path.open(newline="") as file:
            _, *rows = csv.reader(file)
        quoted = (f"({', '.join(repr(cell) for cell in row)})" for row in rows)
        self._session.query(f"INSERT INTO {table} VALUES {', '.join(quoted)}")

    def rows(self, sql: str) -> int:
        return self._session.query(sql, "ArrowTable").num_rows

    def total(self, sql: str) -> float:
        return float(str(self._session.query(f"SELECT sum(value) FROM ({sql}) AS answer", "TSV")).strip() or 0)


def names(org_id: int) -> dict[Dimension, dict[str, int]]:
    """What filters can name, and the id of each, of what the organization used."""
    used = "SELECT {}_id FROM usage_month_by_region"
    queries = {
        Dimension.APP: "SELECT name, id FROM app ORDER BY name",
        Dimension.REGION: f"SELECT code, id FROM region WHERE id IN ({used.format('region')}) ORDER BY code",
        Dimension.VM_SIZE: f"SELECT name, id FROM vm_size WHERE id > 0 AND id IN ({used.format('vm_size')}) ORDER BY id",
    }
    with db.transaction(org_id) as session:
        return {dimension: dict(tuple(row) for row in session.execute(sa.text(query))) for dimension, query in queries.items()}
