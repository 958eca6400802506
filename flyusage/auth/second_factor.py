"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day the phone is lost. Passkeys count as one too.

A code is good once, whoever shows it at the same moment: one UPDATE decides. How often codes may be tried is counted as for passwords.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal

import segno
import sqlalchemy as sa
from pyotp import random_base32
from pyotp.totp import TOTP
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import passwords, sessions, throttle
from flyusage.auth.errors import CodeWrong, SecondFactorIsOn, SignInRefused
from flyusage.auth.secrets import digest
from flyusage.auth.sessions import Reader
from flyusage.auth.vault import seal, unseal

ISSUER = "flyusage"
STEP_SECONDS = 30
DRIFT_STEPS = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10
RECOVERY_BYTES = 15  # 120 bits: enough for a plain hash (OWASP ASVS 5.0, 6.5.2)
GROUP = 4

Kind = Literal["app", "recovery", "passkey"]


@dataclass(frozen=True)
class Setup:
    """What an authenticator app is set up by: its secret in base32, and a QR code (the data: address of an SVG) that holds the same."""

    secret: str
    picture: str


def is_on(session: Session, user_id: int) -> bool:
    """Whether the account is asked for a second factor. Works before a tenant is known."""
    return bool(session.scalar(sa.text("SELECT has_second_factor(:user)"), {"user": user_id}))


def begin(session: Session, user_id: int, email: str) -> Setup:
    """A new secret for an app; nothing is asked for until `confirm`. Raises SecondFactorIsOn."""
    secret = random_base32()
    made = session.scalar(
        sa.text(
            """INSERT INTO second_factor (user_id, sealed_secret, made_at) VALUES (:user, :box, :now)
               ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, made_at = excluded.made_at
               WHERE second_factor.confirmed_at IS NULL RETURNING true"""
        ),
        {"user": user_id, "box": seal(secret.encode(), _about(user_id)), "now": clock.now()},
    )
    if not made:
        raise SecondFactorIsOn("The second factor is on already. Switch it off first to set up another app.")
    return Setup(secret, _picture(TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)))


def confirm(session: Session, user_id: int, code: str) -> list[str]:
    """Switch it on by a first code of the app; the recovery codes, to be shown once. Raises CodeWrong."""
    _use_step(session, user_id, code, is_confirmed=False)
    session.execute(sa.text("UPDATE second_factor SET confirmed_at = :now WHERE user_id = :user"), {"now": clock.now(), "user": user_id})
    return renew_codes(session, user_id)


