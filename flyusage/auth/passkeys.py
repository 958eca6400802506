"""Passkeys (WebAuthn): added, named, removed, asked for after the password, or instead of it and of a second factor.

What is signed is a challenge that is good once and for five minutes; for this account, this purpose, and the address that is
configured (`FLYUSAGE_BASE_URL`, else localhost): a page elsewhere that looks like ours gets nothing that is good here. A key that
counts its signatures and comes with a smaller number than before was copied, and is refused. What signs in alone must say that
the device itself asked its owner (a finger, a face, a PIN): then it is two factors, something held and something known or been.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
import webauthn
from sqlmodel import Session
from webauthn.helpers import exceptions, parse_client_data_json
from webauthn.helpers.parse_authentication_credential_json import parse_authentication_credential_json
from webauthn.helpers.parse_registration_credential_json import parse_registration_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from flyusage import clock
from flyusage.auth import second_factor
from flyusage.auth.errors import PasskeyInvalid, PasskeyMissing, PasskeyRefused
from flyusage.config import Settings

LASTS = timedelta(minutes=5)
MOST = 20
LONGEST_NAME = 60
LONGEST_ANSWER = 16_000  # characters of what a browser gives back
NAME = "flyusage"

_SWEEP = """
DELETE FROM passkey_challenge WHERE challenge_sha256 IN
  (SELECT challenge_sha256 FROM passkey_challenge WHERE ends_at <= :now LIMIT 100 FOR UPDATE SKIP LOCKED)"""

_BROKEN = (
    exceptions.WebAuthnException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)  # what hostile answers make of it


@dataclass(frozen=True)
class Passkey:
    """One of an account's, as its page lists it."""

    id: int
    name: str
    made_at: datetime
    used_at: datetime | None


def passkeys(session: Session, user_id: int) -> list[Passkey]:
    """The account's, the oldest first."""
    rows = session.execute(
        sa.text("SELECT id, name, made_at, used_at FROM passkey WHERE user_id = :user ORDER BY made_at, id"), {"user": user_id}
    )
    return [Passkey(*row) for row in rows]


def begin(session: Session, user_id: int, email: str, settings: Settings) -> str:
    """What a browser is asked to make a key by, as JSON (`PublicKeyCredentialCreationOptionsJSON`). Raises PasskeyInvalid."""
    known = _known(session, user_id)
    if len(known) >= MOST:
        raise PasskeyInvalid(f"An account has {MOST} passkeys at most. Remove one that is not used.")
    options = webauthn.generate_registration_options(
        rp_id=relying_party(settings),
        rp_name=NAME,
        user_name=email,
        user_id=_handle(user_id),
        exclude_credentials=known,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,  # so that it can say whose it is, and sign in alone
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    _keep(session, user_id, "add", options.challenge)
    return webauthn.options_to_json(options)


def add(session: Session, user_id: int, name: str, answer: str, settings: Settings) -> list[str]:
    """Keep the key that a browser made; recovery codes, to be shown once, where it is the first factor. Raises PasskeyInvalid."""
    called = "".join(one for one in name if one.isprintable()).strip()[:LONGEST_NAME] or "Passkey"
    was_on = second_factor.is_on(session, user_id)
    party = relying_party(settings)
    try:
        given = parse_registration_credential_json(answer[:LONGEST_ANSWER])
        said = parse_client_data_json(given.response.client_data_json)
        _spend(session, user_id, "add", said.challenge)
        made = webauthn.verify_registration_response(
            credential=given, expected_challenge=said.challenge, expected_rp_id=party, expected_origin=_origin(said.origin, settings)
        )
    except (*_BROKEN, PasskeyRefused) as error:
        raise PasskeyInvalid("The browser's answer does not fit what it was asked. Begin again.") from error
    kept = session.scalar(
        sa.text(
            """INSERT INTO passkey (user_id, credential_id, public_key, sign_count, name, made_at)
               VALUES (:user, :credential, :key, :count, :name, :now) ON CONFLICT (credential_id) DO NOTHING RETURNING id"""
        ),
        {
            "user": user_id,
            "credential": made.credential_id,
            "key": made.credential_public_key,
            "count": made.sign_count,
            "name": called,
            "now": clock.now(),
        },
    )
    if kept is None:
        raise PasskeyInvalid("That passkey is here already.")
    return [] if was_on else second_factor.renew_codes(session, user_id)


def rename(session: Session, user_id: int, passkey_id: int, name: str) -> None:
    """Call it something else. Raises PasskeyMissing, PasskeyInvalid."""
    called = "".join(one for one in name if one.isprintable()).strip()
    if not 0 < len(called) <= LONGEST_NAME:
        raise PasskeyInvalid(f"A name has 1 to {LONGEST_NAME} characters.")
    changed = sa.text("UPDATE passkey SET name = :name WHERE id = :id AND user_id = :user RETURNING id")
    if session.scalar(changed, {"name": called, "id": passkey_id, "user": user_id}) is None:
        raise _missing()


def remove(session: Session, user_id: int, passkey_id: int) -> str:
    """Ask for it no longer; its name. With the last factor the recovery codes go too. Raises PasskeyMissing."""
    name = session.scalar(
        sa.text("DELETE FROM passkey WHERE id = :id AND user_id = :user RETURNING name"), {"id": passkey_id, "user": user_id}
    )
    if name is None:
        raise _missing()
    if not second_factor.is_on(session, user_id):
        second_factor.switch_off(session, user_id)
    return name


def ask(session: Session, user_id: int, settings: Settings) -> str:
    """What a browser is asked to sign, as JSON (`PublicKeyCredentialRequestOptionsJSON`). Raises PasskeyMissing for who has none."""
    known = _known(session, user_id)
    if not known:
        raise PasskeyMissing("This account has no passkey. Enter a code instead.")
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(settings), allow_credentials=known, user_verification=UserVerificationRequirement.PREFERRED
    )
    _keep(session, user_id, "sign_in", options.challenge)
    return webauthn.options_to_json(options)


