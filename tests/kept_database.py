"""The database of a worker's tests that each want a fresh one: what a test wrote is taken out of it again, and the next test finds it as made.

A copy of the template for each takes a tenth of a second of the processor: a thousand files made and dropped, and sessions that know
no table yet. What is not put back for less (tables altered, seeds changed, much written) is dropped, and the next test gets a copy.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast
from unittest import mock

import psycopg
import sqlalchemy as sa
from psycopg import sql

from flyusage import db, tracing

MOST_WRITTEN_BYTES = 3_000_000  # then a copy is cheaper, and finds no pages of dead rows
MOST_TESTS = 100  # of one copy, for the same reason
ENDING_MS = 5000

# Every change to a schema leaves new rows in these, and every drop fewer; temporary tables come and go.
CATALOGS = {
    "pg_class": sql.SQL("relpersistence <> 't'"),
    "pg_attribute": sql.SQL("attrelid >= 16384"),
    "pg_constraint": sql.SQL("true"),
    "pg_default_acl": sql.SQL("true"),
    "pg_event_trigger": sql.SQL("true"),
    "pg_extension": sql.SQL("true"),
    "pg_namespace": sql.SQL("nspname !~ '^pg_(toast_)?temp'"),
    "pg_policy": sql.SQL("true"),
    "pg_proc": sql.SQL("oid >= 16384"),
    "pg_statistic_ext": sql.SQL("true"),
    "pg_trigger": sql.SQL("true"),
}
TRUE = sql.SQL("true")
TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
SEQUENCES = """SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), last_value IS NOT NULL
FROM pg_sequences"""
SETTINGS = (
    "SELECT 'settings', count(*), 0 FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()"
)
STRANGERS = """SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> ALL (%s)"""


@dataclass
class _Copy:
    """A copy of the template, and what it held when it was made."""

    name: str
    hand: psycopg.Connection  # a superuser's, in no transaction and without triggers
    within: AbstractContextManager[str]
    schema_now: bytes
    schema: list[tuple[Any, ...]]
    tables_now: bytes
    rows: dict[str, int]  # of each table
    deletes: dict[str, bytes]  # what is new in each table
    sequences_back: bytes
    pool: sa.Engine | None = None
    tests: int = 0


@dataclass
class KeptDatabase:
    """`copied` makes a copy of the template, dropped after the block."""

    copied: Callable[[], AbstractContextManager[str]]
    superuser_url: Callable[[str], str]
    _kept: _Copy | None = field(default=None)

    def name(self) -> str:
        """Of a database as the template is."""
        if self._kept is None:
            within = self.copied()
            name = within.__enter__()
            self._kept = _as_made(name, psycopg.connect(self.superuser_url(name), autocommit=True), within)
        return self._kept.name

    def lend_pool(self) -> None:
        """Let the application go on with the sessions of the test before, which know the tables."""
        assert self._kept is not None
        if self._kept.pool is not None and not tracing.is_on():
            with mock.patch.object(db, "make_engine", return_value=self._kept.pool):
                db.engine()
        self._kept.pool = None

    def take_pool(self) -> None:
        """Keep the application's sessions for the next test, unless one is still in use or they are of another database."""
        assert self._kept is not None
        if db._pool.cache_info().currsize == 0:
            return
        pool = db.engine()
        if pool.url.database == self._kept.name and cast("sa.QueuePool", pool.pool).checkedout() == 0 and not tracing.is_on():
            self._kept.pool = pool
            db._pool.cache_clear()

    def put_back(self) -> None:
        """Take out what the test wrote; where that takes more than a new copy, drop the database."""
        kept = self._kept
        assert kept is not None
        kept.tests += 1
        try:
            is_as_made = kept.tests < MOST_TESTS and _put_back(kept)
        except psycopg.Error:  # its sessions ended, or it is gone
            is_as_made = False
        if not is_as_made:
            self.drop()

    def drop(self) -> None:
        kept, self._kept = self._kept, None
        if kept is None:
            return
        if kept.pool is not None:
            kept.pool.dispose()
        kept.hand.close()
        kept.within.__exit__(None, None, None)


