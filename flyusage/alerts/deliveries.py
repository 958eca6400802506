"""Messages to endpoints: written down once, sent until somebody took them, and every attempt kept to be looked at.

That something is told is decided by whoever inserts its row, and the row's key (endpoint, message) lets that happen once. Sending is
at least once: an attempt is claimed for two minutes in a transaction of its own, the message goes out while no transaction is open, and
the answer is noted in another. Who dies between sending and noting sends again, under the same `webhook-id`, by which a receiver drops it.
"""

import json
import random
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import signing
from flyusage.alerts.endpoints import CHAT, Target, endpoint_of, endpoints, target
from flyusage.alerts.errors import EndpointInvalid, EndpointUnknown
from flyusage.alerts.models import alert_endpoint, delivery, delivery_attempt
from flyusage.alerts.posting import NoAnswer, post
from flyusage.auth.errors import VaultLocked
from flyusage.auth.throttle import Limit
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission

CHANNEL = "flyusage_delivery"
LEASE = timedelta(minutes=2)  # longer than an exchange may last
LONGEST_SECTION = 3_000  # characters of a section's text, of Slack's
# After each failure, in seconds: the scheme's own proposal, three days in all.
PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
LONGEST_PAUSE_SECONDS = 86_400.0
WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
GONE = 410
TEST = "test"
TESTS = Limit(60, 60 * 60)  # of an organization: each has us post to wherever it likes, and wait


@dataclass(frozen=True)
class Message:
    """What is told: `id` is made of what it is about, `text` is a sentence for people, `facts` go to webhooks as `data`."""

    id: str
    type: str
    text: str
    facts: Mapping[str, Any]
    link: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One time that a message was sent. `status` is None where no answer came; `excerpt` then says why."""

    number: int
    at: datetime
    took_ms: int
    status: int | None
    excerpt: str

    @property
    def is_taken(self) -> bool:
        """Whether the receiver took the message."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Delivery:
    """A message to one endpoint, its attempts newest first (`delivery_of`: all, and the body; `log`: the last one, and none)."""

    id: int
    endpoint: str
    message_id: str
    type: str
    summary: str
    created_at: datetime
    due_at: datetime
    state: str
    attempts: int
    body: str
    tried: tuple[Attempt, ...]


@dataclass(frozen=True)
class _Claimed:
    org_id: int
    id: int
    attempts: int
    message_id: str
    body: str
    target: Target | None


def message_id(key: UUID, part: str = "") -> str:
    """The id that a message keeps through every attempt and replay."""
    return f"msg_{key.hex}{part and '_' + part}"


def announce(session: Session, org_id: int, topic: str, said: Message) -> int:
    """Write `said` down for every endpoint that hears of `topic` and has not been told yet; for how many."""
    return sum(_put(session, org_id, one.id, one.kind, said) for one in endpoints(session, org_id, topic=topic))


def test(session: Session, org_id: int, endpoint_id: int, *, by: Actor) -> int:
    """Write a message of type `test` down for one endpoint; the delivery's id. Raises NotPermitted and EndpointUnknown."""
    by.may(Permission.DELIVERIES_MANAGE)
    one, key = endpoint_of(session, org_id, endpoint_id), uuid4()
    _put(session, org_id, one.id, one.kind, Message(message_id(key), TEST, "A test message: alerts of flyusage arrive here.", {}))
    audit.record(session, org_id, actor=by.name, action="endpoint.test", subject=f"endpoint:{endpoint_id}", detail={"name": one.name})
    of = delivery.c
    asked = sa.select(of.id).where(of.org_id == org_id, of.endpoint_id == one.id, of.message_id == message_id(key))
    return session.execute(asked).scalar_one()


def replay(session: Session, org_id: int, delivery_id: int, *, by: Actor) -> None:
    """Send a message once more, under its own id and as it was. Raises NotPermitted, EndpointUnknown and EndpointInvalid."""
    by.may(Permission.DELIVERIES_MANAGE)
    one, of = delivery_of(session, org_id, delivery_id), delivery.c
    again = sa.update(delivery).where(of.org_id == org_id, of.id == delivery_id, of.state != WAITING)
    again = again.where(
        sa.exists().where(alert_endpoint.c.org_id == of.org_id, alert_endpoint.c.id == of.endpoint_id, alert_endpoint.c.ended_at.is_(None))
    )
    done = session.execute(again.values(state=WAITING, due_at=clock.now(), done_at=None).returning(of.id)).first()
    if done is None and one.state != WAITING:
        raise EndpointInvalid(f"{one.endpoint} was removed, so that nothing can be sent there.")
    if done is None:  # waits already: now rather than later
        session.execute(sa.update(delivery).where(of.org_id == org_id, of.id == delivery_id).values(due_at=clock.now()))
    _notify(session)
    detail = {"message": one.message_id, "endpoint": one.endpoint}
    audit.record(session, org_id, actor=by.name, action="delivery.replay", subject=f"delivery:{delivery_id}", detail=detail)


