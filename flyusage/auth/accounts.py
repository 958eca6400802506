"""Accounts: made for an address, given a password by a link, and signed in to.

Every answer about an address is the same whether or not it has an account, and takes as long.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from unicodedata import normalize
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from flyusage import clock, db, mail
from flyusage.auth import halfway, passkeys, passwords, second_factor, sessions, throttle
from flyusage.auth.errors import (
    AddressInvalid,
    LinkSpent,
    PasswordWrong,
    PersonNameInvalid,
    SecondFactorAsked,
    SignInRefused,
    UserKnown,
    UserUnknown,
)
from flyusage.auth.how import PASSKEY
from flyusage.auth.models import User
from flyusage.auth.secrets import digest, new_secret
from flyusage.config import Settings, settings
from flyusage.internet import ascii_name

LINK_HOURS = {"set_password": 24, "verify_address": 72}
LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3
LONGEST_NAME = 200

Note = Callable[[Session, int], None]  # what else is to be written about an account in the same transaction
Purpose = Literal["set_password", "verify_address"]

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+\.[^\s@<>()\[\]\\,;:\".]+")


@dataclass(frozen=True)
class Account:
    """A person with their address in lower case."""

    user_id: int
    email: str
    name: str


def normal(email: str) -> str:
    """The one way to write an address: trimmed, in lower case, its domain as DNS writes it (xn--). Raises AddressInvalid for what cannot be one."""
    local, _, domain = normalize("NFC", email.strip().lower()).rpartition("@")
    try:
        written = f"{local}@{ascii_name(domain)}"
    except ValueError:
        written = ""
    if len(written) > LONGEST_ADDRESS or not written.isprintable() or not _ADDRESS.fullmatch(written):
        raise AddressInvalid(f"{email[:100]!r} is no mail address. It should look like name@example.com.")
    return written


def create(session: Session, email: str, *, name: str = "", is_verified: bool = False) -> Account:
    """An account without a password yet. Raises AddressInvalid, UserKnown."""
    address = normal(email)
    if find(session, address) is not None:
        raise UserKnown(f"{address} has an account already.")
    called = _printed(name)[:LONGEST_NAME]
    if not called or mail.reads_as_link(called):  # others are written "… invites you": no link is made of a name
        called = address.partition("@")[0]
    now = clock.now()
    row = {"email": address, "name": called, "created_at": now, "email_verified_at": now if is_verified else None}
    made = session.scalar(insert(User).values(row).on_conflict_do_nothing().returning(col(User.id)))
    if made is None:  # by another transaction, a moment ago
        raise UserKnown(f"{address} has an account already.")
    return Account(made, address, called)


def rename(session: Session, user_id: int, name: str) -> str:
    """Call the person something else; what they were called. Needs the platform's role. Raises PersonNameInvalid."""
    called = " ".join(_printed(name).split())
    if not 0 < len(called) <= LONGEST_NAME or mail.reads_as_link(called):
        raise PersonNameInvalid(f"A name has 1 to {LONGEST_NAME} characters, and is no web address. Others see it beside what you do.")
    before = session.scalar(sa.text("SELECT name FROM user_account WHERE id = :user FOR NO KEY UPDATE"), {"user": user_id})
    session.execute(sa.text("UPDATE user_account SET name = :name WHERE id = :user"), {"name": called, "user": user_id})
    return before or ""


def find_or_create(session: Session, email: str, *, name: str, is_verified: bool) -> Account:
    """The account of an address (normal), made where there is none; one, also when it is made somewhere else at the same moment."""
    found = find(session, email)
    if found is None:
        with suppress(UserKnown):
            return create(session, email, name=name, is_verified=is_verified)
        found = known(session, email)
    return found


def find(session: Session, email: str) -> Account | None:
    """The account of an address (in lower case), None without one. Needs the platform's role."""
    row = session.execute(sa.text("SELECT id, email, name FROM user_account WHERE email = :email"), {"email": email}).one_or_none()
    return None if row is None else Account(*row)


def known(session: Session, email: str) -> Account:
    """The account of an address. Raises AddressInvalid, UserUnknown."""
    address = normal(email)
    found = find(session, address)
    if found is None:
        raise UserUnknown(f"No account has the address {address}. `flyusage users list` names those there are.")
    return found


def has_password(session: Session, user_id: int) -> bool:
    """Whether the account can be signed in to by a password, as it is now: whoever else gives it one waits. Needs the platform's role."""
    row = sa.text("SELECT password_hash IS NOT NULL FROM user_account WHERE id = :user FOR NO KEY UPDATE")
    return bool(session.scalar(row, {"user": user_id}))