def renew_codes(session: Session, user_id: int) -> list[str]:
    """New recovery codes, to be shown once; the ones before are good for nothing."""
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    session.execute(sa.text("DELETE FROM recovery_code WHERE user_id = :user"), {"user": user_id})
    session.execute(
        sa.text("INSERT INTO recovery_code (user_id, code_sha256) VALUES (:user, :code)"),
        [{"user": user_id, "code": digest(code)} for code in codes],
    )
    return ["-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP)) for code in codes]


def codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes have not been used."""
    return session.scalar(sa.text("SELECT count(*) FROM recovery_code WHERE user_id = :user AND used_at IS NULL"), {"user": user_id}) or 0


def is_app_on(session: Session, user_id: int) -> bool:
    """Whether an app is set up. Needs the platform's role."""
    confirmed = sa.text("SELECT true FROM second_factor WHERE user_id = :user AND confirmed_at IS NOT NULL")
    return bool(session.scalar(confirmed, {"user": user_id}))


def switch_off(session: Session, user_id: int) -> None:
    """Ask for none any longer, and forget secret, passkeys and codes."""
    for table in ("recovery_code", "passkey", "second_factor"):
        session.execute(sa.text(f"DELETE FROM {table} WHERE user_id = :user"), {"user": user_id})


def switch_app_off(session: Session, user_id: int) -> None:
    """Ask for the app's codes no longer; without a passkey, for no second factor."""
    session.execute(sa.text("DELETE FROM second_factor WHERE user_id = :user"), {"user": user_id})
    if not is_on(session, user_id):
        switch_off(session, user_id)


def count_try(user_id: int) -> None:
    """Count one more try at the account's codes, in a transaction of its own. Raises TooManyAttempts."""
    with db.platform_transaction() as session:
        throttle.count(session, "second-factor", str(user_id), throttle.PER_ACCOUNT)


def prove(session: Session, user_id: int, code: str) -> Kind:
    """Use a code of the app, or a recovery code; which it was. Raises CodeWrong. Call `count_try` before."""
    written = re.sub(r"[\s-]", "", code)
    if len(written) > len("123456"):
        _use_recovery_code(session, user_id, written.upper())
        kind: Kind = "recovery"
    else:
        _use_step(session, user_id, written, is_confirmed=True)
        kind = "app"
    throttle.forget(session, "second-factor", str(user_id))
    return kind


def prove_anew(session: Session, user_id: int, proof: str) -> None:
    """By a code, or by the password: whoever came by a session that was left open knows neither. Raises SignInRefused.

    Call `count_try` before.
    """
    if not is_on(session, user_id):
        raise SignInRefused("The second factor is off.")
    try:
        prove(session, user_id, proof)
    except CodeWrong:
        if not _is_password(session, user_id, proof):
            raise SignInRefused("That is neither a code that is good now nor your password.") from None


def is_proof_asked(session: Session, reader: Reader) -> bool:
    """Whether another way in is set up by a `proof` only: not the first one by who has just signed in."""
    return is_on(session, reader.user_id) or not sessions.is_fresh(session, reader.session_id)


def permit_another(reader: Reader, proof: str) -> None:
    """Let the reader set up another way in, which must not be for whoever finds a session that was left open.

    `proof` is a code or the password; the password alone before the first factor, and nothing by who has just signed in.
    Counts the try. Raises SignInRefused, TooManyAttempts.
    """
    with db.platform_transaction() as session:
        is_asked = is_proof_asked(session, reader)
    if not is_asked:
        return
    count_try(reader.user_id)
    with db.platform_transaction() as session:
        if is_on(session, reader.user_id):
            prove_anew(session, reader.user_id, proof)
        elif not _is_password(session, reader.user_id, proof):
            raise SignInRefused("That is not your password. Type it, or sign out, sign in again and come back here within ten minutes.")
        else:
            throttle.forget(session, "second-factor", str(reader.user_id))


def _is_password(session: Session, user_id: int, proof: str) -> bool:
    kept = session.scalar(sa.text("SELECT password_hash FROM user_account WHERE id = :user"), {"user": user_id})
    return passwords.verify(proof, kept)[0]


def _use_step(session: Session, user_id: int, code: str, *, is_confirmed: bool) -> None:
    state = "confirmed_at IS NOT NULL" if is_confirmed else "confirmed_at IS NULL"
    box = session.scalar(sa.text(f"SELECT sealed_secret FROM second_factor WHERE user_id = :user AND {state}"), {"user": user_id})
    step = _step_of(unseal(bytes(box), _about(user_id)).decode(), re.sub(r"\s", "", code)) if box is not None else None
    used = step is not None and session.scalar(
        sa.text(
            f"""UPDATE second_factor SET last_step = :step
                WHERE user_id = :user AND {state} AND (last_step IS NULL OR last_step < :step) RETURNING true"""
        ),
        {"step": step, "user": user_id},
    )
    if not used:
        raise CodeWrong(
            "That code is not the one the app shows now, or it has been used. Wait for the next one, and check the phone's clock."
        )


def _step_of(secret: str, code: str) -> int | None:
    """The half minute that a code is of, among those near now; the comparison takes as long for any code."""
    now = int(clock.now().timestamp()) // STEP_SECONDS
    app, found = TOTP(secret), None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(app.at(step * STEP_SECONDS).encode(), code.encode("utf-8", "surrogatepass")):
            found = step
    return found


def _use_recovery_code(session: Session, user_id: int, code: str) -> None:
    used = session.scalar(
        sa.text(
            """UPDATE recovery_code SET used_at = :now WHERE user_id = :user AND code_sha256 = :code AND used_at IS NULL
               AND has_second_factor(:user) RETURNING true"""
        ),
        {"now": clock.now(), "user": user_id, "code": digest(code)},
    )
    if not used:
        raise CodeWrong("That is none of your recovery codes, or it has been used. Each is good once.")


def _picture(address: str) -> str:
    """A QR code as the address of an SVG, in black on white in every theme: phones read no other."""
    return segno.make_qr(address, error="m").svg_data_uri(omitsize=True, border=2, dark="#000", light="#fff")


def _about(user_id: int) -> str:
    return f"second_factor of user {user_id}"
