"""Where people are signed in: a row per browser, found by the secret in its cookie, asked again for every click.

A session ends when nobody used it for `IDLE`, after `LONGEST` whatever happens, and the moment it is signed out. Ending one is
told to all server processes (`CHANNEL`), so that a page which is open somewhere goes dark at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth.errors import AccountDisabled
from flyusage.auth.how import PASSWORD, How
from flyusage.auth.secrets import digest, new_secret

IDLE = timedelta(days=7)
LONGEST = timedelta(days=30)
LONGEST_BY_PROVIDER = timedelta(days=1)  # whoever the provider no longer lets in is out a day later
FRESH = timedelta(minutes=10)  # who signed in since then need not say again who they are
SEEN_EVERY = timedelta(minutes=1)
CHANNEL = "flyusage_sessions"
LONGEST_DEVICE = 200


@dataclass(frozen=True)
class Reader:
    """Who is signed in, by which session, and how that was begun."""

    session_id: int
    user_id: int
    email: str
    name: str
    how: How = PASSWORD


@dataclass(frozen=True)
class Device:
    """A browser in which somebody is signed in, as they see it in their list."""

    session_id: int
    device: str
    address: str
    created_at: datetime
    seen_at: datetime


def start(session: Session, user_id: int, *, address: str, device: str, how: How = PASSWORD) -> str:
    """Sign a user in; the new secret for the browser's cookie. Never a secret that came from a browser: it could be somebody else's.

    Raises AccountDisabled.
    """
    refuse_disabled(session, user_id)
    secret, now = new_secret(), clock.now()
    session.execute(
        sa.text(
            """INSERT INTO user_session (user_id, secret_sha256, created_at, seen_at, ends_at, address, device, method, sso_org_id,
                                         has_provider_factor)
               VALUES (:user, :secret, :now, :now, :ends_at, :address, :device, :method, :sso_org, :has_factor)"""
        ),
        {
            "user": user_id,
            "secret": digest(secret),
            "now": now,
            "ends_at": now + (LONGEST if how.sso_org_id is None else LONGEST_BY_PROVIDER),
            "address": address[:100],
            "device": _harmless(device)[:LONGEST_DEVICE],
            "method": how.method,
            "sso_org": how.sso_org_id,
            "has_factor": how.has_provider_factor,
        },
    )
    return secret


def refuse_disabled(session: Session, user_id: int) -> None:
    """Raise AccountDisabled for an account that is; none is disabled before this transaction is over. Needs the platform's role."""
    is_disabled = sa.text("SELECT disabled_at IS NOT NULL FROM user_account WHERE id = :user FOR SHARE")
    if session.scalar(is_disabled, {"user": user_id}):
        raise AccountDisabled("This account is disabled. Ask whoever runs this installation, if you should be let in.", user_id)


def reader_of(session: Session, secret: str) -> Reader | None:
    """Who is signed in by the cookie's secret, None where nobody is, or no longer. Works before a tenant is known."""
    now = clock.now()
    row = session.execute(
        sa.text(
            """SELECT session_id, user_id, email, name, seen_at, method, sso_org_id, has_provider_factor
               FROM session_reader(:secret, :now, :idle)"""
        ),
        {"secret": digest(secret), "now": now, "idle": IDLE},
    ).one_or_none()
    if row is None:
        return None
    was_seen(session, row.session_id, row.seen_at)
    return Reader(row.session_id, row.user_id, row.email, row.name, How(row.method, row.sso_org_id, row.has_provider_factor))


def was_seen(session: Session, session_id: int, last: datetime) -> None:
    """Keep that a session is used now, to the minute; `last` is when it was before."""
    now = clock.now()
    if now - last >= SEEN_EVERY:
        session.execute(sa.text("SELECT session_seen(:session, :now)"), {"session": session_id, "now": now})


