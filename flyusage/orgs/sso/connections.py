"""An organization's provider, what it makes of the provider's groups, and whether its people must come that way.

Settings are read and changed in the organization's own transaction (`db.transaction`). What signs people out needs the platform's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import oidc, providers, second_factor, sessions
from flyusage.auth.vault import seal, unseal
from flyusage.internet import ascii_name
from flyusage.orgs import audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission, require
from flyusage.orgs.sso.errors import SingleSignOnNeeded, SsoInvalid

GIVEN = (Role.ADMIN, Role.DEVELOPER, Role.BILLING, Role.VIEWER)  # the most powerful first; a provider makes no owner
LONGEST = 500
MOST_GROUPS = 200
CALLBACK = "/auth/sso/callback"


@dataclass(frozen=True)
class Connection:
    """How an organization's people sign in by its provider, without the client's secret. `default_role` None: by invitation only."""

    org_id: int
    issuer: str
    client_id: str
    groups_claim: str
    factor_acr: str
    default_role: Role | None
    is_enforced: bool
    is_off: bool
    break_glass_user_id: int | None
    worked_at: datetime | None


@dataclass(frozen=True)
class Wanted:
    """A connection as somebody sets it up. An empty `secret` keeps the one there is; an empty `default_role` means by invitation only."""

    issuer: str
    client_id: str
    secret: str = ""
    groups_claim: str = "groups"
    factor_acr: str = ""
    default_role: str = ""


@dataclass(frozen=True)
class Lead:
    """Whose provider signs an address in; `is_enforced`: and nothing else does, but for the owner `break_glass_user_id`."""

    org_id: int
    slug: str
    name: str
    is_enforced: bool
    break_glass_user_id: int | None


def connection(session: Session, org_id: int) -> Connection | None:
    """The organization's, None without one."""
    row = session.execute(sa.text(_CONNECTION), {"org": org_id}).one_or_none()
    if row is None:
        return None
    found = Connection(*row)
    return replace(found, default_role=Role(row.default_role) if row.default_role else None)


def of_provider(session: Session, issuer: str, client_ids: Sequence[str]) -> list[Connection]:
    """Those that are to this provider one of these clients, of organizations that are not deleted. Platform's role."""
    found = session.scalars(sa.text(_OF_PROVIDER), {"issuer": issuer, "clients": list(client_ids)}).all()
    return [held for one in found if (held := connection(session, one)) is not None and not held.is_off]


def client(session: Session, held: Connection, redirect_uri: str) -> oidc.Client:
    """What the protocol needs to speak to the provider, its secret opened. Raises VaultLocked."""
    box = session.scalar(sa.text("SELECT sealed_secret FROM sso_connection WHERE org_id = :org"), {"org": held.org_id})
    return oidc.Client(
        issuer=held.issuer,
        client_id=held.client_id,
        client_secret=unseal(bytes(box or b""), _about(held.org_id)).decode(),
        redirect_uri=redirect_uri,
        groups_claim=held.groups_claim,
        factor_acr=tuple(held.factor_acr.split()),
    )


def save(session: Session, org_id: int, wanted: Wanted, *, by: Actor) -> Connection:
    """Set the provider up, or change it. Raises NotPermitted, SsoInvalid, ProviderUnreachable for an issuer that can be none.

    To another provider: who came by the one before is signed out, since the one now may not know them. Platform's role. While everybody
    must come by it, the provider itself stays: a mistake would lock them all out. Its secret may be renewed.
    """
    _held(session, org_id, by)
    before = connection(session, org_id)
    after = _checked(org_id, wanted, before)
    is_other = before is None or (before.issuer, before.client_id) != (after.issuer, after.client_id)
    if before is not None and before.is_enforced and is_other:
        raise SsoInvalid("Everybody must sign in by the present provider. Lift that rule before you change to another.")
    secret = wanted.secret.strip()
    if not secret and is_other:
        raise SsoInvalid("Type the client's secret, as the provider shows it.")
    if secret and len(secret) > LONGEST:
        raise SsoInvalid(f"A client's secret has {LONGEST} characters at most.")
    binds = {
        "org": org_id, "issuer": after.issuer, "client": after.client_id, "groups": after.groups_claim, "acr": after.factor_acr,
        "role": after.default_role, "box": seal(secret.encode(), _about(org_id)) if secret else b"", "now": clock.now(),
        "is_other": is_other or bool(secret),
    }  # fmt: skip
    session.execute(sa.text(_CHANGE if before is not None else _SET_UP), binds)
    ended = 0
    if is_other and before is not None:
        _vouch_no_more(session, org_id)
        ended = sessions.end_by_provider(session, org_id)
    changed = {name: value for name, value in _told(after).items() if before is None or _told(before)[name] != value}
    detail = changed | ({"client_secret": "renewed"} if secret else {}) | ({"signed_out": ended} if ended else {})
    audit.record(
        session, org_id, actor=by.name, action="sso.set_up" if before is None else "sso.change", subject="single sign-on", detail=detail
    )
    return after


