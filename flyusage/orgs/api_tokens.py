"""API tokens: what a program shows instead of signing in.

A personal token is a member's: it may do what its scopes name and their role still holds, and nothing from the moment they are
no member. An organization's token outlives whoever made it, and holds what they might have done themselves at the time.

Whoever may make tokens sees and ends their own: personal ones of theirs, and those of the organization that they made. Whoever
manages members sees and ends everybody's, since a token is a way in as a membership is.

The secret is shown once and kept as its SHA-256. It looks like `flyu_` and 49 letters and digits, the last six of which are a
checksum, so that scanners for leaked secrets find it and a mistyped one is refused without asking the database.
"""

import re
import secrets
import string
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth.secrets import digest
from flyusage.orgs import app_grants, audit, memberships
from flyusage.orgs.acting import Actor, member, note_refusal
from flyusage.orgs.errors import AppUnknown, NotPermitted, TokenInvalid, TokenRefused, TokenUnknown
from flyusage.orgs.models import ApiToken, Role
from flyusage.orgs.permissions import PERMISSIONS, Permission, may, within_apps

PREFIX = "flyu_"
RANDOM_CHARACTERS, CHECK_CHARACTERS = 43, 6  # 256 bits, and 32 of CRC
HINT_CHARACTERS = len(PREFIX) + 5
DEFAULT_DAYS, LONGEST_DAYS = 90, 366
LONGEST_NAME = 100
USED_EVERY = timedelta(minutes=1)
LONGEST_LETTING_IN_DAYS = 30
# What a person decides at a page, never a program: a leaked token must not be able to change the rules or to end things.
NEVER = frozenset({Permission.ORGANIZATION_EDIT, Permission.SIGN_IN_MANAGE, Permission.ORGANIZATION_DELETE})
# What lets others in is a member's to do, also from a terminal: their own token may hold it, if they said so and for a month at
# most. An organization's token never does, nor one that another token made.
LETTING_IN = frozenset({Permission.TOKENS_MANAGE, Permission.MEMBERS_MANAGE})

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY = re.compile(rf"[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECK_CHARACTERS}}}")
_token = ApiToken.__table__  # pyright: ignore[reportAttributeAccessIssue] SQLModel adds it


@dataclass(frozen=True)
class Token:
    """A token as its list shows it, without its secret. `user_id` None: the organization's own.

    `hint` is the secret's beginning; `used_at` is to the minute, None where it never was. `app_ids` are the apps it is for, None: all
    that its member may see, or the organization has.
    """

    id: int
    name: str
    hint: str
    user_id: int | None
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    app_ids: tuple[int, ...] | None = None

    @property
    def state(self) -> str:
        """active, expired or revoked."""
        return "revoked" if self.revoked_at else "expired" if self.expires_at <= clock.now() else "active"


@dataclass(frozen=True)
class Made:
    """A new token, and its secret: the only time that it is ever seen."""

    token: Token
    secret: str


@dataclass(frozen=True)
class Bearer:
    """Who shows a token: the organization, what may be done there, of which `apps` (ids; None: all), and as whom the audit names it."""

    token_id: int
    org_id: int
    slug: str
    name: str
    is_synthetic: bool
    permissions: frozenset[Permission]
    by: Actor
    expires_at: datetime
    apps: frozenset[int] | None = None

    def require(self, permission: Permission) -> None:
        """Raise NotPermitted for a token that does not hold `permission`."""
        if permission not in self.permissions:
            note_refusal(f"token:{self.token_id}", permission, where=self.slug)
            raise NotPermitted(f"This token may not do {permission}. Make one with that scope, in a role that holds it.")


def grantable(permissions: Iterable[Permission], *, is_personal: bool = False) -> tuple[Permission, ...]:
    """Those of `permissions` that a token (a member's own, or any) can hold, in the enum's order."""
    held = frozenset(permissions) - (NEVER if is_personal else NEVER | LETTING_IN)
    return tuple(one for one in Permission if one in held)


