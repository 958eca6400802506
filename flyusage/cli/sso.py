"""`flyusage sso`: an organization's single sign-on, for whoever runs the installation."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.auth import accounts
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.orgs import queries
from flyusage.orgs.acting import system
from flyusage.orgs.queries import OrganizationEntry
from flyusage.orgs.sso import connections, domains, people
from flyusage.orgs.sso.errors import SsoInvalid

app = typer.Typer(
    help="Look at an organization's single sign-on, and open a door for who is locked out. Owners set it up on its page.",
    no_args_is_help=True,
)

CLI = system("cli")
Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's slug.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("show")
def show(org: Org, as_json: AsJson = False) -> None:
    """The provider, the domains and the groups; never the client's secret."""
    found = _organization(org)
    with db.transaction(found.id) as session:
        held = connections.connection(session, found.id)
        claimed, mapped = domains.domains(session, found.id), connections.groups(session, found.id)
    if as_json:
        told = [{"domain": one.domain, "verified_at": one.verified_at, "record": one.record, "text": one.text} for one in claimed]
        print_json({"connection": held, "domains": told, "groups": mapped})
        return
    if held is None:
        typer.echo(f"{found.slug} has no single sign-on. An owner sets it up on the page /orgs/{found.slug}/sso.")
    else:
        rows = [
            ("issuer", held.issuer),
            ("client id", held.client_id),
            ("who was not invited", held.default_role or "is not let in"),
            ("rule", "everybody of the domains must" if held.is_enforced else "passwords are let in too"),
            ("state", "switched off by an operator" if held.is_off else "on"),
            ("last worked", held.worked_at or "never, as it is set up now"),
        ]
        print_table(("what", "value"), rows)
    if claimed:
        print_table(
            ("domain", "verified", "record", "text"), [(one.domain, one.verified_at or "no", one.record, one.text) for one in claimed]
        )
    if mapped:
        print_table(("group", "role"), list(mapped.items()))


@app.command("disable")
def disable(org: Org) -> None:
    """Switch it off, rule and all, until `enable`: passwords are let in, and who came by the provider is signed out."""
    found = _organization(org)
    with db.platform_transaction() as session:
        was_on = connections.switch(session, found.id, is_off=True, by=CLI)
    typer.echo(f"Single sign-on of {found.slug} is off." if was_on else f"{found.slug} has none that is on.")


@app.command("enable")
def enable(org: Org) -> None:
    """Switch it on again, as it was set up."""
    found = _organization(org)
    with db.platform_transaction() as session:
        was_off = connections.switch(session, found.id, is_off=False, by=CLI)
    typer.echo(f"Single sign-on of {found.slug} is on." if was_off else f"{found.slug} has none that is off.")


@app.command("unlink")
def unlink(org: Org, address: Annotated[str, typer.Argument(help="Whose link to undo.")]) -> None:
    """Forget who an account is at the provider: whoever signs in there with its address next is linked anew.

    For an address that the provider gave to a new entry of the same person. Make sure that it is the same person.
    """
    found = _organization(org)
    with db.platform_transaction() as session:
        known = accounts.known(session, address)
        if not people.unlink(session, found.id, known.user_id, by=CLI.name):
            raise SsoInvalid(f"{known.email} has not come by the provider of {found.slug}.")
    typer.echo(f"{known.email} is linked to nobody at the provider of {found.slug}.")


def _organization(slug: str) -> OrganizationEntry:
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        return queries.organization_by_slug(session, slug)