def set_password(session: Session, user_id: int, password: str) -> None:
    """Give the account this password and sign it out everywhere. Raises PasswordTooWeak."""
    row = session.execute(sa.text("SELECT email, name FROM user_account WHERE id = :user"), {"user": user_id}).one()
    kept = passwords.hash_of(password, known=(row.email, row.name))
    session.execute(sa.text("UPDATE user_account SET password_hash = :kept WHERE id = :user"), {"kept": kept, "user": user_id})
    sessions.end_all(session, user_id)
    halfway.end_all(session, user_id)


def change_password(reader: sessions.Reader, present: str, wanted: str, *, address: str, device: str, note: Note) -> str:
    """Give whoever is signed in another password; all their sessions end, and the secret of the new one is for this browser's cookie.

    `present` is the password until now: whoever finds a session that was left open does not know it. Its own transactions: a try is
    counted and stays. `note` says it on, in its transaction. Raises PasswordWrong, PasswordTooWeak, TooManyAttempts.
    """
    with db.platform_transaction() as session:
        throttle.count(session, "password-change", str(reader.user_id), throttle.PER_ACCOUNT)
        kept = session.scalar(sa.text("SELECT password_hash FROM user_account WHERE id = :user"), {"user": reader.user_id})
    if not passwords.verify(present, kept)[0]:
        raise PasswordWrong("That is not your password of now. Type it again, or have a link sent to set another.")
    with db.platform_transaction() as session:
        note(session, reader.user_id)
        set_password(session, reader.user_id, wanted)
        throttle.forget(session, "password-change", str(reader.user_id))
        return sessions.start(session, reader.user_id, address=address, device=device, how=reader.how)


def disable(session: Session, user_id: int) -> int:
    """Let nobody sign in to the account, and end what is open; how many browsers that were. Needs the platform's role.

    Its own API tokens are refused, links and half sign-ins lead nowhere; memberships, and what the person made, stay as they are.
    """
    disabled = sa.text("UPDATE user_account SET disabled_at = coalesce(disabled_at, :now) WHERE id = :user")
    session.execute(disabled, {"now": clock.now(), "user": user_id})
    halfway.end_all(session, user_id)
    return sessions.end_all(session, user_id)


def enable(session: Session, user_id: int) -> bool:
    """Let the account be signed in to again; False where it was not disabled. Needs the platform's role."""
    enabled = sa.text("UPDATE user_account SET disabled_at = NULL WHERE id = :user AND disabled_at IS NOT NULL RETURNING true")
    return bool(session.scalar(enabled, {"user": user_id}))


def is_disabled(session: Session, user_id: int) -> bool:
    """Whether nobody may sign in to the account. Works before a tenant is known."""
    return bool(session.scalar(sa.text("SELECT is_disabled(:user)"), {"user": user_id}))


def sign_in(
    email: str,
    password: str,
    *,
    address: str,
    device: str,
    mark: str | None = None,
    note: Note | None = None,
    permit: Note | None = None,
) -> str:
    """Sign in by password; the secret for the browser's new cookie. Its own transactions: a failure is counted and stays.

    `mark` is the secret of a former session of this browser; `note` says the sign-in on, in its transaction; `permit` may raise
    against an account whose password was right. Raises SignInRefused, TooManyAttempts, SecondFactorAsked, AccountDisabled. What is
    refused, and how long that takes, does not tell whether the account exists.
    """
    written = _typed(email)
    with db.platform_transaction() as session:
        row = session.execute(sa.text("SELECT id, password_hash FROM user_account WHERE email = :email"), {"email": written}).one_or_none()
        is_known_device = row is not None and sessions.is_device_of(session, row.id, mark)
        counted = ("sign-in-device", f"{written}:{digest(mark or '').hex()}") if is_known_device else ("sign-in", written)
        throttle.count_from(session, "sign-in", address, throttle.PER_ADDRESS)
        throttle.count(session, *counted, throttle.PER_DEVICE if is_known_device else throttle.PER_ACCOUNT)
    is_right, renewed = passwords.verify(password, row.password_hash if row else None)
    if row is None or not is_right:
        raise SignInRefused(
            "That address and password do not belong together. Check both, or have a new password sent.", row.id if row else None
        )
    with db.platform_transaction() as session:
        if permit is not None:
            permit(session, row.id)
        throttle.forget(session, *counted)
        if renewed is not None:
            session.execute(sa.text("UPDATE user_account SET password_hash = :kept WHERE id = :user"), {"kept": renewed, "user": row.id})
        if not second_factor.is_on(session, row.id):
            if note is not None:
                note(session, row.id)
            return sessions.start(session, row.id, address=address, device=device)
        secret = halfway.start(session, row.id)
    raise SecondFactorAsked(secret)


