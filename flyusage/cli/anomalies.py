"""`flyusage anomalies`: what cost more or less than is usual, and why."""

from typing import Annotated

import typer

from flyusage import db
from flyusage.alerts.anomalies import LOOKS_BACK, Found, anomalies, look_for, sentence
from flyusage.cli import bootstrap
from flyusage.cli.output import print_json, print_table
from flyusage.cli.progress import shown
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs.queries import organization_by_slug
from flyusage.periods import DAY


def list_anomalies(
    org: Annotated[str, typer.Option("--org", help="The organization's slug.")],
    everything: Annotated[bool, typer.Option("--all", help="The small ones, too, and more than a handful a day.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Look at what was added up since the worker's last look first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What cost more or less than is usual, the latest day first and by what it came to; at most a handful a day.

    Example: flyusage anomalies --org demo
    """
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, org).id
    if look:
        _look(org_id)
    with db.transaction(org_id) as session:
        found = anomalies(session, org_id, limit=1000, all_of_them=everything)
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    if not found:
        typer.echo(f"Nothing of {org} was out of the ordinary in the last month, or it has less than four weeks of history.")
        return
    rows = [
        (
            f"{one.since:%Y-%m-%d %H:%M}", f"{one.until:%Y-%m-%d %H:%M}" if one.is_over else "goes on", one.where,
            ("+" if one.is_rise else "−") + format_minor(abs(one.difference_minor), CURRENCIES[one.currency]), one.cause.words(with_names=True),
        )
        for one in found
    ]  # fmt: skip
    print_table(("since (UTC)", "until", "where", "against usual", "why"), rows)


def _look(org_id: int) -> None:
    with shown("Looking") as report:
        is_more, days = True, 0
        while is_more:
            with db.transaction(org_id) as session:
                is_more = look_for(session, org_id, days=1)
            days += 1
            report(min(1.0, days / (LOOKS_BACK / DAY)), f"{days} days")


def _as_json(one: Found) -> dict[str, object]:
    return {
        "id": one.id, "app": one.app or None, "region": one.region or None, "is_traffic": one.is_traffic, "is_rise": one.is_rise,
        "since": one.since, "until": one.until, "is_over": one.is_over, "difference_minor": one.difference_minor,
        "expected_minor": one.expected_minor, "currency": one.currency, "sentence": sentence(one), "cause": one.cause.plain(),
    }  # fmt: skip