def remove(session: Session, org_id: int, *, by: Actor) -> None:
    """Forget the provider, and sign out who came by it; accounts and memberships stay. Platform's role. Raises NotPermitted, SsoInvalid."""
    _held(session, org_id, by)
    before = connection(session, org_id)
    if before is None:
        return
    if before.is_enforced:
        raise SsoInvalid("Everybody must sign in by this provider. Lift that rule first.")
    for table in ("sso_connection", "sso_identity"):
        session.execute(sa.text(f"DELETE FROM {table} WHERE org_id = :org"), {"org": org_id})
    sessions.end_by_provider(session, org_id)
    audit.record(session, org_id, actor=by.name, action="sso.remove", subject="single sign-on", detail=_told(before))


def switch(session: Session, org_id: int, *, is_off: bool, by: Actor) -> bool:
    """Switch it off for a while, rule and all, or on again; False where it was so. For whoever runs the installation; platform's role.

    With the rule, on again signs out who came in by a password meanwhile.
    """
    by.is_no_member("Single sign-on is switched off")
    memberships.lock(session, org_id)  # whoever is being let in is let in before, and then signed out
    domains = verified_domains(session, org_id)
    for domain in domains:
        hold_domain(session, domain)
    changed = session.scalar(
        sa.text("UPDATE sso_connection SET is_off = :off WHERE org_id = :org AND is_off <> :off RETURNING true"),
        {"off": is_off, "org": org_id},
    )
    if changed:
        if is_off:
            sessions.end_by_provider(session, org_id)
            _vouch_no_more(session, org_id)
        else:
            sign_out_of(session, org_id, domains)
        audit.record(
            session, org_id, actor=by.name, action="sso.switch_off" if is_off else "sso.switch_on", subject="single sign-on", detail={}
        )
    return bool(changed)


def groups(session: Session, org_id: int) -> dict[str, Role]:
    """The role of each group that has one, by name."""
    rows = session.execute(sa.text("SELECT name, role FROM sso_group WHERE org_id = :org ORDER BY name"), {"org": org_id})
    return {row.name: Role(row.role) for row in rows}


def map_group(session: Session, org_id: int, name: str, role: Role, *, by: Actor) -> None:
    """Give who is in the provider's group `name` this role from their next sign-in on. Raises NotPermitted, SsoInvalid."""
    _held(session, org_id, by)
    written = name.strip()
    if not 0 < len(written) <= LONGEST or not written.isprintable():
        raise SsoInvalid("Name the group as the provider sends it.")
    if role not in GIVEN:
        raise SsoInvalid("No group makes an owner: owners are made by owners, on the members page.")
    before = groups(session, org_id)
    if written not in before and len(before) >= MOST_GROUPS:
        raise SsoInvalid(f"{MOST_GROUPS} groups can have a role at most.")
    session.execute(
        sa.text(
            """INSERT INTO sso_group (org_id, name, role) VALUES (:org, :name, :role)
               ON CONFLICT (org_id, name) DO UPDATE SET role = excluded.role"""
        ),
        {"org": org_id, "name": written, "role": role},
    )
    detail = {"from": before.get(written), "to": role.value}
    audit.record(session, org_id, actor=by.name, action="sso.map_group", subject=f"group:{written}", detail=detail)


def unmap_group(session: Session, org_id: int, name: str, *, by: Actor) -> None:
    """Make nothing of a group any more. Raises NotPermitted."""
    _held(session, org_id, by)
    role = session.scalar(
        sa.text("DELETE FROM sso_group WHERE org_id = :org AND name = :name RETURNING role"), {"org": org_id, "name": name}
    )
    if role is not None:
        audit.record(session, org_id, actor=by.name, action="sso.unmap_group", subject=f"group:{name}", detail={"role": role})


