"""`flyusage members`: who belongs to an organization, in which role."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import print_json, print_table
from flyusage.orgs import queries


def members(
    org: Annotated[
        str | None, typer.Option("--org", help="The organization's slug; needed where there are several.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Everybody in an organization, by address."""
    there = remote.of(org)
    if there is not None:
        found = list(there.pages("/members"))
    else:
        bootstrap.be_ready()
        chosen = asked.organization(org)
        with db.platform_transaction() as session:
            found = [{"email": one.email, "name": one.name, "role": one.role} for one in queries.members(session, chosen.id)]
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("Nobody belongs to it yet. `flyusage users create EMAIL --owner ORG` makes its owner.")
    else:
        print_table(("address", "name", "role"), [(one["email"], one["name"], one["role"]) for one in found])
