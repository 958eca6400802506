"""`flyusage views`: views of the explorer under a name."""

from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.alerts import saved_views
from flyusage.alerts.errors import ViewInvalid
from flyusage.alerts.saved_views import Reader, SavedView
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import LAST_ID, print_json, print_table
from flyusage.logs import harmless
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import Permission
from flyusage.pricing.urls import KEYS

app = typer.Typer(help="Name views of the explorer, and list those that are named.", no_args_is_help=True)
Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OPERATOR = Reader(system("cli"), frozenset(Permission))


@app.command("list")
def list_views(org: Org = None, as_json: AsJson = False) -> None:
    """Those that are shared, and with a member's token their own, by name. `flyusage usage --view NAME` asks one.

    Example: flyusage views list --org demo
    """
    found = known(org)
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo('Nothing is saved yet. Try: flyusage views save "Web this month" range=this-month by=region app=web')
        return
    rows = [
        (
            str(one["id"]), one["name"], " ".join(f"{key}={value}" for key, value in one["query"].items()),
            "everybody" if one["is_shared"] else "its member", "overview" if one["is_pinned"] else "",
        )
        for one in found
    ]  # fmt: skip
    print_table(("id", "view", "shows", "for", "pinned"), rows)


@app.command("save")
def save_view(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    query: Annotated[list[str], typer.Argument(metavar="KEY=VALUE", help="As in the explorer's address: range=this-month by=app app=web.")],
    org: Org = None,
    is_pinned: Annotated[bool, typer.Option("--pin", help="Put it on the overview.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a view for everybody in the organization. A range that has a name moves on with time.

    Example: flyusage views save "Web this month" range=this-month by=region app=web --org demo --pin
    """
    asked_for = _query(query)
    shown = {"is_shared": True, "is_pinned": is_pinned}
    there = remote.of(org)
    if there is not None:
        made = there.write("POST", "/views", {"name": name, "query": asked_for, **shown})
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            made = _plain(saved_views.save(session, org_id, name, asked_for, **shown, reader=OPERATOR))
    if as_json:
        print_json(made)
    else:
        typer.echo(harmless(f"View {made['id']}, {made['name']}, is saved for everybody there."))


@app.command("delete")
def delete_view(
    view_id: Annotated[int, typer.Argument(min=1, max=LAST_ID, help="Its number in `flyusage views list`.")], org: Org = None
) -> None:
    """Forget a shared view, or with a member's token one of their own."""
    there = remote.of(org)
    if there is not None:
        name = there.get(f"/views/{view_id}")["name"]
        there.write("DELETE", f"/views/{view_id}")
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            name = saved_views.delete(session, org_id, view_id, reader=OPERATOR).name
    typer.echo(harmless(f"View {view_id}, {name}, is deleted."))


def known(org: str | None) -> list[dict[str, Any]]:
    """The views that may be asked, from the API where one is set, else the database. Raises as `remote.of`."""
    there = remote.of(org)
    if there is not None:
        return there.get("/views")["data"]
    bootstrap.be_ready()
    org_id = asked.organization(org).id
    with db.transaction(org_id) as session:
        return [_plain(one) for one in saved_views.views(session, org_id, OPERATOR)]


def named(name: str, org: str | None) -> dict[str, Any]:
    """The view of that name, as the API tells it. Raises ViewInvalid where there is none."""
    found = known(org)
    one = next((each for each in found if each["name"] == name), None)
    if one is None:
        names = ", ".join(each["name"] for each in found[:10]) or "none yet"
        raise ViewInvalid(f"There is no saved view called {name[:60]!r}. There are: {names}.")
    return one


def _query(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not value:
            raise ViewInvalid(
                f"{one[:60]!r} is no part of a view. Write it as range=this-month or app=web,api; the words are {', '.join(KEYS)}."
            )
        found[key.strip()] = f"{found[key.strip()]},{value}" if key.strip() in found else value
    return found


def _plain(one: SavedView) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "query": dict(one.query), "scope": one.scope, "is_shared": one.is_shared,
        "is_pinned": one.is_pinned, "is_own": one.is_own, "created_at": one.created_at,
    }  # fmt: skip