def create(  # noqa: PLR0913 what a token is made of
    session: Session,
    org_id: int,
    *,
    name: str,
    scopes: Iterable[str],
    by: Actor,
    user_id: int | None = None,
    days: int = DEFAULT_DAYS,
    apps: Collection[int] | None = None,
    made_with: Bearer | None = None,
) -> Made:
    """A new token: of the member `user_id`, or the organization's own; for `apps` alone (ids), or for all that its maker sees.

    Nobody gives a token what they may not do or see themselves; a member makes personal tokens for nobody but themselves. One that is
    made with another (`made_with`) holds less than that one, lasts no longer, and is revoked with it. Raises NotPermitted,
    TokenInvalid and AppUnknown.
    """
    by = memberships.as_now(session, org_id, by)  # none is made by whoever is taken out at the same moment
    by.may(Permission.TOKENS_MANAGE)
    called = _name(name)
    wanted = _scopes(scopes, is_personal=user_id is not None and made_with is None)
    _refuse_more_than_held(wanted, days, user_id, by=by, made_with=made_with)
    own = app_grants.both(app_grants.granted_to(session, org_id, by), None if made_with is None else made_with.apps)
    granted = _apps(session, org_id, apps, wanted, own)
    secret, now = new_secret(), clock.now()
    ends_at = now + timedelta(days=days)
    row = session.execute(
        sa.insert(_token)
        .values(
            org_id=org_id,
            user_id=user_id,
            name=called,
            hint=secret[:HINT_CHARACTERS],
            secret_sha256=digest(secret),
            scopes=[scope.value for scope in wanted],
            created_at=now,
            created_by=by.name if made_with is None else _maker(made_with.token_id),
            expires_at=ends_at if made_with is None else min(ends_at, made_with.expires_at),
            app_ids=granted,
        )
        .returning(*_columns())
    ).one()
    made = _read(row)
    detail = {"name": called, "scopes": list(made.scopes), "expires_at": made.expires_at.isoformat(), "user_id": user_id}
    if granted is not None:
        detail |= {"apps": app_grants.told(session, org_id, granted)}
    if made_with is not None:
        detail |= {"made_with": _maker(made_with.token_id)}
    audit.record(session, org_id, actor=by.name, action="tokens.create", subject=f"token:{made.id}", detail=detail)
    return Made(made, secret)


def _refuse_more_than_held(wanted: Iterable[Permission], days: int, user_id: int | None, *, by: Actor, made_with: Bearer | None) -> None:
    """Raise NotPermitted for a scope that its maker does not hold, or for somebody else; TokenInvalid for how long it would last."""
    if not LETTING_IN.isdisjoint(wanted) and days > LONGEST_LETTING_IN_DAYS:
        raise TokenInvalid(f"A token that lets others in lasts {LONGEST_LETTING_IN_DAYS} days at most, not {days}.")
    if made_with is not None:
        for scope in wanted:
            made_with.require(scope)
    if user_id is not None and by.role is not None and by.name != f"user:{user_id}":
        raise NotPermitted("A personal token is made by the member whose it is.")
    for scope in wanted:
        by.may(scope)
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenInvalid(f"A token lasts 1 to {LONGEST_DAYS} days, not {days}.")


def revoke(session: Session, org_id: int, token_id: int, *, by: Actor, only_own: bool = False) -> Token:
    """End a token at once, and those that were made with it. One that is revoked already stays as it is.

    `only_own`: none but one's own, whatever `by`'s role holds. Somebody else's is as unknown as one that is not there.
    Raises NotPermitted and TokenUnknown.
    """
    by = memberships.as_now(session, org_id, by)
    by.may(Permission.TOKENS_MANAGE)
    found = token(session, org_id, token_id)
    if not (is_own(found, by) if only_own else is_seen_by(found, by)):
        note_refusal(by.name, f"token:{token_id}")
        raise _unknown(token_id)
    return _end(session, org_id, found, by=by)


