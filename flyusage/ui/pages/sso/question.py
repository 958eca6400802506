"""What the page of single sign-on asks the database and the provider, and does there. Blocks; call it off the event loop."""

from flyusage import clock, db
from flyusage.auth import providers, throttle
from flyusage.orgs import queries
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.memberships import role_named
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import Person
from flyusage.orgs.sso import connections, domains, flows
from flyusage.orgs.sso.connections import Connection, Wanted
from flyusage.orgs.sso.domains import Domain
from flyusage.orgs.sso.errors import SsoInvalid
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.sso.rows import DomainRow, Fact, GroupRow, OwnerChoice, Screen, Setup, Tested
from flyusage.ui.session import OpenOrganization, open_organization
from flyusage.ui.single_sign_on import redirect_uri

MOST_OWNERS = 100
LONGEST_ID = 9  # digits, of what its column holds
LOOKS = throttle.Limit(60, 60 * 60)  # at providers and domains, by organization


def ask(slug: str, tested: str) -> Screen | None:
    """The page; None where there is no such organization. `tested` names a test that just came back. Raises NotPermitted."""
    org = open_organization(slug, Permission.SIGN_IN_MANAGE)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        held = connections.connection(session, org.id)
        claimed = domains.domains(session, org.id)
        mapped = connections.groups(session, org.id)
        owners = queries.people(session, org.id, role=Role.OWNER, limit=MOST_OWNERS).rows
    keeps = held.break_glass_user_id if held else None
    named = next((one for one in owners if one.user_id == keeps), None)
    return Screen(
        slug=org.slug,
        redirect_uri=redirect_uri(),
        setup=_setup(held),
        is_off=held is not None and held.is_off,
        worked=_worked(held),
        domains=[_domain(one) for one in claimed],
        groups=[GroupRow(visible(name), role.value) for name, role in mapped.items()],
        owners=[OwnerChoice(str(one.user_id), f"{visible(one.name)} ({visible(one.email)})") for one in owners if one.has_second_factor],
        break_glass=str(keeps or ""),
        break_glass_name=visible(named.name) if named else "",
        is_enforced=held is not None and held.is_enforced,
        missing=_missing(held, claimed, named),
        says_enforce=_says(claimed, named),
        tested=_tested(org, tested),
    )


def save(slug: str, wanted: Wanted) -> None:
    """Keep the provider, once it answered as one. Raises as `connections.save`, ProviderUnreachable, TooManyAttempts."""
    org = _open(slug)
    _count(org)
    providers.discover(providers.normal_issuer(wanted.issuer), anew=True)
    with db.platform_transaction() as session:
        connections.save(session, org.id, wanted, by=org.by)


def remove(slug: str) -> None:
    """Raises as `connections.remove`."""
    org = _open(slug)
    with db.platform_transaction() as session:
        connections.remove(session, org.id, by=org.by)


