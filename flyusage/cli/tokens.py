"""`flyusage tokens`: what programs show instead of signing in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.auth import accounts
from flyusage.auth.errors import UserUnknown
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import LAST_ID, print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.logs import harmless
from flyusage.orgs import api_tokens, app_grants, queries
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import PERMISSIONS
from flyusage.pricing.urls import parse_moment

COMMAND = system("command")
MOMENTS = ("created_at", "expires_at", "used_at", "revoked_at")

app = typer.Typer(help="Make and end API tokens.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class _Listed:
    """A token with the names of what it is of: a member's address (None: the organization's own), apps (None: all)."""

    token: api_tokens.Token
    of: str | None
    apps: list[str] | None


@app.command("create")
def create(
    org: Org,
    name: Annotated[str, typer.Option("--name", help="What it is for, such as `ci`.")],
    scope: Annotated[list[str], typer.Option("--scope", help="What it may do, such as usage.read; may be repeated.")],
    user: Annotated[
        str | None, typer.Option("--user", metavar="EMAIL", help="The member whose it is; the organization's own without.")
    ] = None,
    days: Annotated[int, typer.Option("--days", help="How long it lasts.")] = api_tokens.DEFAULT_DAYS,
    app_name: Annotated[
        list[str] | None, typer.Option("--app", metavar="APP", help="An app that it is for; may be repeated. All of them without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print its secret: the only time that it is seen.

    Another flyusage makes one of your own, with less than the token that asks, and ends it with that one.

    Example: flyusage tokens create prism --name collector --scope events.write
    """
    there = remote.of(org)
    if there is not None:
        _create_there(there, org, {"name": name, "scopes": scope, "days": days, "apps": app_name}, user, as_json=as_json)
        return
    bootstrap.be_ready()
    chosen = asked.organization(org)
    with db.platform_transaction() as session:
        user_id = None if user is None else accounts.known(session, user).user_id
        role = None if user_id is None else queries.role_of(session, chosen.id, user_id)
        if user_id is not None and role is None:
            raise UserUnknown(f"{harmless(user or '')} is no member of {chosen.slug}. Leave --user out for a token of the organization.")
        apps = app_grants.apps_named(session, chosen.id, app_name) if app_name else None
        names = app_grants.app_names(session, chosen.id)
        made = api_tokens.create(session, chosen.id, name=name, scopes=scope, by=COMMAND, user_id=user_id, days=days, apps=apps)
    one = _Listed(made.token, user, _apps(made.token, names))
    beyond = [] if role is None else [one for one in made.token.scopes if one not in PERMISSIONS[role]]
    _tell_secret(one, chosen.slug, made.secret, as_json=as_json)
    if beyond and not as_json:
        typer.echo(f"As long as its member is a {role}, it does not hold {', '.join(beyond)}.", err=True)


@app.command("list")
def list_tokens(org: Org, as_json: AsJson = False) -> None:
    """The organization's tokens, those that work first. Their secrets are nowhere kept."""
    there = remote.of(org)
    if there is not None:
        found = [_listed_there(one) for one in there.get("/tokens")["data"]]
    else:
        bootstrap.be_ready()
        chosen = asked.organization(org)
        with db.platform_transaction() as session:
            people = {one.user_id: one.email for one in queries.members(session, chosen.id)}
            apps = app_grants.app_names(session, chosen.id)
            held = api_tokens.tokens(session, chosen.id)
            found = [_Listed(one, None if one.user_id is None else people.get(one.user_id), _apps(one, apps)) for one in held]
    if as_json:
        print_json([_plain(one) for one in found])
    elif not found:
        typer.echo(f"No token yet. `flyusage tokens create {harmless(org)} --name NAME --scope usage.read` makes one.")
    else:
        print_table(("token", "name", "begins", "of", "scopes", "apps", "state", "expires", "last used"), [_row(one) for one in found])


@app.command("revoke")
def revoke(
    org: Org,
    token: Annotated[int, typer.Argument(min=1, max=LAST_ID, metavar="TOKEN", help="Its number, as `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """End a token at once, and those that were made with it; whoever shows one is refused from then on."""
    there = remote.of(org)
    if there is not None:
        ended = _listed_there(there.write("DELETE", f"/tokens/{token}")).token
    else:
        bootstrap.be_ready()
        chosen = asked.organization(org)
        with db.platform_transaction() as session:
            ended = api_tokens.revoke(session, chosen.id, token, by=COMMAND)
    if as_json:
        print_json({**vars(ended), "state": ended.state})
    else:
        typer.echo(f"Token {ended.id} ({harmless(ended.name)}) is revoked.")


def _create_there(there: Remote, org: str, wanted: dict[str, Any], user: str | None, *, as_json: bool) -> None:
    if user is not None:
        raise UserUnknown("Another flyusage makes tokens of the member whose token asks. Leave --user out.")
    told = there.write("POST", "/tokens", wanted)
    _tell_secret(_listed_there(told), org, told["secret"], as_json=as_json)


def _tell_secret(one: _Listed, slug: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**_plain(one), "org": slug, "secret": secret})
        return
    typer.echo(secret)
    typer.echo(f"Token {one.token.id} of {harmless(slug)}, until {one.token.expires_at:%Y-%m-%d}. It is not shown again.", err=True)


def _listed_there(told: Mapping[str, Any]) -> _Listed:
    """A token as the API tells it."""
    kept = {name: told[name] for name in ("id", "name", "user_id", "created_by")}
    moments: dict[str, Any] = {name: parse_moment(told[name]) if told[name] else None for name in MOMENTS}
    one = api_tokens.Token(hint=told["begins"], scopes=tuple(told["scopes"]), **kept, **moments)
    return _Listed(one, told["of"], told["apps"])


def _plain(one: _Listed) -> dict[str, object]:
    told = {**vars(one.token), "state": one.token.state, "apps": one.apps}
    del told["app_ids"]
    return told


def _apps(one: api_tokens.Token, apps: dict[int, str]) -> list[str] | None:
    return None if one.app_ids is None else sorted(apps[each] for each in one.app_ids if each in apps)


def _row(listed: _Listed) -> tuple[object, ...]:
    one = listed.token
    whose = "the organization" if one.user_id is None else listed.of or "a former member"
    return (
        str(one.id),
        one.name,
        f"{one.hint}…",
        whose,
        " ".join(one.scopes),
        ", ".join(listed.apps or ()),
        one.state,
        f"{one.expires_at:%Y-%m-%d}",
        one.used_at,
    )
