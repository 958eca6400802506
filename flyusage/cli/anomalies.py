"""`flyusage anomalies`: what cost more or less than is usual, and why."""

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer

from flyusage import clock, db
from flyusage.alerts.anomalies import LOOKS_BACK, Found, anomalies, look_for, sentence
from flyusage.cli import asked, bootstrap, remote
from flyusage.cli.invoices_there import minor
from flyusage.cli.output import print_json, print_table
from flyusage.cli.progress import shown
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import DAY, Period
from flyusage.pricing.urls import parse_moment

MOST = 1000


def list_anomalies(
    org: Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The small ones, too, and more than a handful a day.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Look at what was added up since the worker's last look first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What cost more or less than is usual, the latest day first and by what it came to; at most a handful a day.

    Example: flyusage anomalies --org demo
    """
    there = remote.of(org)
    if there is not None:
        if look:
            raise typer.BadParameter("--look is for the database; another flyusage looks by itself.")
        asked_there = {"days": LOOKS_BACK // DAY, "all": "true" if everything else None}
        found = [_there(one) for one in islice(there.pages("/anomalies", asked_there), MOST)]
    else:
        found = [_here(one) for one in _of_database(org, everything=everything, look=look)]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("Nothing was out of the ordinary in the last month, or there are less than four weeks of history.")
        return
    rows = [
        (
            f"{one['since']:%Y-%m-%d %H:%M}", f"{one['until']:%Y-%m-%d %H:%M}" if one["is_over"] else "goes on", _where(one),
            ("+" if one["is_rise"] else "−") + format_minor(abs(one["difference_minor"]), CURRENCIES[one["currency"]]), one["why"],
        )
        for one in found
    ]  # fmt: skip
    print_table(("since (UTC)", "until", "where", "against usual", "why"), rows)


def _of_database(org: str | None, *, everything: bool, look: bool) -> list[Found]:
    bootstrap.be_ready()
    org_id = asked.organization(org).id
    if look:
        _look(org_id)
    now = clock.now()
    with db.transaction(org_id) as session:
        return anomalies(session, org_id, Period(now - LOOKS_BACK, now), limit=MOST, all_of_them=everything)


def _look(org_id: int) -> None:
    with shown("Looking") as report:
        is_more, days = True, 0
        while is_more:
            with db.transaction(org_id) as session:
                is_more = look_for(session, org_id, days=1)
            days += 1
            report(min(1.0, days / (LOOKS_BACK / DAY)), f"{days} days")


def _where(one: Mapping[str, Any]) -> str:
    place = f"{one['app'] or 'everything'} {'in ' + one['region'] if one['region'] else 'everywhere'}"
    return place + (", traffic" if one["is_traffic"] else "")


def _here(one: Found) -> dict[str, Any]:
    return {
        "id": one.id, "app": one.app or None, "region": one.region or None, "is_traffic": one.is_traffic, "is_rise": one.is_rise,
        "since": one.since, "until": one.until, "is_over": one.is_over, "difference_minor": one.difference_minor,
        "expected_minor": one.expected_minor, "currency": one.currency, "sentence": sentence(one), "cause": one.cause.plain(),
        "why": one.cause.words(with_names=True),
    }  # fmt: skip


def _there(one: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the API tells it."""
    kept = {name: one[name] for name in ("id", "app", "region", "is_traffic", "is_rise")}
    return {
        **kept, "since": parse_moment(one["since"]), "until": parse_moment(one["until"]), "is_over": one["is_over"],
        "difference_minor": minor(one["difference"]), "expected_minor": minor(one["expected"]), "currency": one["difference"]["currency"],
        "sentence": one["says"], "cause": one["cause"], "why": one["why"],
    }  # fmt: skip
