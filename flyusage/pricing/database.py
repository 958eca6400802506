"""One statement to the database, read in the binary protocol."""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlmodel import Session

from flyusage import db

REMEMBERED_STATEMENTS = 2_000

_dialect = PGDialect_psycopg()


class Binds(dict[str, Any]):
    """Values of a statement under construction."""

    def add(self, value: object, kind: str) -> str:
        """Take `value` in and give the SQL that stands for it, as a `kind`. Arrays go as text: that is ten times cheaper to write."""
        written = "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else value
        name = next((one for one, present in self.items() if present is written and isinstance(written, str)), f"b{len(self)}")
        self[name] = written
        return f"CAST(:{name} AS {kind})"


def fetch(session: Session, statement: str, binds: dict[str, Any], *, is_planned_once: bool = False) -> list[tuple[Any, ...]]:
    """Rows of a statement with `:named` values, planned for those values. Long arrays of floats are read ten times faster than as text.

    `is_planned_once` is for a statement that is always the same and looks up a few rows by key: planning it takes longer than
    answering it.
    """
    with db.raw(session).cursor(binary=True) as cursor:
        return cursor.execute(_compiled(statement), binds, prepare=is_planned_once).fetchall()


@lru_cache(REMEMBERED_STATEMENTS)
def _compiled(statement: str) -> bytes:
    """The statement as the driver takes it."""
    return str(sa.text(statement).compile(dialect=_dialect)).encode()