def name_break_glass(session: Session, org_id: int, user_id: int | None, *, by: Actor) -> None:
    """Which owner may use password and second factor all the same; None: nobody. Raises NotPermitted, SsoInvalid."""
    _held(session, org_id, by)
    before = _present(session, org_id)
    if user_id is not None:
        role = session.scalar(
            sa.text("SELECT role FROM membership WHERE org_id = :org AND user_id = :user"), {"org": org_id, "user": user_id}
        )
        if role != Role.OWNER:
            raise SsoInvalid("Only an owner of this organization can be the one who gets in past the provider.")
        if not second_factor.is_on(session, user_id):
            raise SsoInvalid("They need a second factor first: their password alone would be the weakest way in.")
    elif before.is_enforced:
        raise SsoInvalid("While everybody must sign in by the provider, somebody keeps another way in. Name another owner instead.")
    session.execute(sa.text("UPDATE sso_connection SET break_glass_user_id = :user WHERE org_id = :org"), {"user": user_id, "org": org_id})
    detail = {"from": before.break_glass_user_id, "to": user_id}
    audit.record(session, org_id, actor=by.name, action="sso.name_break_glass", subject="single sign-on", detail=detail)


def enforce(session: Session, org_id: int, *, by: Actor) -> int:
    """From now on everybody with an address of the verified domains must come by the provider; how many browsers that signs out.

    Platform's role. It must have let somebody through as it is set up now, a domain must be verified, and an owner with a second
    factor must keep another way in. Raises NotPermitted, SsoInvalid.
    """
    _held(session, org_id, by)
    present = _present(session, org_id)
    domains = verified_domains(session, org_id)
    if not domains:
        raise SsoInvalid("Verify a domain first: the rule is for addresses of verified domains.")
    if present.worked_at is None:
        raise SsoInvalid("Try the provider first: the rule waits until somebody came through as it is set up now.")
    keeps = present.break_glass_user_id
    if keeps is None or not second_factor.is_on(session, keeps):
        raise SsoInvalid("Name an owner with a second factor who may still use a password, for the day the provider fails.")
    changed = session.scalar(
        sa.text("UPDATE sso_connection SET is_enforced = true WHERE org_id = :org AND NOT is_enforced RETURNING true"), {"org": org_id}
    )
    if not changed:
        return 0
    ended = sessions.end_of_domains(session, domains, but_by=org_id, but_user=keeps)
    detail = {"domains": domains, "signed_out": ended, "break_glass": keeps}
    audit.record(session, org_id, actor=by.name, action="sso.enforce", subject="single sign-on", detail=detail)
    return ended


def release(session: Session, org_id: int, *, by: Actor) -> None:
    """Let passwords in again. Raises NotPermitted."""
    _held(session, org_id, by)
    changed = session.scalar(
        sa.text("UPDATE sso_connection SET is_enforced = false WHERE org_id = :org AND is_enforced RETURNING true"), {"org": org_id}
    )
    if changed:
        audit.record(session, org_id, actor=by.name, action="sso.release", subject="single sign-on", detail={})


def worked(session: Session, org_id: int) -> None:
    """Somebody came through as it is set up now."""
    session.execute(sa.text("UPDATE sso_connection SET worked_at = :now WHERE org_id = :org"), {"now": clock.now(), "org": org_id})


def verified_domains(session: Session, org_id: int) -> list[str]:
    """The domains that are proved to be the organization's."""
    query = sa.text("SELECT domain FROM sso_domain WHERE org_id = :org AND verified_at IS NOT NULL ORDER BY domain")
    return list(session.scalars(query, {"org": org_id}))


def hold_domain(session: Session, domain: str, *, is_shared: bool = False) -> None:
    """Until the transaction ends, whose a domain is stays as it is; those who only ask (`is_shared`) do not wait for each other.

    Not by its rows: one that is claimed meanwhile is not among those that are there to be locked.
    """
    lock = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
    session.execute(sa.text(f"SELECT {lock}(hashtextextended(:name, 0))"), {"name": f"sso_domain/{domain}"})


def sign_out_of(session: Session, org_id: int, domains: Sequence[str]) -> int:
    """Have the rule, where it is in force, hold for who signed in by a password before; how many browsers. Platform's role."""
    held = connection(session, org_id)
    if held is None or not held.is_enforced or held.is_off:
        return 0
    return sessions.end_of_domains(session, domains, but_by=org_id, but_user=held.break_glass_user_id)


def domain_of(email: str) -> str:
    """What follows the @, as domains are kept."""
    written = email.rpartition("@")[2].strip().lower()
    try:
        return ascii_name(written)
    except ValueError:
        return written


def lead_of(session: Session, email: str) -> Lead | None:
    """Whose provider signs this address in; None where none does. Platform's role. Says nothing about whether it has an account."""
    row = session.execute(sa.text(_LEAD), {"domain": domain_of(email)}).one_or_none()
    return None if row is None else Lead(*row)


