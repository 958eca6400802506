"""How ingest talks to Postgres: each statement planned for the batch at hand."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, cast

from sqlmodel import Session

from flyusage import db

if TYPE_CHECKING:
    import psycopg


def run(session: Session, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> "psycopg.Cursor":
    """Execute `query` on the session's connection, never as a prepared statement.

    A plan kept from a batch of one event would loop over a batch of thousands.
    """
    return db.raw(session).execute(cast("LiteralString", query), parameters, prepare=False)


@contextmanager
def by_index(session: Session) -> Iterator[None]:
    """Reach the large tables through their indexes, whatever the statistics say.

    They lag behind a ledger that grows from nothing within a minute; a plan that takes it for empty would read all of it
    once per subject. Temporary tables have no indexes and are read whole as before; they have no statistics either, and
    are joined by hash, since a merge would sort them for it.
    """
    run(session, "SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off")
    yield
    run(session, "SET LOCAL enable_seqscan = on; SET LOCAL enable_mergejoin = on")
