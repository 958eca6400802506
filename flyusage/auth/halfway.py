"""Sign-ins that wait for the second factor. A row of its own, short-lived, good for one session: it opens no page."""

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import second_factor, sessions
from flyusage.auth.errors import SignInOver
from flyusage.auth.how import PASSWORD, How
from flyusage.auth.second_factor import Kind
from flyusage.auth.secrets import digest, new_secret

LASTS = timedelta(minutes=10)


def start(session: Session, user_id: int, *, how: How = PASSWORD) -> str:
    """Somebody gave the right password or link, or a provider vouched for them; the secret for the cookie by which the code is asked for."""
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


def finish(secret: str, code: str, *, address: str, device: str, note: Callable[[Session, int, Kind], None]) -> str:
    """Sign in by the second factor; the secret for the browser's new cookie. Its own transactions: a failure is counted and stays.

    `note` says the sign-in on, with the kind of code, in its transaction. Raises SignInOver, CodeWrong, TooManyAttempts.
    """
    with db.platform_transaction() as session:
        user_id = session.scalar(
            sa.text("SELECT user_id FROM halfway_sign_in WHERE secret_sha256 = :secret AND used_at IS NULL AND ends_at > :now"),
            {"secret": digest(secret), "now": clock.now()},
        )
    if user_id is None:
        raise _over()
    second_factor.count_try(user_id)
    with db.platform_transaction() as session:
        kind = second_factor.prove(session, user_id, code)
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


def end_all(session: Session, user_id: int) -> None:
    """None of the account's half sign-ins may be finished: its password or its second factor is another now."""
    session.execute(sa.text("DELETE FROM halfway_sign_in WHERE user_id = :user"), {"user": user_id})


def _over() -> SignInOver:
    return SignInOver("This sign-in has taken too long, or is finished. Begin again with your password.")