def require_password_allowed(session: Session, user_id: int) -> bool:
    """Whether the account gets in past its organization's provider; False where no provider is asked for. Platform's role.

    Holds the rule as it is until the transaction ends: whoever is let in now is signed out by whoever sets the rule next.
    Raises SingleSignOnNeeded.
    """
    email = session.scalar(sa.text("SELECT email FROM user_account WHERE id = :user"), {"user": user_id}) or ""
    hold_domain(session, domain_of(email), is_shared=True)
    row = session.execute(sa.text(_LEAD + " FOR SHARE OF c"), {"domain": domain_of(email)}).one_or_none()
    found = None if row is None else Lead(*row)
    if found is None or not found.is_enforced:
        return False
    is_owner = session.scalar(
        sa.text("SELECT true FROM membership WHERE org_id = :org AND user_id = :user AND role = 'owner'"),
        {"org": found.org_id, "user": user_id},
    )
    if user_id != found.break_glass_user_id or not is_owner or not second_factor.is_on(session, user_id):
        raise SingleSignOnNeeded(f"{found.name} signs its people in by its own provider. Continue with single sign-on.")
    audit.record(session, found.org_id, actor=f"user:{user_id}", action="sso.break_glass", subject=f"user:{user_id}", detail={})
    return True


def _vouch_no_more(session: Session, org_id: int) -> None:
    """What the provider said of second factors counts no longer, for tokens too: who comes again by the present one is asked anew."""
    session.execute(sa.text("UPDATE sso_identity SET has_factor = false WHERE org_id = :org AND has_factor"), {"org": org_id})


def _held(session: Session, org_id: int, by: Actor) -> Role | None:
    memberships.lock(session, org_id)
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.SIGN_IN_MANAGE)
    return standing


def _present(session: Session, org_id: int) -> Connection:
    found = connection(session, org_id)
    if found is None:
        raise SsoInvalid("Set up the provider first.")
    return found


def _checked(org_id: int, wanted: Wanted, before: Connection | None) -> Connection:
    issuer, client_id, claim, acr = (
        " ".join(one.split()) for one in (wanted.issuer, wanted.client_id, wanted.groups_claim, wanted.factor_acr)
    )
    if not client_id or any(len(one) > LONGEST or not one.isprintable() for one in (client_id, claim, acr)):
        raise SsoInvalid("Type the client's id, as the provider shows it.")
    if wanted.default_role and wanted.default_role not in GIVEN:
        raise SsoInvalid("Who comes uninvited can be admin, developer, billing or viewer. Owners are made by owners.")
    kept = before or Connection(org_id, "", "", "", "", None, False, False, None, None)
    return replace(
        kept,
        issuer=providers.normal_issuer(issuer),
        client_id=client_id,
        groups_claim=claim or "groups",
        factor_acr=acr,
        default_role=Role(wanted.default_role) if wanted.default_role else None,
    )


def _told(one: Connection) -> Mapping[str, str]:
    return {
        "issuer": one.issuer,
        "client_id": one.client_id,
        "groups_claim": one.groups_claim,
        "factor_acr": one.factor_acr,
        "default_role": one.default_role or "",
    }


def _about(org_id: int) -> str:
    return f"sso client secret of organization {org_id}"


_CONNECTION = """SELECT org_id, issuer, client_id, groups_claim, factor_acr, default_role, is_enforced, is_off, break_glass_user_id, worked_at
FROM sso_connection WHERE org_id = :org"""
_SET_UP = """INSERT INTO sso_connection (org_id, issuer, client_id, groups_claim, factor_acr, default_role, sealed_secret, changed_at)
VALUES (:org, :issuer, :client, :groups, :acr, :role, :box, :now)"""
_CHANGE = """UPDATE sso_connection SET issuer = :issuer, client_id = :client, groups_claim = :groups, factor_acr = :acr, default_role = :role,
  sealed_secret = CASE WHEN CAST(:box AS bytea) = '' THEN sealed_secret ELSE :box END, changed_at = :now,
  worked_at = CASE WHEN :is_other THEN NULL ELSE worked_at END WHERE org_id = :org"""
_OF_PROVIDER = """
SELECT c.org_id FROM sso_connection c JOIN organization o ON o.id = c.org_id
WHERE c.issuer = :issuer AND c.client_id = ANY (:clients) AND o.deleted_at IS NULL ORDER BY c.org_id LIMIT 20"""
_LEAD = """SELECT o.id, o.slug, o.name, c.is_enforced, c.break_glass_user_id
FROM sso_domain d JOIN sso_connection c ON c.org_id = d.org_id JOIN organization o ON o.id = c.org_id
WHERE d.domain = :domain AND d.verified_at IS NOT NULL AND NOT c.is_off AND o.deleted_at IS NULL"""