def passkey_asked(address: str) -> str:
    """What a browser is asked to sign by any passkey it holds for us, as JSON; the same whoever asks. Raises TooManyAttempts."""
    with db.platform_transaction() as session:
        throttle.count_from(session, "passkey-asked", address, throttle.PER_ADDRESS)
    with db.platform_transaction() as session:
        return passkeys.ask_anybody(session, settings())


def sign_in_by_passkey(answer: str, *, address: str, device: str, note: Note, permit: Note) -> str:
    """Sign in by what a passkey signed, without a password; the secret for the browser's new cookie. No code is asked for after it.

    Otherwise as `sign_in`. Raises PasskeyRefused, TooManyAttempts.
    """
    with db.platform_transaction() as session:
        throttle.count_from(session, "sign-in", address, throttle.PER_ADDRESS)
    with db.platform_transaction() as session:
        user_id = passkeys.enter(session, answer, settings())
        permit(session, user_id)
        note(session, user_id)
        return sessions.start(session, user_id, address=address, device=device, how=PASSKEY)


def _typed(email: str) -> str:
    """What was typed, as an address is kept; itself where it can be none, to be refused like any that is not known."""
    try:
        return normal(email)
    except AddressInvalid:
        return email.strip().lower().replace("\0", "\ufffd")[:LONGEST_ADDRESS]


def new_link(session: Session, user_id: int, purpose: Purpose) -> str:
    """The secret of a link that is good once, for a day or three; older ones of its kind are spent with it."""
    secret, now = new_secret(), clock.now()
    session.execute(
        sa.text("UPDATE one_time_link SET used_at = :now WHERE user_id = :user AND purpose = :purpose AND used_at IS NULL"),
        {"now": now, "user": user_id, "purpose": purpose},
    )
    session.execute(
        sa.text(
            """INSERT INTO one_time_link (secret_sha256, user_id, purpose, made_at, ends_at)
               VALUES (:secret, :user, :purpose, :now, :ends_at)"""
        ),
        {
            "secret": digest(secret),
            "user": user_id,
            "purpose": purpose,
            "now": now,
            "ends_at": now + timedelta(hours=LINK_HOURS[purpose]),
        },
    )
    return secret


def spend_link(session: Session, secret: str, purpose: Purpose) -> int:
    """The user whose link it is; from now on it is good for nothing, whoever comes at the same time. Raises LinkSpent."""
    user_id = session.scalar(
        sa.text(
            """UPDATE one_time_link SET used_at = :now
               WHERE secret_sha256 = :secret AND purpose = :purpose AND used_at IS NULL AND ends_at > :now RETURNING user_id"""
        ),
        {"now": clock.now(), "secret": digest(secret), "purpose": purpose},
    )
    if user_id is None:
        raise LinkSpent("This link has been used, or its time is over. Ask for a new one.")
    session.execute(  # whoever has the link reads the address's mail
        sa.text("UPDATE user_account SET email_verified_at = coalesce(email_verified_at, :now) WHERE id = :user"),
        {"now": clock.now(), "user": user_id},
    )
    return user_id


def is_link_good(session: Session, secret: str, purpose: Purpose) -> bool:
    """Whether `spend_link` would take it now."""
    asked = "SELECT count(*) FROM one_time_link WHERE secret_sha256 = :secret AND purpose = :purpose AND used_at IS NULL AND ends_at > :now"
    return bool(session.scalar(sa.text(asked), {"secret": digest(secret), "purpose": purpose, "now": clock.now()}))


def link_to_set_password(secret: str, settings: Settings) -> str:
    """The address that a link's secret opens."""
    return link_to("/set-password", secret, settings)


def link_to(path: str, secret: str, settings: Settings) -> str:
    """The address to open with a secret, on the host that is configured: never one that a request named."""
    return f"{settings.address}{path}?{urlencode({'link': secret})}"


def is_anybody(session: Session) -> bool:
    """Whether anybody could sign in: from then on everybody must. Works before a tenant is known."""
    return bool(session.scalar(sa.text("SELECT anybody_signs_in()")))


def _printed(name: str) -> str:
    return "".join(one for one in name if one.isprintable()).strip()