def _end(session: Session, org_id: int, one: Token, *, by: Actor) -> Token:
    ended = sa.update(_token).where(_token.c.org_id == org_id, _token.c.id == one.id, _token.c.revoked_at.is_(None))
    row = session.execute(ended.values(revoked_at=clock.now()).returning(*_columns())).one_or_none()
    if row is None:
        return token(session, org_id, one.id)
    audit.record(session, org_id, actor=by.name, action="tokens.revoke", subject=f"token:{one.id}", detail={"name": one.name})
    made_with = sa.select(*_columns()).where(
        _token.c.org_id == org_id, _token.c.created_by == _maker(one.id), _token.c.revoked_at.is_(None)
    )
    for lesser in session.execute(made_with.order_by(_token.c.id)).all():
        _end(session, org_id, _read(lesser), by=by)
    return _read(row)


def tokens(session: Session, org_id: int, *, by: Actor | None = None) -> list[Token]:
    """The organization's tokens, those that work first, then the newest; those that `by` may see, None: all of them."""
    query = sa.select(*_columns()).where(_token.c.org_id == org_id).order_by(_token.c.id.desc())
    found = [_read(row) for row in session.execute(query)]
    return sorted((one for one in found if by is None or is_seen_by(one, by)), key=lambda one: one.state != "active")


def is_seen_by(one: Token, by: Actor) -> bool:
    """Whether `by` may see a token, and end it if they may make tokens at all: their own, or everybody's for who manages members."""
    return by.role is None or may(by.role, Permission.MEMBERS_MANAGE) or is_own(one, by)


def is_own(one: Token, by: Actor) -> bool:
    """Whether a token is `by`'s: a personal one of theirs, or one of the organization that they made."""
    return by.user_id is not None and (by.user_id == one.user_id if one.user_id is not None else one.created_by == by.name)


def token(session: Session, org_id: int, token_id: int) -> Token:
    """One token. Raises TokenUnknown."""
    query = sa.select(*_columns()).where(_token.c.org_id == org_id, _token.c.id == token_id)
    row = session.execute(query).one_or_none() if 0 < token_id < 2**63 else None
    if row is None:
        raise _unknown(token_id)
    return _read(row)


def bearer_of(session: Session, secret: str) -> Bearer:
    """Who shows `secret`. Works before a tenant is known (`db.lookup_transaction`). Raises TokenRefused.

    Whether its member still belongs here, and as what, is asked each time; who left and came back makes new ones.
    """
    if not is_shaped(secret):
        raise TokenRefused(f"That is no API token: one begins with {PREFIX} and ends in a checksum. Copy it again, whole.")
    row = session.execute(sa.text("SELECT * FROM api_token_bearer(:secret)"), {"secret": digest(secret)}).one_or_none()
    now = clock.now()
    if row is None:
        raise TokenRefused("This API token is unknown here. Make one on the organization's page of tokens.")
    if row.revoked_at is not None:
        raise TokenRefused("This API token was revoked. Make another on the organization's page of tokens.")
    if row.expires_at <= now:
        raise TokenRefused(f"This API token expired on {row.expires_at:%Y-%m-%d}. Make another on the organization's page of tokens.")
    if row.user_id is not None and row.role is None:
        raise TokenRefused("The member whose token this is does not belong to the organization any more, or their account is disabled.")
    if row.deleted_at is not None:
        raise TokenRefused("The organization of this API token is deleted. An owner can bring it back for 30 days.")
    if row.is_closed:
        raise TokenRefused(
            f"{row.org_name} asks its members for a second factor. Set one up on your account's page; then the token works again."
        )
    if row.used_at is None or now - row.used_at >= USED_EVERY:
        session.execute(sa.text("SELECT api_token_used(:token, :now)"), {"token": row.token_id, "now": now})
    held = frozenset(grantable((one for one in Permission if one.value in row.scopes), is_personal=row.user_id is not None))
    by = Actor(f"token:{row.token_id}")
    of_token, of_member = session.execute(
        sa.text("SELECT of_token, of_member FROM api_token_grants(:token)"), {"token": row.token_id}
    ).one()
    apps = app_grants.both(_ids(of_token), _ids(of_member))
    if row.user_id is not None:
        role = Role(row.role)
        held, by = held & PERMISSIONS[role], member(row.user_id, role)
    held = within_apps(held, apps)
    return Bearer(row.token_id, row.org_id, row.slug, row.org_name, row.is_synthetic, held, by, row.expires_at, apps)


