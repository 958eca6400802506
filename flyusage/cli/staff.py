"""`flyusage staff`: who has a role in the whole installation."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.orgs import staff
from flyusage.orgs.acting import system
from flyusage.orgs.models import StaffRole

app = typer.Typer(help="Grant and take back roles in the whole installation. Both are logged.", no_args_is_help=True)

BY = system("command")

Email = Annotated[str, typer.Argument(help="The account's address.", show_default=False)]
Role = Annotated[
    StaffRole, typer.Argument(help="support reads and answers, billing also prices and closes, operator reads.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("grant")
def grant(email: Email, role: Role) -> None:
    """Give an account a role; a repetition changes nothing."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        is_new = staff.grant(session, email, role, by=BY)
    typer.echo(f"{email} is {role} now." if is_new else f"{email} was {role} already.")


@app.command("revoke")
def revoke(email: Email, role: Role) -> None:
    """Take a role back."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        staff.revoke(session, email, role, by=BY)
    typer.echo(f"{email} is no longer {role}.")


@app.command("list")
def list_staff(
    log: Annotated[bool, typer.Option("--log", help="Who granted and took back what, newest first, instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Everybody with a role."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        members, entries = staff.staff_members(session), staff.staff_log(session)
    if as_json:
        print_json(entries if log else members)
    elif log and entries:
        rows = [(one.at, one.actor, one.action, one.detail["email"], one.detail["role"]) for one in entries]
        print_table(("at", "by", "what", "who", "role"), rows)
    elif members and not log:
        print_table(("who", "role", "since", "by"), [(one.email, one.role.value, one.granted_at, one.granted_by) for one in members])
    else:
        typer.echo("Nobody yet. `flyusage staff grant EMAIL billing` gives an account a role.")