def is_fresh(session: Session, session_id: int) -> bool:
    """Whether a session has only just begun. Needs the platform's role."""
    begun = sa.text("SELECT true FROM user_session WHERE id = :session AND created_at > :since")
    return bool(session.scalar(begun, {"session": session_id, "since": clock.now() - FRESH}))


def end(session: Session, user_id: int, session_id: int) -> bool:
    """Sign one of the user's browsers out; False where it is not theirs or has been already."""
    return _end(session, "id = :session", {"user": user_id, "session": session_id}) > 0


def end_all(session: Session, user_id: int, *, but: int | None = None) -> int:
    """Sign a user out everywhere, or everywhere else; how many browsers that were."""
    return _end(session, "id IS DISTINCT FROM :but", {"user": user_id, "but": but})


def end_of_domains(session: Session, domains: Sequence[str], *, but_by: int, but_user: int | None) -> int:
    """Sign out everybody with an address of `domains`, half sign-ins too, except who came by the provider of `but_by`; how many browsers.

    `but_user` stays signed in. Needs the platform's role.
    """
    whose = "split_part(u.email, '@', 2) = ANY (:domains) AND u.id IS DISTINCT FROM :but_user"
    binds = {"domains": list(domains), "but_by": but_by, "but_user": but_user}
    session.execute(
        sa.text(
            f"""DELETE FROM halfway_sign_in h USING user_account u
                WHERE u.id = h.user_id AND {whose} AND h.sso_org_id IS DISTINCT FROM :but_by"""
        ),
        binds,
    )
    return _end_those(session, f"user_id IN (SELECT u.id FROM user_account u WHERE {whose}) AND sso_org_id IS DISTINCT FROM :but_by", binds)


def end_by_provider(session: Session, org_id: int, *, user_id: int | None = None) -> int:
    """Sign out everybody who came by the organization's provider, or one of them; how many browsers. Needs the platform's role."""
    whose, binds = "sso_org_id = :org AND (CAST(:user AS int) IS NULL OR user_id = :user)", {"org": org_id, "user": user_id}
    session.execute(sa.text(f"DELETE FROM halfway_sign_in WHERE {whose}"), binds)
    return _end_those(session, whose, binds)


def devices(session: Session, user_id: int) -> list[Device]:
    """Where the user is signed in, the last one used first."""
    now = clock.now()
    rows = session.execute(
        sa.text(
            """SELECT id, device, address, created_at, seen_at FROM user_session
               WHERE user_id = :user AND ended_at IS NULL AND ends_at > :now AND seen_at > :idle_since ORDER BY seen_at DESC, id DESC"""
        ),
        {"user": user_id, "now": now, "idle_since": now - IDLE},
    )
    return [Device(*row) for row in rows]


def ask_who_is_left(session: Session) -> None:
    """Have every open page ask at once whether its reader may still see it, as soon as this transaction commits."""
    session.execute(sa.text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


def is_device_of(session: Session, user_id: int, mark: str | None) -> bool:
    """Whether a browser that shows `mark` (an old session's secret) has been signed in as the user before."""
    if not mark:
        return False
    found = session.scalar(
        sa.text("SELECT true FROM user_session WHERE secret_sha256 = :secret AND user_id = :user"),
        {"secret": digest(mark), "user": user_id},
    )
    return bool(found)


def _end(session: Session, which: str, binds: dict[str, object]) -> int:
    return _end_those(session, f"user_id = :user AND {which}", binds)


def _end_those(session: Session, which: str, binds: dict[str, object]) -> int:
    ended = session.scalars(
        sa.text(f"UPDATE user_session SET ended_at = :now WHERE ended_at IS NULL AND {which} RETURNING id"),
        {**binds, "now": clock.now()},
    ).all()
    for session_id in ended:
        session.execute(sa.text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(session_id)})
    return len(ended)


def _harmless(words: str) -> str:
    """A browser's words about itself without control characters."""
    return "".join(character for character in words if character.isprintable())
