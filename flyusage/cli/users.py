"""`flyusage users`: who can sign in to this installation."""

from typing import Annotated

import sqlalchemy as sa
import typer
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import accounts, halfway, second_factor, sessions
from flyusage.cli import bootstrap
from flyusage.cli.output import agreed, print_json, print_table
from flyusage.config import settings
from flyusage.demo import people
from flyusage.orgs import audit, queries
from flyusage.orgs.errors import OrganizationUnknown
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
            org = _organization(session, owner)
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


def _organization(session: Session, slug: str) -> queries.OrganizationEntry:
    """The one to own. Raises OrganizationUnknown, which says how to begin one: an installation's first has no event yet."""
    try:
        return queries.organization_by_slug(session, slug)
    except OrganizationUnknown as error:
        raise OrganizationUnknown(f"{error.sentence} `flyusage orgs create` begins another: do that first, then this again.") from None


@app.command("link")
def link(email: Annotated[str, typer.Argument(help="Whose password is to be set.")], as_json: AsJson = False) -> None:
    """Print a new link by which an account's password is set; the one before is spent."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        known = accounts.known(session, email)
        made = accounts.link_to_set_password(accounts.new_link(session, known.user_id, "set_password"), settings())
    _tell(known, made, as_json=as_json)


@app.command("reset-second-factor")
def reset_second_factor(
    email: Annotated[str, typer.Argument(help="Who has lost the app and the recovery codes. Make sure that it is them who ask.")],
) -> None:
    """Switch an account's second factor off and sign it out everywhere; it is told in the audit of its organizations."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        account = accounts.known(session, email)
        was_on = second_factor.is_on(session, account.user_id)
        second_factor.switch_off(session, account.user_id)
        halfway.end_all(session, account.user_id)
        sessions.end_all(session, account.user_id)
        if was_on:
            audit.record_of_person(session, account.user_id, actor="system:cli", action="second_factor.disable")
    typer.echo(f"{account.email} signs in by the password alone now." if was_on else f"{account.email} had no second factor.")


@app.command("sign-out")
def sign_out(email: Annotated[str, typer.Argument(help="Who is to be signed out.")]) -> None:
    """End all sessions of an account; its open pages go dark at once."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        account = accounts.known(session, email)
        halfway.end_all(session, account.user_id)
        ended = sessions.end_all(session, account.user_id)
        if ended:
            audit.record_of_person(session, account.user_id, actor="system:cli", action="session.end_all", detail={"browsers": ended})
    typer.echo(f"{account.email} is signed out in {ended} {'browser' if ended == 1 else 'browsers'}.")


@app.command("disable")
def disable(
    email: Annotated[str, typer.Argument(help="Whose account nobody may sign in to any more.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let nobody sign in to an account: its sessions end at once, its API tokens are refused, its monthly and anomaly mails stop.

    Memberships, invoices and what the person made stay as they are. `flyusage users enable` undoes it.
    Example: flyusage users disable ada@example.com
    """
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        account = accounts.known(session, email)
        left = session.scalars(sa.text(_LEFT_ALONE), {"user": account.user_id}).all()
    for slug in left:
        typer.echo(
            f"{account.email} is the only owner of {slug} who can sign in. `flyusage members role {slug} ADDRESS owner` makes another."
        )
    if not yes:
        agreed(f"Disable {account.email}: end its sessions and refuse its API tokens?")
    with db.platform_transaction() as session:
        was_disabled = accounts.is_disabled(session, account.user_id)
        ended = accounts.disable(session, account.user_id)
        if not was_disabled:
            detail = {"browsers": ended}
            audit.record_of_person(session, account.user_id, actor="system:cli", action="account.disable", detail=detail)
    browsers = f"{ended} {'browser' if ended == 1 else 'browsers'}"
    typer.echo(f"{account.email} was disabled already." if was_disabled else f"{account.email} is disabled, and signed out in {browsers}.")


@app.command("enable")
def enable(email: Annotated[str, typer.Argument(help="Whose account may be signed in to again.")]) -> None:
    """Undo `flyusage users disable`: password, second factor, memberships and API tokens are as they were."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        account = accounts.known(session, email)
        is_new = accounts.enable(session, account.user_id)
        if is_new:
            audit.record_of_person(session, account.user_id, actor="system:cli", action="account.enable")
    typer.echo(f"{account.email} can sign in again." if is_new else f"{account.email} was not disabled.")


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
    table = [[row["email"], row["name"], "disabled" if row["is_disabled"] else row["has_password"], row["memberships"]] for row in rows]
    print_table(("address", "name", "can sign in", "belongs to"), table)


def _tell(account: accounts.Account, link: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user_id": account.user_id, "email": account.email, "link": link})
        return
    typer.echo(f"{account.email} sets a password here (good once, for {accounts.LINK_HOURS['set_password']} hours):")
    typer.echo(f"  {link}")


_USERS = """
SELECT u.id AS user_id, u.email, u.name, u.password_hash IS NOT NULL AS has_password, u.disabled_at IS NOT NULL AS is_disabled,
       coalesce(string_agg(m.role || ' of ' || o.slug, ', ' ORDER BY o.slug), '') AS memberships
FROM user_account u LEFT JOIN membership m ON m.user_id = u.id LEFT JOIN organization o ON o.id = m.org_id
GROUP BY u.id ORDER BY u.email
"""
_LEFT_ALONE = """
SELECT o.slug FROM membership m JOIN organization o ON o.id = m.org_id
WHERE m.user_id = :user AND m.role = 'owner' AND o.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM membership x WHERE x.org_id = m.org_id AND x.role = 'owner' AND x.user_id <> :user AND NOT is_disabled(x.user_id))
ORDER BY o.slug
"""