def prove(session: Session, user_id: int, answer: str, settings: Settings) -> None:
    """Take what one of the account's passkeys signed. Raises PasskeyRefused. Call `second_factor.count_try` before."""
    _take(session, user_id, answer, settings)


def ask_anybody(session: Session, settings: Settings) -> str:
    """What a browser is asked to sign by whichever passkey it holds for us, as JSON; the same for everybody."""
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(settings), user_verification=UserVerificationRequirement.REQUIRED
    )
    _keep(session, None, "enter", options.challenge)
    return webauthn.options_to_json(options)


def enter(session: Session, answer: str, settings: Settings) -> int:
    """Whose passkey signed, its device having asked its owner. Raises PasskeyRefused."""
    return _take(session, None, answer, settings)


def _take(session: Session, user_id: int | None, answer: str, settings: Settings) -> int:
    """Whose passkey signed: `user_id`'s, or, for None, that of the account which the answer itself names, verified by the device."""
    try:
        given = parse_authentication_credential_json(answer[:LONGEST_ANSWER])
        said = parse_client_data_json(given.response.client_data_json)
        _spend(session, user_id, "enter" if user_id is None else "sign_in", said.challenge)
        row = session.execute(
            sa.text(
                """SELECT id, user_id, public_key, sign_count FROM passkey
                   WHERE credential_id = :credential AND (CAST(:user AS int) IS NULL OR user_id = :user) FOR UPDATE"""
            ),
            {"user": user_id, "credential": given.raw_id},
        ).one_or_none()
        if row is None:
            raise PasskeyRefused("That passkey is none of this account's." if user_id else "No account here has that passkey.")
        if user_id is None and not hmac.compare_digest(given.response.user_handle or b"", _handle(row.user_id)):
            raise PasskeyRefused("That passkey does not say whose it is. Sign in with your password first.")
        signed = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=said.challenge,
            expected_rp_id=relying_party(settings),
            expected_origin=_origin(said.origin, settings),
            credential_public_key=bytes(row.public_key),
            credential_current_sign_count=row.sign_count,
            require_user_verification=user_id is None,
        )
    except _BROKEN as error:
        raise PasskeyRefused("That passkey was not taken. Try again, or enter a code.") from error
    session.execute(
        sa.text("UPDATE passkey SET sign_count = :count, used_at = :now WHERE id = :id"),
        {"count": signed.new_sign_count, "now": clock.now(), "id": row.id},
    )
    return row.user_id


def relying_party(settings: Settings) -> str:
    """For whom a key is made: the host of the configured address, else localhost."""
    return (urlsplit(settings.base_url).hostname or "") if settings.base_url else "localhost"


def _origin(said: str, settings: Settings) -> str:
    """Where alone a key may have been used: the configured address; without one this machine's own pages, whichever port they are on."""
    if settings.base_url:
        parts = urlsplit(settings.base_url)
        return f"{parts.scheme}://{parts.netloc}"
    here = urlsplit(said)
    return said if (here.scheme, here.hostname) == ("http", "localhost") else "http://localhost"


def _handle(user_id: int) -> bytes:
    """What a key is told to call its account: the same for every key of it, and nothing about who it is."""
    return hashlib.sha256(f"flyusage passkey user {user_id}".encode()).digest()


def _known(session: Session, user_id: int) -> list[PublicKeyCredentialDescriptor]:
    rows = session.scalars(sa.text("SELECT credential_id FROM passkey WHERE user_id = :user ORDER BY id"), {"user": user_id})
    return [PublicKeyCredentialDescriptor(id=bytes(one)) for one in rows]


def _keep(session: Session, user_id: int | None, purpose: str, challenge: bytes) -> None:
    now = clock.now()
    session.execute(sa.text(_SWEEP), {"now": now})
    session.execute(
        sa.text("INSERT INTO passkey_challenge (challenge_sha256, user_id, purpose, ends_at) VALUES (:sha256, :user, :purpose, :ends_at)"),
        {"sha256": hashlib.sha256(challenge).digest(), "user": user_id, "purpose": purpose, "ends_at": now + LASTS},
    )


def _spend(session: Session, user_id: int | None, purpose: str, challenge: bytes) -> None:
    """One DELETE decides who was first."""
    found = session.scalar(
        sa.text(
            """DELETE FROM passkey_challenge WHERE challenge_sha256 = :sha256 AND user_id IS NOT DISTINCT FROM :user AND purpose = :purpose
               AND ends_at > :now RETURNING true"""
        ),
        {"sha256": hashlib.sha256(challenge).digest(), "user": user_id, "purpose": purpose, "now": clock.now()},
    )
    if not found:
        raise PasskeyRefused("That was asked too long ago, or answered already. Try again.")


def _missing() -> PasskeyMissing:
    return PasskeyMissing("That passkey is not here any more. Load the page again.")
