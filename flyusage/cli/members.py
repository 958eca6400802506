"""`flyusage members`: who belongs to an organization, as what."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from sqlmodel import Session

from flyusage import db
from flyusage.alerts import offboarding
from flyusage.auth.letters import send_all
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.ingest import SOME_REFUSED
from flyusage.cli.output import print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.config import settings
from flyusage.invoices import seats
from flyusage.orgs import app_grants, invitations, memberships, queries
from flyusage.orgs.acting import system
from flyusage.orgs.errors import GrantRefused, MemberUnknown
from flyusage.orgs.invitations import Waiting
from flyusage.orgs.models import Role
from flyusage.orgs.queries import OrganizationEntry, Person
from flyusage.pricing.errors import TermsInvalid
from flyusage.pricing.urls import parse_moment

app = typer.Typer(help="Say who belongs to an organization, in which role.", no_args_is_help=True)

CLI = system("cli")
EVERYBODY = 1_000_000
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's slug.")]
Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="Mail addresses.")]
OfApps = Annotated[list[str] | None, typer.Option("--app", metavar="APP", help="An app they see; may be repeated. All of them without.")]
AsRole = Annotated[Role, typer.Option("--role", help="What they are in the organization.")]


@app.command("list")
def list_members(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="The organization's slug; needed where there are several.")] = None,
    find: Annotated[str, typer.Option("--find", help="Part of a name or address; members alone.")] = "",
    role: Annotated[Role | None, typer.Option("--role", help="Only those in this role.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Everybody with their role, by address, and the invitations that wait (of another flyusage: to a token that may read the audit)."""
    there = remote.of(org)
    if there is not None:
        told = _told_there(there, find, role)
    else:
        bootstrap.be_ready()
        with _inside(asked.organization(org).slug) as (session, found):
            people = queries.people(session, found.id, search=find, role=role, limit=EVERYBODY).rows
            waiting = [] if find or role else invitations.waiting(session, found.id)
            apps = app_grants.app_names(session, found.id)
        told = {kind: [_plain(one, apps) for one in rows] for kind, rows in {"members": people, "invitations": waiting}.items()}
    if as_json:
        print_json(told)
        return
    rows = [(one["email"], one["name"], one["role"], ", ".join(one["apps"] or ()), _moment(one["seen_at"])) for one in told["members"]]
    invited = [(one["email"], "", f"{one['role']}, invited", ", ".join(one["apps"] or ()), "") for one in told["invitations"]]
    print_table(("address", "name", "role", "apps", "last seen (UTC)"), [*rows, *invited])


@app.command("invite")
def invite(org: Org, addresses: Addresses, role: AsRole = Role.DEVELOPER, app_name: OfApps = None, as_json: AsJson = False) -> None:
    """Invite addresses by mail; without a mail server their links are printed here. Good once, for 7 days.

    Example: flyusage members invite prism ada@example.com bob@example.com --role developer --app web --app api
    """
    there = remote.of(org)
    if there is not None:
        told = there.write("POST", "/invitations", {"emails": addresses, "role": role, "apps": app_name or None})["data"]
        _say_invited([{**one, "link": None} for one in told], as_json=as_json)
        return
    with _inside(org) as (session, found), seats.kept(session, found.id, by=CLI):
        apps = app_grants.apps_named(session, found.id, app_name) if app_name else None
        made = invitations.invite(session, found.id, addresses, role, by=CLI, apps=apps)
    sent = [one for one in made if one.secret]
    letters = [
        invitations.letter(one, organization=found.name, inviter="Whoever runs this installation", settings=settings()) for one in sent
    ]
    is_mailed = settings().smtp_url is not None
    taken = dict(zip((one.email for one in sent), send_all(letters) if is_mailed else [False] * len(sent), strict=True))
    links = {one.email: letter.link for one, letter in zip(sent, letters, strict=True)}
    told = [
        {"email": one.email, "outcome": one.outcome, "role": one.role, "mailed": taken.get(one.email, False),
         "link": None if is_mailed else links.get(one.email)}
        for one in made
    ]  # fmt: skip
    _say_invited(told, as_json=as_json)


