"""Mails that members choose to get of an organization: who gets which, and the queue of those that are due.

Without a choice a role decides: the monthly summary goes to owners, admins and billing, what is out of the ordinary to owners and admins.
A mail is a row whose key is organization, kind, month (day) and member, so that any number of workers make it once. The row is held
while the message is handed over; a process that dies in the instant between sends it again under the same Message-ID, by which mail
systems know the two for one.
"""

import base64
import binascii
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.errors import ONE_ORGANIZATIONS, MailLinkInvalid
from flyusage.alerts.models import member_mail
from flyusage.auth import vault
from flyusage.auth.errors import VaultLocked
from flyusage.config import settings
from flyusage.logs import harmless
from flyusage.mail import Letter, MailRefused, MailServerDown, Postbox, compose
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission, within_apps

SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 3600.0
MOST_ATTEMPTS = 80  # three days; what it tells is old by then
LONGEST_ERROR = 1000
STOP_PATH = "/mail/stop"
_ABOUT = "stop-mail"  # what a link is sealed for

_log = structlog.get_logger(__name__)
_of = member_mail.c


class Kind(StrEnum):
    """What a mail is about; each has a column of its own among a membership's."""

    SUMMARY = "summary"
    ANOMALIES = "anomalies"


DEFAULTS = {Kind.SUMMARY: (Role.OWNER, Role.ADMIN, Role.BILLING), Kind.ANOMALIES: (Role.OWNER, Role.ADMIN)}
COLUMNS = {Kind.SUMMARY: "wants_summary", Kind.ANOMALIES: "wants_anomalies"}


@dataclass(frozen=True)
class Recipient:
    """A member who gets a mail, and what they may read of the organization; `apps` are the ids granted to them, None: all."""

    user_id: int
    email: str
    permissions: frozenset[Permission]
    apps: frozenset[int] | None


@dataclass(frozen=True)
class Choice:
    """What a member gets of one organization."""

    org_id: int
    org: str
    kind: Kind
    is_wanted: bool


@dataclass(frozen=True)
class Due:
    """A mail that is due: what it is about, what it tells was found in (`told_from`, `told_to`]."""

    org_id: int
    kind: Kind
    about: date
    user_id: int
    key: UUID
    told_from: datetime
    told_to: datetime


Write = Callable[[Due, Recipient, "str | None"], Letter | None]  # with the link that stops such mails; None: there is nothing to say


def choices(session: Session, user_id: int) -> list[Choice]:
    """What somebody gets of each of their organizations, by name. Needs the platform's role."""
    rows = session.execute(sa.text(_CHOICES), {"user": user_id}).mappings()
    return [Choice(row["org_id"], row["name"], kind, _is_wanted(row, kind)) for row in rows for kind in Kind]


def choose(session: Session, org_id: int, user_id: int, kind: Kind, *, is_wanted: bool, by: Actor) -> str | None:
    """Let a member get such mails or no longer; the organization's name, None for no member. Needs the platform's role."""
    column = COLUMNS[kind]
    changed = session.connection().execute(
        sa.text(f"UPDATE membership SET {column} = :wanted WHERE org_id = :org AND user_id = :user AND {column} IS DISTINCT FROM :wanted"),
        {"org": org_id, "user": user_id, "wanted": is_wanted},
    )
    if changed.rowcount:
        detail = {"kind": kind.value, "is_wanted": is_wanted}
        audit.record(session, org_id, actor=by.name, action="members.choose_mails", subject=f"user:{user_id}", detail=detail)
    asked = "SELECT o.name FROM membership m JOIN organization o ON o.id = m.org_id WHERE m.org_id = :org AND m.user_id = :user"
    return session.scalar(sa.text(asked), {"org": org_id, "user": user_id})


def note(session: Session, org_id: int, kind: Kind, about: date, told: tuple[datetime, datetime]) -> int:
    """Put a mail to everybody who gets such into the queue, once; how many are new. In the organization's own transaction."""
    rows = [
        {
            "org_id": org_id, "kind": kind.value, "about": about, "user_id": one.user_id, "told_from": told[0], "told_to": told[1],
            "due_at": clock.now(),
        }
        for one in recipients(session, org_id, kind)
    ]  # fmt: skip
    if not rows:
        return 0
    return len(session.execute(insert(member_mail).values(rows).on_conflict_do_nothing().returning(_of.user_id)).all())


def recipients(session: Session, org_id: int, kind: Kind) -> list[Recipient]:
    """Members who get such mails. In the organization's own transaction.

    Where it asks for a second factor, those without one get no numbers by mail either.
    """
    rows = session.execute(sa.text(_PEOPLE), {"org": org_id}).mappings()
    found = []
    for row in rows:
        if _is_wanted(row, kind):
            apps = None if row["app_ids"] is None else frozenset(row["app_ids"])
            found.append(Recipient(row["user_id"], row["email"], within_apps(PERMISSIONS[Role(row["role"])], apps), apps))
    return found


def waiting(session: Session, limit: int) -> list[Due]:
    """Mails that are due. Needs the platform's role."""
    rows = session.execute(sa.text(_DUE), {"now": clock.now(), "limit": limit}).all()
    return [Due(row.org_id, Kind(row.kind), *row[2:]) for row in rows]


