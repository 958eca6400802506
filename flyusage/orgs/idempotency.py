"""Writes that are sent again: the same key gives the first one's answer, and does nothing twice.

A key is the sender's own text, kept with its organization and token for a day, in the transaction of what it was for: either
both are there or neither. Of two at once the second waits for the first and then gets its answer.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, LargeBinary, SmallInteger, Text
from sqlmodel import Session, SQLModel

from flyusage import clock
from flyusage.orgs.errors import KeyUsedOtherwise

GOOD_FOR = timedelta(days=1)

idempotent_write = sa.Table(
    "idempotent_write",
    SQLModel.metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("token_id", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", LargeBinary, nullable=False, comment="of method, address and body: another request may not use the key"),
    Column("status", SmallInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    sa.Index("ix_idempotent_write_created_at", "org_id", "created_at"),
    sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name="key_length"),
)


@dataclass(frozen=True)
class Sent:
    """A write as it arrived: whose token, under which key (empty: none), and what was asked."""

    org_id: int
    token_id: int
    key: str
    request: bytes


def once(session: Session, sent: Sent, write: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes, bool]:
    """(status, answer, whether it is a repeated one) of `write`, which is done at most once for a key within a day.

    In the transaction of the write. Raises KeyUsedOtherwise for a key that another request used.
    """
    if not sent.key:
        return *write(), False
    of, now = idempotent_write.c, clock.now()
    digest = hashlib.sha256(sent.request).digest()
    mine = (of.org_id == sent.org_id, of.token_id == sent.token_id, of.key == sent.key)
    # a lock that ends with the transaction: whoever repeats waits until what is repeated is there
    session.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{sent.org_id}/{sent.token_id}/{sent.key}"}
    )
    session.execute(sa.delete(idempotent_write).where(of.org_id == sent.org_id, of.created_at < now - GOOD_FOR))
    before = session.execute(sa.select(of.request_sha256, of.status, of.answer).where(*mine)).one_or_none()
    if before is not None:
        if bytes(before.request_sha256) != digest:
            raise KeyUsedOtherwise("This Idempotency-Key was sent with another request in the last day. Send a new key with a new request.")
        return before.status, bytes(before.answer), True
    status, answer = write()
    values = {"org_id": sent.org_id, "token_id": sent.token_id, "key": sent.key, "request_sha256": digest, "status": status}
    session.execute(sa.insert(idempotent_write).values(**values, answer=answer, created_at=now))
    return status, answer, False