def _say_invited(told: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        print_table(("address", "outcome", "mail"), [(one["email"], one["outcome"], "sent" if one["mailed"] else "") for one in told])
        for one in told:
            if one["link"]:
                typer.echo(f"{one['email']} joins here: {one['link']}")
    if any(one["outcome"] == "invalid" for one in told):
        raise typer.Exit(SOME_REFUSED)


@app.command("role")
def change_role(org: Org, address: Annotated[str, typer.Argument(help="Whose role.")], role: Annotated[Role, typer.Argument()]) -> None:
    """Give a member another role. The last owner keeps theirs; owners are not made or changed through another flyusage."""
    there = remote.of(org)
    if there is not None:
        there.write("PUT", f"/members/{_id_there(there, org, address)}/role", {"role": role})
    else:
        with _inside(org) as (session, found), seats.kept(session, found.id, by=CLI):
            memberships.change_role(session, found.id, _member(session, found, address), role, by=CLI)
    typer.echo(f"{address} is {role} of {org}.")


@app.command("apps")
def grant_apps(
    org: Org,
    address: Annotated[str, typer.Argument(help="Whose apps.")],
    app_name: OfApps = None,
    every: Annotated[bool, typer.Option("--all", help="Every app.")] = False,
) -> None:
    """Limit a developer or viewer to some apps, or let them see all again; open pages and tokens follow at once.

    Example: flyusage members apps prism ada@example.com --app web --app api
    """
    if every == bool(app_name):
        raise GrantRefused("Name the apps, each with --app, or say --all.")
    there = remote.of(org)
    if there is not None:
        there.write("PUT", f"/members/{_id_there(there, org, address)}/apps", {"apps": app_name or None})
    else:
        with _inside(org) as (session, found):
            apps = app_grants.apps_named(session, found.id, app_name) if app_name else None
            memberships.grant_apps(session, found.id, _member(session, found, address), apps, by=CLI)
    typer.echo(f"{address} sees {', '.join(sorted(app_name)) if app_name else 'every app'} of {org}.")


@app.command("remove")
def remove(
    org: Org,
    addresses: Addresses,
    heir: Annotated[
        str | None, typer.Option("--heir", metavar="EMAIL", help="Who gets their budgets' mails and saved views from now on.")
    ] = None,
    is_preview: Annotated[bool, typer.Option("--preview", help="Say what stops, and do nothing.")] = False,
) -> None:
    """Take members out of the organization, all or none; their open pages of it go dark at once.

    Through another flyusage one after the other, and without --preview.
    """
    there = remote.of(org)
    if there is not None:
        _remove_there(there, org, addresses, heir, is_preview=is_preview)
        return
    with _inside(org) as (session, found), seats.kept(session, found.id, by=CLI):
        leaving = {address: _member(session, found, address) for address in addresses}
        if is_preview:
            _preview(session, found, leaving)
            return
        taking_over = None if heir is None else _member(session, found, heir)
        offboarding.hand_over(session, found.id, list(leaving.values()), taking_over, by=CLI)
        memberships.change(session, found.id, dict.fromkeys(leaving.values()), by=CLI)
    typer.echo(f"Removed from {found.slug}: {', '.join(addresses)}.")


def _remove_there(there: Remote, org: str, addresses: Sequence[str], heir: str | None, *, is_preview: bool) -> None:
    if is_preview:
        raise GrantRefused("What stops is told by the page of members, or by --preview on the database itself.")
    leaving = [_id_there(there, org, one) for one in addresses]
    taking_over = "" if heir is None else f"?heir={_id_there(there, org, heir)}"
    for one in leaving:
        there.write("DELETE", f"/members/{one}{taking_over}")
    typer.echo(f"Removed from {org}: {', '.join(addresses)}.")


def _preview(session: Session, org: OrganizationEntry, leaving: Mapping[str, int]) -> None:
    """What stops, a line each."""
    rows: list[tuple[object, ...]] = []
    for address, user_id in leaving.items():
        stops = offboarding.stops(session, org.id, user_id)
        rows += [(address, "token", one.name, f"last used {_moment(one.used_at)}") for one in stops.tokens]
        rows += [(address, "budget", one.plan.name, "its mails to them") for one in stops.budgets]
        rows += [(address, "saved view", name, "deleted without an heir") for name in stops.views]
    if rows:
        print_table(("of", "what stops", "name", ""), rows)
    else:
        typer.echo("Nothing but their membership stops.")


@app.command("seats")
def show_seats(
    org: Org,
    included: Annotated[int | None, typer.Option(help="Include this many seats in the subscription.")] = None,
    price: Annotated[str | None, typer.Option(help="Sell one more at this much a month, in the price book's currency: 10.00")] = None,
    as_json: AsJson = False,
) -> None:
    """Seats used, included and paid; with --included and --price, agree on them. Billing and viewer take none.

    Example: flyusage members seats prism --included 5 --price 10
    """
    there = remote.of(org)
    if there is not None:
        if included is not None or price is not None:
            raise TermsInvalid("Seats are agreed on by whoever runs the installation; another flyusage tells how many are taken.")
        held = there.get("/seats")
        price_there = None if held["price"] is None else Decimal(held["price"]["amount"])
        _say_seats(org, {**{name: held[name] for name in ("used", "included", "paid")}, "price": price_there}, as_json=as_json)
        return
    with _inside(org) as (_, found):
        pass
    if (included is None) != (price is None):
        raise TermsInvalid("Agree on seats with both --included and --price.")
    if included is not None and price is not None:
        with db.platform_transaction() as session:
            db.become(session.connection(), db.PLATFORM_ROLE, str(found.id))
            seats.agree(session, found.id, included, _amount(price), by=CLI)
    with db.transaction(found.id) as session:
        held = seats.held(session, found.id)
    if held is None:
        told = {"used": None, "included": None, "paid": None, "price": None}
    else:
        told = {"used": held.used.total, "included": held.included, "paid": held.paid, "price": held.price}
    _say_seats(found.slug, told, as_json=as_json)


def _say_seats(slug: str, told: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    elif told["used"] is None:
        typer.echo(f"Seats of {slug} are not counted. --included and --price agree on them.")
    else:
        print_table(tuple(told), [tuple(told.values())])


@contextmanager
def _inside(slug: str) -> Iterator[tuple[Session, OrganizationEntry]]:
    """One transaction that sees the organization and no other. Raises OrganizationUnknown."""
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        found = queries.organization_by_slug(session, slug)
    with db.transaction(found.id) as session:
        yield session, found


def _member(session: Session, org: OrganizationEntry, address: str) -> int:
    wanted = address.strip().lower()
    found = next((one for one in queries.people(session, org.id, search=wanted, limit=EVERYBODY).rows if one.email == wanted), None)
    if found is None:
        raise MemberUnknown(f"{address[:100]!r} is nobody's address in {org.slug}. `flyusage members list {org.slug}` names them.")
    return found.user_id


def _told_there(there: Remote, find: str, role: Role | None) -> dict[str, list[dict[str, Any]]]:
    """Members and invitations as `_plain` has those of a database."""
    members = [_user_id_of(one) for one in there.pages("/members", {"find": find, "role": role})]
    waiting: list[dict[str, Any]] = []
    if not (find or role) and "audit.read" in there.get("/token")["permissions"]:
        waiting = there.get("/invitations")["data"]
    return {"members": members, "invitations": waiting}


def _user_id_of(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"user_id": told["id"], **{name: value for name, value in told.items() if name != "id"}}


def _id_there(there: Remote, org: str, address: str) -> int:
    wanted = address.strip().lower()
    found = next((one for one in there.pages("/members", {"find": wanted}) if one["email"] == wanted), None)
    if found is None:
        raise MemberUnknown(f"{address[:100]!r} is nobody's address in {org}. `flyusage members list {org}` names them.")
    return found["id"]


def _plain(one: Person | Waiting, apps: Mapping[int, str]) -> dict[str, Any]:
    told = {**vars(one), "apps": _names(one.app_ids, apps)}
    del told["app_ids"]
    return told


def _names(app_ids: Collection[int] | None, apps: Mapping[int, str]) -> list[str] | None:
    return None if app_ids is None else sorted(apps[one] for one in app_ids if one in apps)


def _amount(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation as error:
        raise TermsInvalid(f"{written[:40]!r} is no amount. Write it like 10.00.") from error


def _moment(at: datetime | str | None) -> str:
    """A moment to the minute, also one that the API wrote."""
    found = parse_moment(at) if isinstance(at, str) else at
    return f"{found:%Y-%m-%d %H:%M}" if found is not None else "never"