def log(session: Session, org_id: int, *, limit: int = 50, before: int | None = None, state: str | None = None) -> list[Delivery]:
    """What was sent (and is in `state`), newest first, each with its last attempt; `before` continues after the last one of a page."""
    asked = {"org": org_id, "id": None, "limit": limit, "before": before, "state": state}
    return [_delivery(row) for row in session.execute(sa.text(_LOG), asked).mappings()]


def delivery_of(session: Session, org_id: int, delivery_id: int) -> Delivery:
    """One message with all its attempts. Raises EndpointUnknown."""
    asked = {"org": org_id, "id": delivery_id, "limit": 1, "before": None, "state": None}
    row = session.execute(sa.text(_LOG), asked).mappings().one_or_none()
    if row is None:
        raise EndpointUnknown("There is no such delivery. Open the list of deliveries for those there are.")
    of = delivery_attempt.c
    tried = sa.select(of.number, of.at, of.took_ms, of.status, of.excerpt).where(of.org_id == org_id, of.delivery_id == delivery_id)
    attempts = tuple(Attempt(*one) for one in session.execute(tried.order_by(of.number.desc())))
    return _delivery(row, attempts)


def due(session: Session, limit: int) -> Sequence[tuple[int, int]]:
    """(organization, delivery) of what can be sent now, the longest due first; nothing of deleted organizations. Needs the platform's role."""
    return [tuple(row) for row in session.execute(sa.text(_DUE), {"now": clock.now(), "limit": limit})]


def send(org_id: int, delivery_id: int) -> Attempt | None:
    """One attempt; None where somebody else makes it or there is nothing to send any more. Opens transactions of its own."""
    claimed = _claim(org_id, delivery_id)
    if claimed is None:
        return None
    at, began, pause = clock.now(), time.monotonic(), None
    try:
        status, excerpt, pause = _sent(claimed, at)
    except (NoAnswer, VaultLocked) as error:
        status, excerpt = None, str(error)
    made = Attempt(claimed.attempts, at, round(1000 * (time.monotonic() - began)), status, excerpt)
    _note(claimed, made, pause)
    return made


def _sent(claimed: _Claimed, at: datetime) -> tuple[int, str, float | None]:
    if claimed.target is None:
        raise NoAnswer("The endpoint was removed.")
    body = claimed.body.encode()
    signed = signing.headers(claimed.message_id, at, body, claimed.target.keys) if claimed.target.keys else {}
    answer = post(claimed.target.url, body, signed)
    is_redirect = 300 <= answer.status < 400
    return answer.status, "A redirect, which is not followed." if is_redirect else answer.excerpt, answer.retry_after_seconds


def _claim(org_id: int, delivery_id: int) -> _Claimed | None:
    """Take the attempt: for two minutes nobody else does."""
    now = clock.now()
    with db.platform_transaction() as session:
        row = session.execute(sa.text(_TAKE), {"org": org_id, "id": delivery_id, "now": now, "until": now + LEASE}).mappings().one_or_none()
        if row is None:
            return None
        of = alert_endpoint.c
        found = session.execute(sa.select(alert_endpoint).where(of.org_id == org_id, of.id == row["endpoint_id"])).mappings().one()
    try:
        to = target(found, now) if found["ended_at"] is None else None
    except VaultLocked as error:
        _note(_Claimed(org_id, delivery_id, row["attempts"], "", "", None), Attempt(row["attempts"], now, 0, None, str(error)), None)
        return None
    return _Claimed(org_id, delivery_id, row["attempts"], row["message_id"], row["body"], to)


