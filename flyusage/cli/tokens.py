"""`flyusage tokens`: what programs show instead of signing in."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.auth import accounts
from flyusage.auth.errors import UserUnknown
from flyusage.cli import asked, bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.logs import harmless
from flyusage.orgs import api_tokens, app_grants, queries
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import PERMISSIONS

COMMAND = system("command")

app = typer.Typer(help="Make and end API tokens. For whoever runs the installation; members have a page for it.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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

    Example: flyusage tokens create prism --name collector --scope events.write
    """
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
    beyond = [] if role is None else [one for one in made.token.scopes if one not in PERMISSIONS[role]]
    if as_json:
        print_json({**_plain(made.token, names), "org": chosen.slug, "secret": made.secret})
        return
    typer.echo(made.secret)
    typer.echo(f"Token {made.token.id} of {chosen.slug}, until {made.token.expires_at:%Y-%m-%d}. It is not shown again.", err=True)
    if beyond:
        typer.echo(f"As long as its member is a {role}, it does not hold {', '.join(beyond)}.", err=True)


@app.command("list")
def list_tokens(org: Org, as_json: AsJson = False) -> None:
    """The organization's tokens, those that work first. Their secrets are nowhere kept."""
    bootstrap.be_ready()
    chosen = asked.organization(org)
    with db.platform_transaction() as session:
        found = api_tokens.tokens(session, chosen.id)
        people = {one.user_id: one.email for one in queries.members(session, chosen.id)}
        apps = app_grants.app_names(session, chosen.id)
    if as_json:
        print_json([_plain(one, apps) for one in found])
    elif not found:
        typer.echo(f"No token yet. `flyusage tokens create {chosen.slug} --name NAME --scope usage.read` makes one.")
    else:
        titles = ("token", "name", "begins", "of", "scopes", "apps", "state", "expires", "last used")
        print_table(titles, [_row(one, people, apps) for one in found])


@app.command("revoke")
def revoke(
    org: Org, token: Annotated[int, typer.Argument(metavar="TOKEN", help="Its number, as `list` shows it.")], as_json: AsJson = False
) -> None:
    """End a token at once; whoever shows it is refused from then on."""
    bootstrap.be_ready()
    chosen = asked.organization(org)
    with db.platform_transaction() as session:
        ended = api_tokens.revoke(session, chosen.id, token, by=COMMAND)
    if as_json:
        print_json({**vars(ended), "state": ended.state})
    else:
        typer.echo(f"Token {ended.id} ({harmless(ended.name)}) is revoked.")


def _plain(one: api_tokens.Token, apps: dict[int, str]) -> dict[str, object]:
    told = {**vars(one), "state": one.state, "apps": _apps(one, apps)}
    del told["app_ids"]
    return told


def _apps(one: api_tokens.Token, apps: dict[int, str]) -> list[str] | None:
    return None if one.app_ids is None else sorted(apps[each] for each in one.app_ids if each in apps)


def _row(one: api_tokens.Token, people: dict[int, str], apps: dict[int, str]) -> tuple[object, ...]:
    whose = "the organization" if one.user_id is None else people.get(one.user_id, "a former member")
    return (
        str(one.id),
        one.name,
        f"{one.hint}…",
        whose,
        " ".join(one.scopes),
        ", ".join(_apps(one, apps) or ()),
        one.state,
        f"{one.expires_at:%Y-%m-%d}",
        one.used_at,
    )
