"""SCIM tokens: what an organization's directory shows to provision people here, and nothing else.

Made, shown once and kept as API tokens are (`api_tokens`), with a prefix of their own, so that neither opens what the other does.
They last until they are revoked: a directory that is refused one day would leave people in who had left.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth.secrets import digest
from flyusage.orgs import audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.api_tokens import LONGEST_NAME, USED_EVERY, is_shaped, new_secret
from flyusage.orgs.errors import TokenInvalid, TokenRefused, TokenUnknown
from flyusage.orgs.models import ScimToken
from flyusage.orgs.permissions import Permission, require

PREFIX = "flyscim_"
PATH = "/scim/v2"  # where they are shown
HINT_CHARACTERS = len(PREFIX) + 5
MOST = 20

_token = ScimToken.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it
_COLUMNS = [_token.c[name] for name in ("id", "name", "hint", "created_at", "created_by", "used_at", "revoked_at")]


@dataclass(frozen=True)
class Token:
    """A token as its list shows it, without its secret. `hint` is the secret's beginning; `used_at` is to the minute."""

    id: int
    name: str
    hint: str
    created_at: datetime
    created_by: str
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class Bearer:
    """The directory that shows a token: whose organization it speaks for, and as whom the audit names it."""

    token_id: int
    org_id: int
    org_name: str

    @property
    def by(self) -> Actor:
        """`scim:<token>`: it acts without a role, on what SCIM tells of alone."""
        return Actor(f"scim:{self.token_id}")


def create(session: Session, org_id: int, name: str, *, by: Actor) -> tuple[Token, str]:
    """A new token and its secret, the only time that it is ever seen. Raises NotPermitted, TokenInvalid."""
    _require(session, org_id, by)
    called = "".join(one for one in name if one.isprintable()).strip()
    if not 0 < len(called) <= LONGEST_NAME:
        raise TokenInvalid(f"A token needs a name of 1 to {LONGEST_NAME} characters, such as that of the directory.")
    if sum(one.revoked_at is None for one in tokens(session, org_id)) >= MOST:
        raise TokenInvalid(f"{MOST} tokens are at work already. Revoke one that is not used.")
    secret = new_secret(PREFIX)
    values = {"hint": secret[:HINT_CHARACTERS], "secret_sha256": digest(secret), "created_at": clock.now(), "created_by": by.name}
    row = session.execute(sa.insert(_token).values(org_id=org_id, name=called, **values).returning(*_COLUMNS)).one()
    made = Token(*row)
    audit.record(session, org_id, actor=by.name, action="scim_tokens.create", subject=f"scim:{made.id}", detail={"name": called})
    return made, secret


def revoke(session: Session, org_id: int, token_id: int, *, by: Actor) -> str:
    """End a token at once; its name. Raises NotPermitted, TokenUnknown."""
    _require(session, org_id, by)
    known = session.scalar(sa.select(_token.c.name).where(_token.c.org_id == org_id, _token.c.id == token_id))
    if known is None:
        raise TokenUnknown(f"There is no SCIM token {token_id} here.")
    ended = sa.update(_token).where(_token.c.org_id == org_id, _token.c.id == token_id, _token.c.revoked_at.is_(None))
    if session.execute(ended.values(revoked_at=clock.now()).returning(_token.c.id)).one_or_none() is not None:
        audit.record(session, org_id, actor=by.name, action="scim_tokens.revoke", subject=f"scim:{token_id}", detail={"name": known})
    return known


def tokens(session: Session, org_id: int) -> list[Token]:
    """The organization's tokens, those that work first, then the newest."""
    order = (_token.c.revoked_at.is_not(None), _token.c.id.desc())
    return [Token(*row) for row in session.execute(sa.select(*_COLUMNS).where(_token.c.org_id == org_id).order_by(*order))]


def bearer_of(session: Session, secret: str) -> Bearer:
    """Whose directory shows `secret`. Works before a tenant is known (`db.lookup_transaction`). Raises TokenRefused."""
    where = "Make one on the organization's provisioning page."
    if not is_shaped(secret, PREFIX):
        raise TokenRefused(f"That is no SCIM token: one begins with {PREFIX} and ends in a checksum. Copy it again, whole.")
    row = session.execute(sa.text("SELECT * FROM scim_token_bearer(:secret)"), {"secret": digest(secret)}).one_or_none()
    if row is None:
        raise TokenRefused(f"This SCIM token is unknown here. {where}")
    if row.revoked_at is not None:
        raise TokenRefused(f"This SCIM token was revoked. {where}")
    if row.deleted_at is not None:
        raise TokenRefused("The organization of this SCIM token is deleted. An owner can bring it back for 30 days.")
    now = clock.now()
    if row.used_at is None or now - row.used_at >= USED_EVERY:
        session.execute(sa.text("SELECT scim_token_used(:token, :now)"), {"token": row.token_id, "now": now})
    return Bearer(row.token_id, row.org_id, row.org_name)


def _require(session: Session, org_id: int, by: Actor) -> None:
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.SIGN_IN_MANAGE)