def _note(claimed: _Claimed, made: Attempt, pause_seconds: float | None) -> None:
    """Keep the attempt, and say when the next one is, if any. What others noted meanwhile stays."""
    number = made.number
    is_over = made.status == GONE or claimed.target is None or number % (len(PAUSES) + 1) == 0
    state = DELIVERED if made.is_taken else FAILED if is_over else WAITING
    pause = PAUSES[(number - 1) % (len(PAUSES) + 1)] * (0.5 + random.random()) if state == WAITING else 0.0
    pause = max(pause, min(LONGEST_PAUSE_SECONDS, pause_seconds or 0.0))
    with db.platform_transaction() as session:
        of, now = delivery.c, clock.now()
        changed = {"state": state, "due_at": now + timedelta(seconds=pause), "done_at": None if state == WAITING else now}
        session.execute(sa.update(delivery).where(of.org_id == claimed.org_id, of.id == claimed.id, of.attempts == number).values(changed))
        session.execute(sa.insert(delivery_attempt).values(org_id=claimed.org_id, delivery_id=claimed.id, **vars(made)))


def _put(session: Session, org_id: int, endpoint_id: int, kind: str, said: Message) -> bool:
    now = clock.now()
    row = {
        "org_id": org_id, "endpoint_id": endpoint_id, "message_id": said.id, "type": said.type, "summary": said.text,
        "body": _chat_body(said) if kind == CHAT else _webhook_body(said, now), "created_at": now, "due_at": now,
    }  # fmt: skip
    put = insert(delivery).values(row).on_conflict_do_nothing().returning(delivery.c.id)
    is_new = session.execute(put).first() is not None
    if is_new:
        _notify(session)
    return is_new


def _notify(session: Session) -> None:
    session.execute(sa.text(f"SELECT pg_notify('{CHANNEL}', '')"))


def _webhook_body(said: Message, now: datetime) -> str:
    data = {**said.facts, "text": said.text, **({"link": said.link} if said.link else {})}
    return json.dumps({"type": said.type, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}, default=str)


def _chat_body(said: Message) -> str:
    """Slack's incoming message: a fallback text, and a section that may hold a link. Nobody is called by what an app is named."""
    link = f"\n<{said.link}|Open in flyusage>" if said.link else ""
    plain = _escaped(said.text, LONGEST_SECTION - len(link))  # the link stays whole, and so does what stands for a character
    section = {"type": "section", "text": {"type": "mrkdwn", "text": plain + link, "verbatim": True}}
    return json.dumps({"text": plain, "blocks": [section]})


def _escaped(text: str, longest: int) -> str:
    """As much of a text as has room with its three characters written as Slack wants them."""
    written = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(one, one) for one in text]
    ends = list(accumulate(map(len, written)))
    if not ends or ends[-1] <= longest:
        return "".join(written)
    return "".join(written[: bisect_right(ends, longest - 1)]) + "…"


def _delivery(row: sa.RowMapping, tried: tuple[Attempt, ...] | None = None) -> Delivery:
    last = (Attempt(row["number"], row["at"], row["took_ms"], row["status"], row["excerpt"]),) if row["number"] is not None else ()
    return Delivery(
        row["id"], row["endpoint"], row["message_id"], row["type"], row["summary"], row["created_at"], row["due_at"], row["state"],
        row["attempts"], row["body"], last if tried is None else tried,
    )  # fmt: skip


_DUE = """
SELECT d.org_id, d.id FROM delivery d JOIN organization o ON o.id = d.org_id
WHERE d.state = 'waiting' AND d.due_at <= :now AND o.deleted_at IS NULL ORDER BY d.due_at, d.id LIMIT :limit"""
_TAKE = """
UPDATE delivery SET attempts = attempts + 1, due_at = :until
WHERE (org_id, id) IN (SELECT org_id, id FROM delivery WHERE org_id = :org AND id = :id AND state = 'waiting' AND due_at <= :now
                       FOR UPDATE SKIP LOCKED)
RETURNING endpoint_id, message_id, body, attempts"""
_LOG = """
SELECT d.id, e.name AS endpoint, d.message_id, d.type, d.summary, d.created_at, d.due_at, d.state, d.attempts,
       CASE WHEN d.id = CAST(:id AS bigint) THEN d.body ELSE '' END AS body,  -- a stop's may be megabytes
       a.number, a.at, a.took_ms, a.status, a.excerpt
FROM delivery d JOIN alert_endpoint e ON e.org_id = d.org_id AND e.id = d.endpoint_id
LEFT JOIN LATERAL (SELECT * FROM delivery_attempt a WHERE a.org_id = d.org_id AND a.delivery_id = d.id ORDER BY number DESC LIMIT 1) a ON true
WHERE d.org_id = :org AND (CAST(:id AS bigint) IS NULL OR d.id = :id) AND (CAST(:before AS bigint) IS NULL OR d.id < :before)
  AND (CAST(:state AS text) IS NULL OR d.state = :state) ORDER BY d.id DESC LIMIT :limit"""
