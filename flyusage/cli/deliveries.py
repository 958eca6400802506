"""`flyusage deliveries`: messages to endpoints, whether they arrived, and sending them again."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Any, TypeVar

import typer
from sqlmodel import Session

from flyusage import db
from flyusage.alerts import deliveries as sent
from flyusage.alerts import endpoints as reached
from flyusage.alerts.deliveries import Attempt, Delivery
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.output import LAST_ID, print_json, print_table
from flyusage.logs import harmless
from flyusage.orgs.acting import system
from flyusage.pricing.urls import parse_moment

app = typer.Typer(help="See messages to endpoints, test endpoints, send again.", no_args_is_help=True)
BY = system("cli")
MOMENTS = ("created_at", "due_at", "at", "old_secret_until")

Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[int, typer.Argument(min=1, max=LAST_ID, metavar="DELIVERY", help="Its number, as `list` shows it.")]
Told = TypeVar("Told")


@app.command("list")
def list_deliveries(
    org: Org = None, limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 50, as_json: AsJson = False
) -> None:
    """Messages to endpoints, the newest first, each with what came of its last attempt.

    Example: flyusage deliveries list --org demo
    """
    there = remote.of(org)
    if there is not None:
        found = [_read(one) for one in islice(there.pages("/deliveries"), limit)]
    else:
        found = [_delivery(one) for one in _here(org, lambda session, org_id: sent.log(session, org_id, limit=limit))]
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("Nothing was sent to an endpoint yet. `flyusage deliveries test ENDPOINT` sends a test message.")
    else:
        rows = [
            (str(one["id"]), one["created_at"], one["endpoint"], one["type"], one["state"], one["attempts"], _answer(one["last"]))
            for one in found
        ]
        print_table(("delivery", "at", "endpoint", "type", "state", "tries", "last answer"), rows)


@app.command("show")
def show(delivery: Id, org: Org = None, as_json: AsJson = False) -> None:
    """One message: its body as it is sent, and every attempt."""
    there = remote.of(org)
    if there is not None:
        one = _read(there.get(f"/deliveries/{delivery}"))
    else:
        found = _here(org, lambda session, org_id: sent.delivery_of(session, org_id, delivery))
        one = {**_delivery(found), "body": found.body, "tried": [vars(each) for each in found.tried]}
    if as_json:
        print_json(one)
        return
    typer.echo(harmless(f"{one['message']} to {one['endpoint']}: {one['state']}") + f"\n\n{harmless(one['body'])}\n")
    print_table(("try", "at", "ms", "answer"), [(each["number"], each["at"], each["took_ms"], _answer(each)) for each in one["tried"]])


@app.command("replay")
def replay(delivery: Id, org: Org = None) -> None:
    """Send a message once more, under its own id, so that a receiver who has it knows it again."""
    there = remote.of(org)
    if there is not None:
        there.write("POST", f"/deliveries/{delivery}/replay")
    else:
        _here(org, lambda session, org_id: sent.replay(session, org_id, delivery, by=BY))
    typer.echo(f"Delivery {delivery} is sent again. `flyusage deliveries show {delivery}` says what comes of it.")


@app.command("endpoints")
def list_endpoints(org: Org = None, as_json: AsJson = False) -> None:
    """Where messages go beside mail. They are made on the page of alerts, where their secret is shown once."""
    there = remote.of(org)
    if there is not None:
        found = [_read(one) for one in there.get("/endpoints")["data"]]
    else:
        found = [_endpoint(one) for one in _here(org, reached.endpoints)]
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("No endpoint yet. An owner or admin makes one on the page of alerts.")
    else:
        rows = [(str(one["id"]), one["name"], one["kind"], ", ".join(one["topics"]), one["url"]) for one in found]
        print_table(("endpoint", "name", "kind", "hears of", "address"), rows)


@app.command("test")
def try_endpoint(
    endpoint: Annotated[int, typer.Argument(min=1, max=LAST_ID, metavar="ENDPOINT", help="Its number, as `endpoints` shows it.")],
    org: Org = None,
) -> None:
    """Send a test message to an endpoint."""
    there = remote.of(org)
    if there is not None:
        made = there.write("POST", f"/endpoints/{endpoint}/test")["id"]
    else:
        made = _here(org, lambda session, org_id: sent.test(session, org_id, endpoint, by=BY))
    typer.echo(f"Delivery {made} is on its way. `flyusage deliveries show {made}` says what comes of it.")


def _here(org: str | None, ask: Callable[[Session, int], Told]) -> Told:
    bootstrap.be_ready()
    org_id = asked.organization(org).id
    with db.transaction(org_id) as session:
        return ask(session, org_id)


def _delivery(one: Delivery) -> dict[str, Any]:
    kept = ("id", "endpoint", "type", "summary", "state", "created_at", "due_at", "attempts")
    return {**{name: getattr(one, name) for name in kept}, "message": one.message_id, "last": _attempt(one.tried[0] if one.tried else None)}


def _attempt(one: Attempt | None) -> dict[str, Any] | None:
    return None if one is None else dict(vars(one))


def _endpoint(one: reached.Endpoint) -> dict[str, Any]:
    kept = {name: getattr(one, name) for name in ("id", "kind", "name")}
    return {**kept, "topics": list(one.topics), "url": one.shown_url, "created_at": one.created_at, "old_secret_until": one.old_until}


def _read(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the API tells, its moments read."""
    read = {name: parse_moment(value) if name in MOMENTS and value else value for name, value in told.items()}
    read |= {name: _read(value) for name, value in told.items() if name == "last" and value}
    return {**read, **({"tried": [_read(one) for one in told["tried"]]} if "tried" in told else {})}


def _answer(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return ""
    return f"{one['status'] or 'no answer'}: {one['excerpt']}"[:80].replace("\n", " ")
