"""Where an organization's alerts are sent beside mail: webhooks that are signed, and chats that take Slack's incoming messages.

A webhook's secret is shown once, when it is made. Addresses and secrets are sealed (`auth.vault`); of a chat's address, which is its
secret, only the host is ever read again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.alerts import signing
from flyusage.alerts.errors import EndpointInvalid, EndpointUnknown
from flyusage.alerts.models import alert_endpoint
from flyusage.alerts.posting import sound_url
from flyusage.auth import vault
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission

Kind = Literal["webhook", "chat"]
WEBHOOK, CHAT = "webhook", "chat"
BUDGETS, STOPS, ANOMALIES = "budgets", "stops", "anomalies"
TOPICS = (BUDGETS, STOPS, ANOMALIES)
LONGEST_NAME, MOST_ENDPOINTS = 100, 20
ROTATION = timedelta(hours=24)  # for which the old secret signs beside the new one

_of = alert_endpoint.c


@dataclass(frozen=True)
class Endpoint:
    """An endpoint in force. `old_until`: until when a secret that was replaced still signs, None without one."""

    id: int
    kind: Kind
    name: str
    topics: tuple[str, ...]
    shown_url: str
    created_at: datetime
    old_until: datetime | None


@dataclass(frozen=True)
class Made:
    """A new endpoint or a new secret of one; `secret` is empty for a chat, and never to be had again."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True)
class Target:
    """Where and how an endpoint is reached; `keys` sign, the newest first (none for a chat)."""

    kind: Kind
    url: str
    keys: tuple[str, ...]


def create(session: Session, org_id: int, *, kind: str, name: str, url: str, topics: Iterable[str], by: Actor) -> Made:
    """A new endpoint of `kind` for `topics`. Raises NotPermitted and EndpointInvalid."""
    by.may(Permission.DELIVERIES_MANAGE)
    if kind not in (WEBHOOK, CHAT):
        raise EndpointInvalid("An endpoint is a webhook or a chat.")
    present, called, wanted = endpoints(session, org_id), _name(name), _topics(topics)
    if len(present) >= MOST_ENDPOINTS:
        raise EndpointInvalid(f"An organization has {MOST_ENDPOINTS} endpoints at most. Remove one that nobody needs.")
    if any(one.name == called for one in present):
        raise EndpointInvalid(f"There is an endpoint called {called} already. Give this one another name.")
    sound, key, now = sound_url(url), uuid4(), clock.now()
    secret = signing.new_secret() if kind == WEBHOOK else ""
    row = {
        "org_id": org_id, "key": key, "kind": kind, "name": called, "topics": wanted, "url": _sealed(sound, org_id, key, "url"),
        "shown_url": _shown(kind, sound), "secret": _sealed(secret, org_id, key, "secret") if secret else None, "created_at": now,
        "created_by": by.name,
    }  # fmt: skip
    made = session.execute(sa.insert(alert_endpoint).values(row).returning(_of.id)).scalar_one()
    detail = {"name": called, "kind": kind, "topics": wanted, "to": row["shown_url"]}
    audit.record(session, org_id, actor=by.name, action="endpoint.create", subject=f"endpoint:{made}", detail=detail)
    return Made(endpoint_of(session, org_id, made), secret)


def rotate(session: Session, org_id: int, endpoint_id: int, *, by: Actor) -> Made:
    """A new secret for a webhook. For a day the old one signs beside it. Raises NotPermitted, EndpointInvalid and EndpointUnknown."""
    by.may(Permission.DELIVERIES_MANAGE)
    one = endpoint_of(session, org_id, endpoint_id, is_held=True)
    if one.kind != WEBHOOK:
        raise EndpointInvalid("A chat has no secret beside its address. Make a new address there, and a new endpoint with it here.")
    key = session.execute(sa.select(_of.key).where(_of.org_id == org_id, _of.id == endpoint_id)).scalar_one()
    secret = signing.new_secret()
    changed = {"old_secret": _of.secret, "old_until": clock.now() + ROTATION, "secret": _sealed(secret, org_id, key, "secret")}
    session.execute(sa.update(alert_endpoint).where(_of.org_id == org_id, _of.id == endpoint_id).values(changed))
    audit.record(session, org_id, actor=by.name, action="endpoint.rotate", subject=f"endpoint:{endpoint_id}", detail={"name": one.name})
    return Made(endpoint_of(session, org_id, endpoint_id), secret)


