"""Accounts that people make by themselves, where the installation lets them (`FLYUSAGE_SIGN_UP`): by a link to the address, good once.

Nothing is made before the link comes back: whoever types somebody else's address leaves no account behind. What is answered is the
same whether or not the address has one; only the letter differs, and only who reads that address's mail reads it.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts
from flyusage.auth.accounts import Account
from flyusage.auth.errors import LinkSpent, SignUpClosed, UserKnown
from flyusage.auth.letters import LinkLetter, link_letter
from flyusage.auth.secrets import digest, new_secret
from flyusage.config import Settings

LASTS = timedelta(days=1)
KEPT = timedelta(days=7)  # after their time, before they are swept
OPEN, CLOSED = "open", "closed"
PATH = "/new-account"


def is_open(settings: Settings) -> bool:
    """Whether anybody at all may sign up."""
    return settings.sign_up != CLOSED


def domains(settings: Settings) -> tuple[str, ...]:
    """The domains whose addresses alone may; empty where every address may, or none."""
    return () if settings.sign_up in (OPEN, CLOSED) else tuple(settings.sign_up.split(","))


def require_open(session: Session, email: str, settings: Settings) -> None:
    """Raise SignUpClosed where this address may not sign up. Says nothing about whether it has an account.

    The first account of an installation is made by its command: before it whoever reaches the server sees everything.
    """
    if not is_open(settings) or not accounts.is_anybody(session):
        raise SignUpClosed("Accounts are made by invitation here. Ask an owner of your organization for one.")
    allowed = domains(settings)
    if allowed and email.rpartition("@")[2] not in allowed:
        raise SignUpClosed(
            f"Only addresses of {' and '.join(allowed)} make an account here. Ask an owner of your organization to invite you."
        )


def begin(session: Session, email: str, settings: Settings) -> LinkLetter:
    """The letter for whoever reads the mail of `email` (normal): a link to make an account, or to sign in where there is one.

    Older links of the address are spent with it. Needs the platform's role.
    """
    known = accounts.find(session, email)
    if known is None:
        return _invited(email, accounts.link_to(PATH, _new_link(session, email), settings))
    has_password = session.scalar(sa.text("SELECT password_hash IS NOT NULL FROM user_account WHERE id = :user"), {"user": known.user_id})
    if has_password:
        return _known(email, f"{settings.address}/sign-in")
    return _without_password(email, accounts.link_to_set_password(accounts.new_link(session, known.user_id, "set_password"), settings))


def offered(session: Session, secret: str) -> str:
    """The address that a link would make an account for. Raises LinkSpent."""
    email = session.scalar(
        sa.text("SELECT email FROM sign_up WHERE secret_sha256 = :secret AND used_at IS NULL AND ends_at > :now"),
        {"secret": digest(secret), "now": clock.now()},
    )
    if email is None or accounts.find(session, email) is not None:
        raise _spent()
    return email


def finish(session: Session, secret: str, *, name: str, password: str) -> Account:
    """Make the account that a link is for, its address verified: once, whoever comes at the same time. Raises LinkSpent, PasswordTooWeak.

    An address that has an account by now (an invitation was taken meanwhile) keeps it as it is.
    """
    email = session.scalar(
        sa.text(
            """UPDATE sign_up SET used_at = :now WHERE secret_sha256 = :secret AND used_at IS NULL AND ends_at > :now RETURNING email"""
        ),
        {"now": clock.now(), "secret": digest(secret)},
    )
    if email is None or accounts.find(session, email) is not None:
        raise _spent()
    try:
        made = accounts.create(session, email, name=name, is_verified=True)
    except UserKnown as error:  # an invitation was taken at the same moment
        raise _spent() from error
    accounts.set_password(session, made.user_id, password)
    return made


def sweep(session: Session) -> int:
    """Forget links whose time was over a week ago; how many."""
    return session.connection().execute(sa.text("DELETE FROM sign_up WHERE ends_at <= :before"), {"before": clock.now() - KEPT}).rowcount


def _new_link(session: Session, email: str) -> str:
    secret, now = new_secret(), clock.now()
    session.execute(sa.text("UPDATE sign_up SET used_at = :now WHERE email = :email AND used_at IS NULL"), {"now": now, "email": email})
    session.execute(
        sa.text("INSERT INTO sign_up (secret_sha256, email, made_at, ends_at) VALUES (:secret, :email, :now, :ends_at)"),
        {"secret": digest(secret), "email": email, "now": now, "ends_at": now + LASTS},
    )
    return secret


def _invited(email: str, link: str) -> LinkLetter:
    said = (
        "Somebody, most likely you, wants to make a flyusage account with this address.",
        "The link works once, for 24 hours: it asks for your name and a password.",
        "If it was not you, leave this mail alone: no account is made.",
    )
    return LinkLetter(email, link, link_letter("Make your flyusage account", said, "Make your account", link), "sign_up_link")


def _known(email: str, link: str) -> LinkLetter:
    said = (
        "Somebody, most likely you, wanted to make a flyusage account with this address. It has one already: sign in.",
        "Where the password is forgotten, the page to sign in sends a link to set another.",
        "If it was not you, leave this mail alone: nothing changes.",
    )
    return LinkLetter(email, link, link_letter("You have a flyusage account", said, "Sign in", link), "sign_up_known")


def _without_password(email: str, link: str) -> LinkLetter:
    said = (
        "Somebody, most likely you, wanted to make a flyusage account with this address. It has one already, without a password yet.",
        "The link sets one. It works once, for 24 hours.",
        "If it was not you, leave this mail alone: nothing changes.",
    )
    return LinkLetter(email, link, link_letter("You have a flyusage account", said, "Set your password", link), "password_link")


def _spent() -> LinkSpent:
    return LinkSpent("This link has been used, or its time is over, or the address has an account by now. Sign in, or ask for a new link.")