def _as_made(name: str, hand: psycopg.Connection, within: AbstractContextManager[str]) -> _Copy:
    hand.prepare_threshold = 0
    hand.execute("SET session_replication_role = replica")  # neither triggers nor foreign keys: rows are put back, not changed
    ((now,),) = hand.execute("SELECT pg_current_xact_id()::text").fetchall()
    written = sql.SQL("age(xmin) < age({}::xid)").format(now)
    schema_now = _all([sql.SQL(SETTINGS), *(_counted(sql.Identifier(catalog), written, which) for catalog, which in CATALOGS.items())])
    tables = {table.as_string(): table for row in hand.execute(TABLES) if (table := sql.Identifier(*row))}
    rows: dict[str, int] = {table: count for table, count, _ in hand.execute(_all([_counted(each, written) for each in tables.values()]))}
    tables_now = _all(
        [
            _counted(each, written) if rows[table] else sql.SQL("(SELECT {}, 1, 1 FROM {} LIMIT 1)").format(table, each)
            for table, each in tables.items()
        ]
    )
    deletes = {table: sql.SQL("DELETE FROM {} WHERE {}").format(each, written).as_bytes() for table, each in tables.items()}
    sequences = hand.execute(SEQUENCES).fetchall()
    sequences_back = sql.SQL("SELECT ") + sql.SQL(", ").join(sql.SQL("setval({}, {}, {})").format(*sequence) for sequence in sequences)
    return _Copy(name, hand, within, schema_now, hand.execute(schema_now).fetchall(), tables_now, rows, deletes, sequences_back.as_bytes())


def _all(queries: list[sql.Composable]) -> bytes:
    return sql.SQL(" UNION ALL ").join(queries).as_bytes()


def _counted(table: sql.Identifier, written: sql.Composable, which: sql.Composable = TRUE) -> sql.Composed:
    """A query for its name, its rows, and how many of them were written since the copy."""
    return sql.SQL("SELECT {}, count(*), count(*) FILTER (WHERE {}) FROM {} WHERE {}").format(table.as_string(), written, table, which)


def _put_back(kept: _Copy) -> bool:
    """Whether it is as made again."""
    ours = _sessions(kept)
    for (pid,) in kept.hand.execute(STRANGERS, (ours,)).fetchall():
        kept.hand.execute("SELECT pg_terminate_backend(%s, %s)", (pid, ENDING_MS))
    if kept.hand.execute(kept.schema_now).fetchall() != kept.schema:
        return False
    held = {table: (count, new) for table, count, new in kept.hand.execute(kept.tables_now).fetchall()}
    if any(held[table][0] - held[table][1] != rows for table, rows in kept.rows.items() if rows):  # a seed was changed or deleted
        return False
    written = [table for table, (_, new) in held.items() if new]
    if _size_of(kept, written) > MOST_WRITTEN_BYTES:
        return False
    for table in written:
        kept.hand.execute(kept.deletes[table])
    kept.hand.execute(kept.sequences_back)
    return True


def _size_of(kept: _Copy, tables: list[str]) -> int:
    """Bytes, what was deleted before among them."""
    return kept.hand.execute("SELECT coalesce(sum(pg_relation_size(t::regclass)), 0) FROM unnest(%s::text[]) t", (tables,)).fetchall()[0][0]


def _sessions(kept: _Copy) -> list[int]:
    """Process ids of the sessions that the next test goes on with: all of the pool's or none."""
    if kept.pool is None:
        return []
    open_ones = [one for one in list(db._connections) if not one.closed and one.info.dbname == kept.name]
    try:
        for one in open_ones:
            if one.execute("SELECT FROM pg_listening_channels() LIMIT 1").rowcount:
                raise psycopg.InterfaceError("it would hear what the next test does")
            one.rollback()
    except psycopg.Error:
        kept.pool.dispose()
        kept.pool = None
        return []
    return [one.info.backend_pid for one in open_ones]
