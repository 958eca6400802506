"""`flyusage orgs`: the organizations of this installation."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.auth import accounts
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import print_json, print_table
from flyusage.orgs import organizations, queries, rules
from flyusage.orgs.acting import system

app = typer.Typer(help="Make and look at organizations.", no_args_is_help=True)


@app.command("create")
def create(
    slug: Annotated[str, typer.Argument(help="Its name in addresses and events: a-z, 0-9 and -.")],
    name: Annotated[str, typer.Option(help="What to call it; default: the slug.")] = "",
    owner: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The account that owns it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make an organization before its first event.

    Example: flyusage orgs create prism --name "Prism Inc." --owner ada@example.com
    """
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        user_id = accounts.known(session, owner).user_id if owner is not None else None
        made = organizations.create(session, slug, name, owner=user_id, by=system("cli"))
        found = next(one for one in queries.directory(session) if one.id == made)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found.slug} is there.")


@app.command("list")
def list_organizations(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every organization, oldest first."""
    there = remote.of(None)
    if there is not None:
        only = there.get("/organization")
        if as_json:
            print_json([only])
        else:
            print_table(("slug", "name", "invented"), [(only["org"], only["name"], only["is_synthetic"])])
        return
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        found = queries.directory(session)
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("No organization yet. `flyusage demo` fills an invented platform; `flyusage ingest FILE` takes real events.")
    else:
        print_table(("slug", "name", "invented"), [(one.slug, one.name, one.is_synthetic) for one in found])


@app.command("show")
def show(
    organization: Annotated[str | None, typer.Argument(metavar="[ORG]", help="Its slug; needed where there are several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """One organization: what it is called, and whether it is invented."""
    there = remote.of(organization)
    if there is not None:
        only = there.get("/organization")
    else:
        bootstrap.be_ready()
        one = asked.organization(organization)
        only = {"org": one.slug, "name": one.name, "is_synthetic": one.is_synthetic}
    if as_json:
        print_json(only)
    else:
        print_table(("slug", "name", "invented"), [(only["org"], only["name"], only["is_synthetic"])])


@app.command("require-second-factor")
def require_second_factor(
    organization: Annotated[str, typer.Argument(metavar="ORG", help="Its slug.")],
    is_off: Annotated[bool, typer.Option("--off", help="Lift the rule.")] = False,
) -> None:
    """Let only members with a second factor see an organization; whoever has none is led to set one up.

    Example: flyusage orgs require-second-factor prism
    """
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        org = queries.organization_by_slug(session, organization)
    with db.transaction(org.id) as session:
        changed = rules.require_second_factor(session, org.id, is_required=not is_off, by=system("cli"))
    state = "asks for no second factor" if is_off else "asks every member for a second factor"
    typer.echo(f"{org.slug} {state}{'' if changed else ' already'}.")
