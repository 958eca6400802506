"""Sign-ins that wait for the second factor. A row of its own, short-lived, good for one session: it opens no page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import passkeys, second_factor, sessions, throttle
from flyusage.auth.errors import SignInOver
from flyusage.auth.how import PASSWORD, How
from flyusage.auth.second_factor import Kind
from flyusage.auth.secrets import digest, new_secret
from flyusage.auth.throttle import Limit
from flyusage.config import settings

LASTS = timedelta(minutes=10)
ASKED = Limit(60, 15 * 60)  # challenges, by account

Note = Callable[[Session, int, Kind], None]  # what else is to be written about a sign-in in the same transaction


@dataclass(frozen=True)
class Ways:
    """By what, beside recovery codes, a sign-in that waits can be finished."""

    has_app: bool
    has_passkey: bool


def start(session: Session, user_id: int, *, how: How = PASSWORD) -> str:
    """Somebody gave the right password or link, or a provider vouched for them; the secret for the cookie by which the code is asked for.

    Raises AccountDisabled.
    """
    sessions.refuse_disabled(session, user_id)
    secret, now = new_secret(), clock.now()
    session.execute(
        sa.text(
            """INSERT INTO halfway_sign_in (secret_sha256, user_id, made_at, ends_at, method, sso_org_id, has_provider_factor)
               VALUES (:secret, :user, :now, :ends_at, :method, :sso_org, :has_factor)"""
        ),
        {
            "secret": digest(secret),
            "user": user_id,
            "now": now,
            "ends_at": now + LASTS,
            "method": how.method,
            "sso_org": how.sso_org_id,
            "has_factor": how.has_provider_factor,
        },
    )
    return secret


def ways(secret: str) -> Ways:
    """What its account has. Raises SignInOver."""
    user_id = _waiting(secret)
    with db.platform_transaction() as session:
        return Ways(second_factor.is_app_on(session, user_id), bool(passkeys.passkeys(session, user_id)))


def finish(secret: str, code: str, *, address: str, device: str, note: Note) -> str:
    """Sign in by a code; the secret for the browser's new cookie. Its own transactions: a failure is counted and stays.

    `note` says the sign-in on, with the kind of code, in its transaction. Raises SignInOver, CodeWrong, TooManyAttempts.
    """
    return _finish(secret, lambda session, user_id: second_factor.prove(session, user_id, code), address=address, device=device, note=note)


def finish_by_passkey(secret: str, answer: str, *, address: str, device: str, note: Note) -> str:
    """The same by what a passkey signed. Raises SignInOver, PasskeyRefused, TooManyAttempts."""

    def prove(session: Session, user_id: int) -> Kind:
        passkeys.prove(session, user_id, answer, settings())
        throttle.forget(session, "second-factor", str(user_id))
        return "passkey"

    return _finish(secret, prove, address=address, device=device, note=note)


def passkey_asked(secret: str) -> str:
    """What the browser of a sign-in that waits is asked to sign, as JSON. Raises SignInOver, PasskeyMissing, TooManyAttempts."""
    user_id = _waiting(secret)
    with db.platform_transaction() as session:
        throttle.count(session, "passkey-asked", str(user_id), ASKED)
    with db.platform_transaction() as session:
        return passkeys.ask(session, user_id, settings())


def _finish(secret: str, prove: Callable[[Session, int], Kind], *, address: str, device: str, note: Note) -> str:
    user_id = _waiting(secret)
    second_factor.count_try(user_id)
    with db.platform_transaction() as session:
        kind = prove(session, user_id)
        spent = session.execute(
            sa.text(
                """UPDATE halfway_sign_in SET used_at = :now
                   WHERE secret_sha256 = :secret AND used_at IS NULL AND ends_at > :now RETURNING method, sso_org_id, has_provider_factor"""
            ),
            {"secret": digest(secret), "now": clock.now()},
        ).one_or_none()
        if spent is None:
            raise _over()
        note(session, user_id, kind)
        return sessions.start(session, user_id, address=address, device=device, how=How(*spent))


def _waiting(secret: str) -> int:
    """Whose sign-in it is. Raises SignInOver."""
    with db.platform_transaction() as session:
        user_id = session.scalar(
            sa.text("SELECT user_id FROM halfway_sign_in WHERE secret_sha256 = :secret AND used_at IS NULL AND ends_at > :now"),
            {"secret": digest(secret), "now": clock.now()},
        )
    if user_id is None:
        raise _over()
    return user_id


def end_all(session: Session, user_id: int) -> None:
    """None of the account's half sign-ins may be finished: its password or its second factor is another now."""
    session.execute(sa.text("DELETE FROM halfway_sign_in WHERE user_id = :user"), {"user": user_id})


def _over() -> SignInOver:
    return SignInOver("This sign-in has taken too long, or is finished. Begin again with your password.")
