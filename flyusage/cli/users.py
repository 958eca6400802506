"""`flyusage users`: who can sign in to this installation."""

from typing import Annotated

import sqlalchemy as sa
import typer

from flyusage import clock, db
from flyusage.auth import accounts
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.config import settings
from flyusage.demo import people
from flyusage.orgs import audit, queries
from flyusage.orgs.models import Membership, Role

app = typer.Typer(help="Say who can sign in. As soon as anybody can, everybody must.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create")
def create(
    email: Annotated[str, typer.Argument(help="Their mail address.")],
    owner: Annotated[str | None, typer.Option("--owner", metavar="ORG", help="Make them owner of this organization.")] = None,
    name: Annotated[str, typer.Option(help="What to call them; default: the address's first part.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an account, and print the link by which its password is set (good once, for a day).

    Example: flyusage users create ada@example.com --owner prism
    """
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        made = accounts.create(session, email, name=name, is_verified=True)
        if owner is not None:
            org = queries.organization_by_slug(session, owner)
            people.leave(session, org)
            session.add(Membership(org_id=org.id, user_id=made.user_id, role=Role.OWNER, created_at=clock.now()))
            session.flush()
            audit.record(
                session,
                org.id,
                actor="system:cli",
                action="members.add",
                subject=f"user:{made.user_id}",
                detail={"email": made.email, "role": Role.OWNER},
            )
        link = accounts.link_to_set_password(accounts.new_link(session, made.user_id, "set_password"), settings())
    _tell(made, link, as_json=as_json)


@app.command("link")
def link(email: Annotated[str, typer.Argument(help="Whose password is to be set.")], as_json: AsJson = False) -> None:
    """Print a new link by which an account's password is set; the one before is spent."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        known = accounts.known(session, email)
        made = accounts.link_to_set_password(accounts.new_link(session, known.user_id, "set_password"), settings())
    _tell(known, made, as_json=as_json)


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """Everybody with an account, by address, and where they belong."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        rows = session.execute(sa.text(_USERS)).mappings().all()
    if as_json:
        print_json([dict(row) for row in rows])
        return
    if not rows:
        typer.echo("Nobody can sign in yet. `flyusage users create EMAIL --owner ORG` makes the first account.")
        return
    columns = ("email", "name", "has_password", "memberships")
    print_table(("address", "name", "can sign in", "belongs to"), [[row[column] for column in columns] for row in rows])


def _tell(account: accounts.Account, link: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user_id": account.user_id, "email": account.email, "link": link})
        return
    typer.echo(f"{account.email} sets a password here (good once, for {accounts.LINK_HOURS['set_password']} hours):")
    typer.echo(f"  {link}")


_USERS = """
SELECT u.id AS user_id, u.email, u.name, u.password_hash IS NOT NULL AS has_password,
       coalesce(string_agg(m.role || ' of ' || o.slug, ', ' ORDER BY o.slug), '') AS memberships
FROM user_account u LEFT JOIN membership m ON m.user_id = u.id LEFT JOIN organization o ON o.id = m.org_id
GROUP BY u.id ORDER BY u.email
"""