def claim(slug: str, written: str) -> None:
    """Raises as `domains.claim`."""
    org = _open(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        domains.claim(session, org.id, written, by=org.by)


def check(slug: str, domain: str) -> bool:
    """Whether the domain's DNS proves it. Raises as `domains.check`, DomainUnproved and TooManyAttempts."""
    org = _open(slug)
    _count(org)
    with db.transaction(org.id, apps=org.apps) as session:
        found = next((one for one in domains.domains(session, org.id) if one.domain == domain), None)
    is_proved = domains.check(org.id, domain, by=org.by)
    if found is not None:
        domains.require_proved(is_proved, found)
    return is_proved


def give_up(slug: str, domain: str) -> None:
    """Raises as `domains.give_up`."""
    org = _open(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        domains.give_up(session, org.id, domain, by=org.by)


def map_group(slug: str, name: str, role: str) -> None:
    """Raises as `connections.map_group`, and RoleUnknown."""
    org = _open(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        connections.map_group(session, org.id, name.replace("\0", ""), role_named(role), by=org.by)


def unmap_group(slug: str, name: str) -> None:
    """Raises as `connections.unmap_group`."""
    org = _open(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        connections.unmap_group(session, org.id, name, by=org.by)


def name_break_glass(slug: str, user_id: str) -> None:
    """Raises as `connections.name_break_glass`."""
    org = _open(slug)
    if user_id and not (user_id.isdecimal() and len(user_id) <= LONGEST_ID):
        raise SsoInvalid("Choose one of the owners.")
    with db.transaction(org.id, apps=org.apps) as session:
        connections.name_break_glass(session, org.id, int(user_id) if user_id else None, by=org.by)


def enforce(slug: str) -> int:
    """How many browsers it signed out. Raises as `connections.enforce`."""
    org = _open(slug)
    with db.platform_transaction() as session:
        return connections.enforce(session, org.id, by=org.by)


def release(slug: str) -> None:
    """Raises as `connections.release`."""
    org = _open(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        connections.release(session, org.id, by=org.by)


def _open(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.SIGN_IN_MANAGE)
    if org is None:
        raise OrganizationUnknown("There is no organization under this address, or you no longer belong to it.")
    return org


def _count(org: OpenOrganization) -> None:
    with db.platform_transaction() as session:
        throttle.count(session, "sso-looks", str(org.id), LOOKS)


def _setup(held: Connection | None) -> Setup:
    if held is None:
        return Setup()
    return Setup(True, held.issuer, held.client_id, held.groups_claim, held.factor_acr, held.default_role or "")


def _worked(held: Connection | None) -> str:
    if held is None or held.worked_at is None:
        return "Nobody has come through yet as it is set up now."
    return f"Somebody came through {present.ago_text(held.worked_at, clock.now())}."


def _domain(one: Domain) -> DomainRow:
    now = clock.now()
    if one.verified_at is not None:
        state, tone = f"verified {present.ago_text(one.verified_at, now)}", "good"
    elif one.checked_at is not None:
        state, tone = f"not proved when looked up {present.ago_text(one.checked_at, now)}", "quiet"
    else:
        state, tone = "waits for its record", "quiet"
    return DomainRow(one.domain, state, tone, one.record, one.text, one.verified_at is not None)


def _missing(held: Connection | None, claimed: list[Domain], keeps: Person | None) -> str:
    wanting = [
        said
        for is_there, said in (
            (held is not None, "set up the provider"),
            (any(one.verified_at for one in claimed), "verify a domain"),
            (held is not None and held.worked_at is not None, "try it once as it is set up now"),
            (keeps is not None and keeps.has_second_factor, "have an owner name one with a second factor who may still use a password"),
        )
        if not is_there
    ]
    return f"Before that: {', '.join(wanting)}." if wanting else ""


def _says(claimed: list[Domain], keeps: Person | None) -> str:
    verified = ", ".join(one.domain for one in claimed if one.verified_at)
    who = visible(keeps.name) if keeps else "nobody"
    return (
        f"Whoever has an address of {verified} signs in by your provider from now on, whatever else they belong to here. Everybody of them "
        f"who signed in by a password is signed out at once, you among them, but {who}, who may go on using password and second factor."
    )


def _tested(org: OpenOrganization, state: str) -> Tested:
    if not state or org.by.user_id is None:
        return Tested()
    with db.platform_transaction() as session:
        told = flows.told(session, state, "test", started_by=org.by.user_id)
    if not told:
        return Tested()
    if "problem" in told:
        return Tested(visible(str(told["problem"])))
    factor = "yes" if told["has_factor"] else "not said: members need one of their own where the organization asks for it"
    facts = [
        ("Issuer", told["issuer"]),
        ("Subject", told["subject"]),
        ("Address", f"{told['email'] or 'none'}{', verified' if told['is_verified'] else ', not verified'}"),
        ("Name", told["name"] or "none"),
        ("Groups", ", ".join(told["groups"]) or "none"),
        ("How they signed in", f"amr {' '.join(told['amr']) or 'none'}; acr {told['acr'] or 'none'}"),
        ("Second factor", factor),
    ]
    shown = [Fact(name, visible(str(value))) for name, value in facts]
    if "refusal" in told:
        return Tested(f"The provider answered, and would not have let them in: {visible(str(told['refusal']))}", facts=shown)
    came = "join as" if told["is_new"] else "come in as"
    return Tested(f"It works: they would {came} {told['role']}. Nobody was signed in by this.", is_good=True, facts=shown)