def end(session: Session, org_id: int, endpoint_id: int, *, by: Actor) -> Endpoint:
    """Nothing is sent there any more; what was stays to be seen. Its address and secrets are forgotten. Raises NotPermitted, EndpointUnknown."""
    by.may(Permission.DELIVERIES_MANAGE)
    one = endpoint_of(session, org_id, endpoint_id, is_held=True)
    gone = {"ended_at": clock.now(), "url": b"", "secret": None, "old_secret": None}
    session.execute(sa.update(alert_endpoint).where(_of.org_id == org_id, _of.id == endpoint_id).values(gone))
    audit.record(session, org_id, actor=by.name, action="endpoint.end", subject=f"endpoint:{endpoint_id}", detail={"name": one.name})
    return one


def endpoints(session: Session, org_id: int, *, topic: str | None = None) -> list[Endpoint]:
    """Those in force (that hear of `topic`), by name."""
    asked = sa.select(alert_endpoint).where(_of.org_id == org_id, _of.ended_at.is_(None)).order_by(_of.name, _of.id)
    if topic is not None:
        asked = asked.where(sa.literal(topic) == sa.any_(_of.topics))
    return [_endpoint(row) for row in session.execute(asked).mappings()]


def endpoint_of(session: Session, org_id: int, endpoint_id: int, *, is_held: bool = False) -> Endpoint:
    """The endpoint in force with that id; `is_held` so that nobody else changes it meanwhile. Raises EndpointUnknown."""
    asked = sa.select(alert_endpoint).where(_of.org_id == org_id, _of.id == endpoint_id, _of.ended_at.is_(None))
    row = session.execute(asked.with_for_update() if is_held else asked).mappings().one_or_none()
    if row is None:
        raise EndpointUnknown("There is no such endpoint, or it was removed. Open the list of endpoints for those there are.")
    return _endpoint(row)


def target(row: sa.RowMapping, now: datetime) -> Target:
    """How to reach the endpoint of a row of its table. Raises VaultLocked where it was sealed with another key."""
    org_id, key = row["org_id"], row["key"]
    boxes = [row["secret"]] + ([row["old_secret"]] if row["old_until"] is not None and now < row["old_until"] else [])
    keys = tuple(_unsealed(box, org_id, key, "secret") for box in boxes if box)
    return Target(row["kind"], _unsealed(row["url"], org_id, key, "url"), keys)


def _endpoint(row: sa.RowMapping) -> Endpoint:
    is_turning = row["old_until"] is not None and clock.now() < row["old_until"]
    return Endpoint(
        row["id"],
        row["kind"],
        row["name"],
        tuple(row["topics"]),
        row["shown_url"],
        row["created_at"],
        row["old_until"] if is_turning else None,
    )


def _shown(kind: str, url: str) -> str:
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc}"
    return f"{where}/…" if kind == CHAT else f"{where}{parts.path}" + ("?…" if parts.query else "")


def _name(written: str) -> str:
    name = "".join(one for one in written if one.isprintable()).strip()
    if not name or len(name) > LONGEST_NAME:
        raise EndpointInvalid(f"An endpoint has a name of 1 to {LONGEST_NAME} characters.")
    return name


def _topics(written: Iterable[str]) -> list[str]:
    asked = set(written)
    if not asked or asked - set(TOPICS):
        raise EndpointInvalid(f"An endpoint hears of one or more of: {', '.join(TOPICS)}.")
    return [one for one in TOPICS if one in asked]


def _sealed(text: str, org_id: int, key: UUID, part: str) -> bytes:
    return vault.seal(text.encode(), json.dumps(["endpoint", org_id, str(key), part]))


def _unsealed(box: bytes, org_id: int, key: UUID, part: str) -> str:
    return vault.unseal(box, json.dumps(["endpoint", org_id, str(key), part])).decode()
