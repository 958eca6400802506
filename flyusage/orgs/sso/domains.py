"""Mail domains that an organization proves to be its own, by a TXT record that only whoever runs the domain can make."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import dns.exception
import dns.nameserver
import dns.resolver
import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.config import settings
from flyusage.internet import ascii_name
from flyusage.orgs import audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission, require
from flyusage.orgs.sso.connections import connection, hold_domain, sign_out_of, verified_domains
from flyusage.orgs.sso.errors import DnsSilent, DomainTaken, DomainUnproved, SsoInvalid

LABEL, SAYS = "_flyusage", "flyusage-verify="
SECONDS = 5
MOST = 50

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")


@dataclass(frozen=True)
class Domain:
    """A claimed domain. `record` is the name, and `text` the content of the TXT record that proves it."""

    domain: str
    token: str
    claimed_at: datetime
    checked_at: datetime | None
    verified_at: datetime | None

    @property
    def record(self) -> str:
        """Where the TXT record belongs."""
        return f"{LABEL}.{self.domain}"

    @property
    def text(self) -> str:
        """What it holds."""
        return SAYS + self.token


def normal_domain(written: str) -> str:
    """A domain as it is kept: lower case, as DNS writes it (xn--). Raises SsoInvalid."""
    bare = written.strip().lower().rstrip(".").rpartition("@")[2]
    try:
        domain = ascii_name(bare)
    except ValueError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise SsoInvalid(f"{written[:100]!r} is no domain. It should look like example.com.")
    return domain


def domains(session: Session, org_id: int) -> list[Domain]:
    """Those that the organization claims, by name."""
    rows = session.execute(
        sa.text("SELECT domain, token, claimed_at, checked_at, verified_at FROM sso_domain WHERE org_id = :org ORDER BY domain"),
        {"org": org_id},
    )
    return [Domain(*row) for row in rows]


def claim(session: Session, org_id: int, written: str, *, by: Actor) -> Domain:
    """Claim a domain, which says nothing yet; a repetition keeps its record. Raises NotPermitted, SsoInvalid."""
    _held(session, org_id, by)
    domain = normal_domain(written)
    known = {one.domain: one for one in domains(session, org_id)}
    if domain in known:
        return known[domain]
    if len(known) >= MOST:
        raise SsoInvalid(f"An organization claims {MOST} domains at most.")
    made = Domain(domain, secrets.token_hex(16), clock.now(), None, None)
    session.execute(
        sa.text("INSERT INTO sso_domain (org_id, domain, token, claimed_at) VALUES (:org, :domain, :token, :now)"),
        {"org": org_id, "domain": domain, "token": made.token, "now": made.claimed_at},
    )
    audit.record(session, org_id, actor=by.name, action="sso_domain.claim", subject=f"domain:{domain}", detail={})
    return made


def give_up(session: Session, org_id: int, domain: str, *, by: Actor) -> None:
    """Claim it no longer; its people sign in as anybody does. Raises NotPermitted, and SsoInvalid for the last one of a rule."""
    _held(session, org_id, by)
    held = connection(session, org_id)
    if held is not None and held.is_enforced and verified_domains(session, org_id) == [domain]:
        raise SsoInvalid("Everybody of this domain must sign in by the provider. Lift that rule first.")
    gone = session.scalar(
        sa.text("DELETE FROM sso_domain WHERE org_id = :org AND domain = :domain RETURNING true"), {"org": org_id, "domain": domain}
    )
    if gone:
        audit.record(session, org_id, actor=by.name, action="sso_domain.give_up", subject=f"domain:{domain}", detail={})


def check(org_id: int, domain: str, *, by: Actor) -> bool:
    """Ask the domain's DNS; whether it proves the domain now. In transactions of its own, none of which waits for an answer.

    A record that is gone takes the proof with it; where nobody answers nothing changes. A domain that another organization
    proved once changes hands when that one's record is gone. Where everybody must come by the provider, who has an address of a domain
    that is proved now is signed out as when the rule was set. Raises NotPermitted, SsoInvalid, DnsSilent, DomainTaken.
    """
    with db.platform_transaction() as session:
        _held(session, org_id, by)
        if all(one.domain != domain for one in domains(session, org_id)):
            raise SsoInvalid("That domain is not among those that are claimed here. Load the page again.")
    texts = look_up(domain)
    with db.platform_transaction() as session:
        _held(session, org_id, by)
        return _judge(session, org_id, domain, texts, by)


def look_up(domain: str) -> list[str]:
    """The TXT records beside the domain that could prove it. Raises DnsSilent."""
    resolver = _resolver()
    try:
        answer = resolver.resolve(f"{LABEL}.{domain}", "TXT", lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise DnsSilent(f"The name servers of {domain} do not answer. Nothing is changed; check again in a few minutes.") from error
    return [b"".join(one.strings).decode("ascii", "replace").strip() for one in answer]


def require_proved(is_proved: bool, domain: Domain) -> None:
    """Raise DomainUnproved, saying what is missing, unless `check` found it."""
    if not is_proved:
        raise DomainUnproved(
            f"There is no TXT record {domain.record} that says {domain.text}. New records take a few minutes, sometimes an hour, to be seen."
        )


def _judge(session: Session, org_id: int, domain: str, texts: Sequence[str], by: Actor) -> bool:
    now = clock.now()
    hold_domain(session, domain)
    rows = session.execute(
        sa.text("SELECT org_id, token, verified_at FROM sso_domain WHERE domain = :domain ORDER BY org_id FOR UPDATE"), {"domain": domain}
    ).all()
    own = next((row for row in rows if row.org_id == org_id), None)
    if own is None:
        return False
    is_proved = SAYS + own.token in texts
    holder = next((row for row in rows if row.verified_at is not None and row.org_id != org_id), None)
    if is_proved and holder is not None:
        if SAYS + holder.token in texts:
            raise DomainTaken(f"Another organization has proved {domain} too, and its record is still there. Remove that record first.")
        _set(session, holder.org_id, domain, None)
        audit.record(session, holder.org_id, actor="system:sso", action="sso_domain.lose", subject=f"domain:{domain}", detail={})
    _set(session, org_id, domain, (own.verified_at or now) if is_proved else None)
    if is_proved != (own.verified_at is not None):
        action = "sso_domain.verify" if is_proved else "sso_domain.lose"
        audit.record(session, org_id, actor=by.name, action=action, subject=f"domain:{domain}", detail={})
        if is_proved:
            sign_out_of(session, org_id, [domain])
    return is_proved


def _set(session: Session, org_id: int, domain: str, verified_at: datetime | None) -> None:
    session.execute(
        sa.text("UPDATE sso_domain SET verified_at = :at, checked_at = :now WHERE org_id = :org AND domain = :domain"),
        {"at": verified_at, "now": clock.now(), "org": org_id, "domain": domain},
    )


def _resolver() -> dns.resolver.Resolver:
    chosen = [one.strip() for one in settings().dns_servers.split(",") if one.strip()]
    try:
        resolver = dns.resolver.Resolver(configure=not chosen)
    except dns.exception.DNSException as error:
        raise DnsSilent("This server has no name server to ask. Whoever runs it can name one (FLYUSAGE_DNS_SERVERS).") from error
    if chosen:
        parted = [urlsplit(f"//[{one}]" if one.count(":") > 1 and "[" not in one else f"//{one}") for one in chosen]
        resolver.nameservers = [dns.nameserver.Do53Nameserver(one.hostname or "", one.port or 53) for one in parted]
    return resolver


def _held(session: Session, org_id: int, by: Actor) -> None:
    memberships.lock(session, org_id)
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.SIGN_IN_MANAGE)