def new_secret(prefix: str = PREFIX) -> str:
    """A token's text: 256 random bits and a checksum."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return f"{prefix}{body}{_checksum(body)}"


def is_shaped(secret: str, prefix: str = PREFIX) -> bool:
    """Whether a text can be a token at all: its letters and its checksum."""
    body = secret.removeprefix(prefix)
    is_whole = secret.startswith(prefix) and _BODY.fullmatch(body) is not None
    return is_whole and body[-CHECK_CHARACTERS:] == _checksum(body[:-CHECK_CHARACTERS])


def _checksum(body: str) -> str:
    number, written = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_CHARACTERS):
        number, place = divmod(number, len(_ALPHABET))
        written = _ALPHABET[place] + written
    return written


def _unknown(token_id: int) -> TokenUnknown:
    return TokenUnknown(f"There is no token {token_id} here. The list of tokens numbers them.")


def _maker(token_id: int) -> str:
    """As a token that was made with another names that one."""
    return f"token:{token_id}"


def _name(name: str) -> str:
    called = "".join(one for one in name if one.isprintable()).strip()
    if not called or len(called) > LONGEST_NAME:
        raise TokenInvalid(f"A token needs a name of 1 to {LONGEST_NAME} characters, which says what it is for.")
    return called


def _scopes(written: Iterable[str], *, is_personal: bool) -> Sequence[Permission]:
    asked = set(written)
    known = {one.value for one in grantable(Permission, is_personal=is_personal)}
    if not asked:
        raise TokenInvalid("A token needs at least one scope, such as usage.read.")
    if letting_in := sorted((asked - known) & {one.value for one in LETTING_IN}):
        raise TokenInvalid(
            f"{letting_in[0]} lets others in, which a member's own token alone may hold, made on the page of tokens. Leave it out."
        )
    if unknown := sorted(asked - known):
        raise TokenInvalid(f"{unknown[0][:60]!r} is no scope of a token. There are: {', '.join(sorted(known))}.")
    return tuple(one for one in Permission if one.value in asked)


def _apps(
    session: Session, org_id: int, apps: Collection[int] | None, scopes: Sequence[Permission], own: frozenset[int] | None
) -> list[int] | None:
    """The apps that a token is made for: those named, all of them its maker's (`own`, None: every app); unnamed, its maker's."""
    if apps is None and own is None:
        return None
    wanted = frozenset(apps) if apps is not None else own or frozenset()
    if not wanted:
        raise TokenInvalid("Choose one app at least that the token is for, or all of them.")
    if len(wanted) > app_grants.MOST_APPS:
        raise TokenInvalid(f"A token is for {app_grants.MOST_APPS:,} apps at most, or for all of them.")
    known = app_grants.told(session, org_id, wanted)
    if len(known) < len(wanted) or (own is not None and wanted - own):
        raise AppUnknown("One of these apps is not known here. Load the page again.")
    beyond = sorted(frozenset(scopes) - within_apps(frozenset(scopes), wanted))
    if beyond:
        raise TokenInvalid(f"{', '.join(beyond)}: that tells of every app. Leave it out, or make the token for all apps.")
    return sorted(wanted)


def _ids(found: Iterable[int] | None) -> frozenset[int] | None:
    return None if found is None else frozenset(found)


def _columns() -> list[sa.Column]:
    names = ("id", "name", "hint", "user_id", "scopes", "created_at", "created_by", "expires_at", "used_at", "revoked_at", "app_ids")
    return [_token.c[name] for name in names]


def _read(row: sa.Row) -> Token:
    apps = None if row.app_ids is None else tuple(row.app_ids)
    return Token(**{**row._mapping, "scopes": tuple(row.scopes), "app_ids": apps})  # noqa: SLF001 SQLAlchemy's public name for it
