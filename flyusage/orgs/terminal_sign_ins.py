"""How `flyusage login` gets a token: a member lets the command in at a page, and it fetches the token for a code.

The command makes a verifier and says only its digest, the challenge. The page gives whoever lets it in a code, good for a minute and
once, and the token is made when code and verifier come together (as PKCE has it, RFC 7636): a code that somebody else sees in an
address, a log or a history fetches nothing, and until then there is no token that could be lost.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, ForeignKey, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, SQLModel

from flyusage import clock
from flyusage.auth.secrets import digest, new_secret
from flyusage.orgs import api_tokens, memberships
from flyusage.orgs.acting import Actor, member
from flyusage.orgs.api_tokens import DEFAULT_DAYS, LETTING_IN, LONGEST_NAME, Made
from flyusage.orgs.errors import NotPermitted, TerminalSignInOver, TokenInvalid
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission

LASTS = timedelta(minutes=1)
LASTS_DAYS = DEFAULT_DAYS
PROGRAM = "flyusage login"
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits

terminal_sign_in = sa.Table(
    "terminal_sign_in",
    SQLModel.metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False),
    Column("code_sha256", LargeBinary, primary_key=True, index=True),
    Column("user_id", Integer, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("challenge", Text, nullable=False, comment="the SHA-256 of the command's verifier"),
    Column("name", Text, nullable=False, comment="of the token to be made"),
    Column("scopes", JSONB, nullable=False, comment="values of Permission"),
    Column("ends_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True)
class Allowed:
    """What a member allowed a command, which has shown their code."""

    org_id: int
    user_id: int
    challenge: str
    name: str
    scopes: tuple[str, ...]
    ends_at: datetime


def allowable(permissions: Iterable[Permission], asked: Iterable[str] = ()) -> tuple[Permission, ...]:
    """What a member of these `permissions` may let a command do: what was `asked`, or all but letting others in."""
    wanted = set(asked)
    held = api_tokens.grantable(permissions)
    return tuple(one for one in held if not wanted or one.value in wanted)


def challenge_of(verifier: str) -> str:
    """What a command says of its verifier beforehand."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()).rstrip(b"=").decode()


def token_name(machine: str) -> str:
    """What the token of a command on `machine`, as that calls itself, is called."""
    called = "".join(one for one in machine if one.isprintable()).strip()
    return f"{PROGRAM} on {called or 'a machine without a name'}"[:LONGEST_NAME]


def allow(session: Session, org_id: int, *, challenge: str, machine: str, scopes: Iterable[str], by: Actor) -> str:
    """A code for which the command of `challenge` gets a token of `by`'s that may do `scopes`. Raises NotPermitted and TokenInvalid.

    In the platform's transaction, as everything here.
    """
    by = memberships.as_now(session, org_id, by)
    by.may(Permission.TOKENS_MANAGE)
    wanted = sorted(set(scopes))
    if by.role is None or by.user_id is None:
        raise NotPermitted("A command is let in by a member. Sign in as one.")
    if CHALLENGE.fullmatch(challenge) is None:
        raise TokenInvalid("This address asks for nothing that can be allowed. Run `flyusage login` again.")
    if not wanted or not set(wanted) <= {one.value for one in allowable(Permission)}:
        raise TokenInvalid(f"A command is let in for scopes of its own, never for {' or '.join(sorted(LETTING_IN))}.")
    for scope in wanted:
        by.may(Permission(scope))
    code, now = new_secret(), clock.now()
    session.execute(sa.delete(terminal_sign_in).where(terminal_sign_in.c.ends_at <= now))
    session.execute(
        sa.insert(terminal_sign_in).values(
            org_id=org_id, code_sha256=digest(code), user_id=by.user_id, challenge=challenge,
            name=token_name(machine), scopes=wanted, ends_at=now + LASTS,
        )
    )  # fmt: skip
    return code


def spend(session: Session, code: str) -> Allowed | None:
    """What `code` was given for, None where there is none; it is good no more, also for whoever has no verifier. Commit before `fetch`."""
    of = terminal_sign_in.c
    taken = sa.delete(terminal_sign_in).where(of.code_sha256 == digest(code))
    row = session.execute(taken.returning(of.org_id, of.user_id, of.challenge, of.name, of.scopes, of.ends_at)).one_or_none()
    return None if row is None else Allowed(row.org_id, row.user_id, row.challenge, row.name, tuple(row.scopes), row.ends_at)


def fetch(session: Session, allowed: Allowed | None, verifier: str) -> Made:
    """The token for a code that was spent, in what role its member has by now. Raises TerminalSignInOver and NotPermitted."""
    if allowed is None or allowed.ends_at <= clock.now() or not hmac.compare_digest(challenge_of(verifier), allowed.challenge):
        raise TerminalSignInOver("That code is wrong, was used, or is older than a minute. Run `flyusage login` again.")
    return api_tokens.create(
        session, allowed.org_id, name=allowed.name, scopes=allowed.scopes, by=member(allowed.user_id, Role.VIEWER),
        user_id=allowed.user_id, days=LASTS_DAYS,
    )  # fmt: skip  # as a viewer until `create` has read the role anew