def send(postbox: Postbox, due: Due, write: Write) -> bool:
    """Hand one mail over, in a transaction of its own; False where the server takes none now. What fails otherwise is tried again later."""
    try:
        with db.platform_transaction() as session:
            row = session.execute(sa.text(_CLAIM), _binds(due)).mappings().one_or_none()
            if row is not None:
                session.execute(sa.text(_DONE), {**_binds(due), "now": clock.now(), "outcome": _hand_over(postbox, due, row, write)})
    except MailRefused as error:
        _failed(due, str(error))
    except MailServerDown as error:
        _failed(due, str(error))
        return False
    except ONE_ORGANIZATIONS as error:  # it could not be written; the others behind it can
        _log.error("a mail could not be written", org_id=due.org_id, kind=due.kind.value, error=str(error))
        _failed(due, str(error))
    return True


def stop_link(org_id: int, user_id: int, kind: Kind) -> str | None:
    """The address that stops such mails without signing in; sealed, so that nobody makes one for another. None without a base address."""
    base = settings().base_url
    if not base:
        return None
    sealed = vault.seal(json.dumps([org_id, user_id, kind.value]).encode(), _ABOUT)
    return f"{base.rstrip('/')}{STOP_PATH}?token={base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def read_stop(token: str) -> tuple[int, int, Kind]:
    """Organization, member and kind that a link is about. Raises MailLinkInvalid."""
    try:
        box = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        org_id, user_id, kind = json.loads(vault.unseal(box, _ABOUT))
        return org_id, user_id, Kind(kind)
    except (binascii.Error, ValueError, VaultLocked) as error:
        raise MailLinkInvalid("This link is not whole, or from another installation. Choose your mails on your account's page.") from error


def _hand_over(postbox: Postbox, due: Due, row: sa.RowMapping, write: Write) -> str:
    with db.transaction(due.org_id) as session:
        to = next((one for one in recipients(session, due.org_id, due.kind) if one.user_id == due.user_id), None)
    if to is None:
        return "Not sent: the member left, or wants no such mails any more."
    link = stop_link(due.org_id, due.user_id, due.kind)
    written = write(due, to, link)
    if written is None:
        return "Not sent: there is nothing to tell."
    sender = (row["seller"] or "flyusage", settings().mail_from or row["seller_email"] or "no-reply@localhost")
    postbox.send(compose(written, sender=sender, to=[to.email], message_id=str(due.key), at=clock.now()))
    return f"Sent to {to.email}."


def _is_wanted(row: sa.RowMapping, kind: Kind) -> bool:
    chosen = row[COLUMNS[kind]]
    return Role(row["role"]) in DEFAULTS[kind] if chosen is None else chosen


def _failed(due: Due, error: str) -> None:
    """Tried again after a pause that doubles from 5 s to an hour, with jitter."""
    with db.platform_transaction() as session:
        attempts = session.scalar(sa.text(_ATTEMPTS), _binds(due)) or 0
        pause = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(attempts, 16)) * (0.5 + random.random())
        if attempts + 1 >= MOST_ATTEMPTS:
            session.execute(sa.text(_DONE), {**_binds(due), "now": clock.now(), "outcome": f"Given up: {harmless(error)}"[:LONGEST_ERROR]})
            return
        later = {"due": clock.now() + timedelta(seconds=pause), "error": harmless(error)[:LONGEST_ERROR]}
        session.execute(sa.text(_AGAIN), {**_binds(due), **later})


def _binds(due: Due) -> dict[str, object]:
    return {"org": due.org_id, "kind": due.kind.value, "about": due.about, "user": due.user_id}


_ONE = "w.org_id = :org AND w.kind = :kind AND w.about = :about AND w.user_id = :user"
_CHOICES = """
SELECT m.org_id, o.name, m.role, m.wants_summary, m.wants_anomalies FROM membership m JOIN organization o ON o.id = m.org_id
WHERE m.user_id = :user AND o.deleted_at IS NULL ORDER BY o.name, m.org_id"""
_PEOPLE = """
SELECT m.user_id, p.email, m.role, m.app_ids, m.wants_summary, m.wants_anomalies
FROM membership m JOIN people_of_organization(NULL) AS p ON p.user_id = m.user_id
WHERE m.org_id = :org AND NOT is_disabled(m.user_id)
  AND (p.signs_in_by_provider OR m.org_id NOT IN (SELECT closed_without_second_factor(m.user_id))) ORDER BY m.user_id"""
_DUE = """
SELECT w.org_id, w.kind, w.about, w.user_id, w.key, w.told_from, w.told_to FROM member_mail w JOIN organization o ON o.id = w.org_id
WHERE w.done_at IS NULL AND w.due_at <= :now AND o.deleted_at IS NULL ORDER BY w.due_at, w.org_id, w.user_id LIMIT :limit"""
_CLAIM = f"""
SELECT w.key, s.name AS seller, s.email AS seller_email FROM member_mail w
LEFT JOIN (SELECT name, email FROM seller ORDER BY starts_on DESC LIMIT 1) AS s ON true
WHERE {_ONE} AND w.done_at IS NULL FOR UPDATE OF w SKIP LOCKED"""
_DONE = f"UPDATE member_mail AS w SET done_at = :now, outcome = :outcome WHERE {_ONE}"
_ATTEMPTS = f"SELECT attempts FROM member_mail AS w WHERE {_ONE}"
_AGAIN = f"UPDATE member_mail AS w SET attempts = attempts + 1, due_at = :due, last_error = :error WHERE {_ONE}"
