"""A budget on a trace's own events: told when they have cost that much, by a plain sum over them, and neither before nor twice."""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from billing_world import BY
from conftest import PUBLIC_TRACE

from flyusage import clock, db
from flyusage.alerts import budgets, telling
from flyusage.alerts.budgets import Plan
from flyusage.demo.trace import convert
from flyusage.metering import rollups
from flyusage.metering.ingest import Ingest
from flyusage.orgs.queries import organization_by_slug

FACTS = Path(__file__).parents[2] / "flyusage"
MADE = Path(__file__).parents[1] / "demo" / "fixtures" / "made_trace.csv"
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
THIRTY_DAYS = 2_592_000
PERCENT = 80


def facts(feature: str, name: str) -> list[dict[str, str]]:
    with (FACTS / feature / "facts" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def changes_of_rate(lines: Sequence[bytes]) -> Iterator[tuple[datetime, Fraction]]:
    """By how many dollars a second the bill runs faster, from when on: what runs is counted event by event."""
    prices = {(row["sku"], row["scope"]): Fraction(row["usd"]) for row in facts("pricing", "prices.csv")}
    preset = {row["name"]: int(row["memory_mb_default"]) for row in facts("metering", "vm_sizes.csv")}
    running: dict[str, Fraction] = {}
    for line in lines:
        event = json.loads(line)
        at, data, subject = datetime.fromisoformat(event["time"]), event["data"], event["subject"]
        if event["type"] == "flyusage.machine.started":
            extra_gb = Fraction(max(0, data["memory_mb"] - preset[data["vm_size"]]), 1024)
            size, region = data["vm_size"], data["region"]
            running[subject] = prices[f"machine.{size}", region] + extra_gb * prices["machine.extra_ram", region]
            yield at, running[subject]
        elif event["type"] == "flyusage.volume.created":
            running[subject] = data["gb"] * prices["volume", "global"] / THIRTY_DAYS
            yield at, running[subject]
        elif subject in running:
            yield at, -running.pop(subject)


def reached_at(lines: Sequence[bytes], dollars: Fraction) -> datetime:
    """The first whole second at which October has cost `dollars`."""
    rate, spent, since = Fraction(0), Fraction(0), OCTOBER
    for at, change in changes_of_rate(lines):
        until = max(at, OCTOBER)
        grown = rate * int((until - since).total_seconds())
        if rate and spent + grown >= dollars:
            break
        rate, spent, since = rate + change, spent + grown, until
    return since + timedelta(seconds=-(-(dollars - spent) // rate))


def is_told_at_its_event(trace: Path, dollars: int, beside: timedelta) -> None:
    lines = list(convert(trace))
    due = reached_at(lines, Fraction(dollars * PERCENT, 100))
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in lines]
    taken, told, org_id = 0, [], 0
    for now in (due - timedelta(days=1), due - beside, due + beside, due + beside, due + timedelta(days=1)):
        with clock.freeze(now):
            come = sum(at <= now for at in times)
            Ingest().run(lines[taken:come], name=f"until {now}")
            taken = come
            if not org_id:
                with db.lookup_transaction() as session:
                    org_id = organization_by_slug(session, "prism").id
                with db.transaction(org_id) as session:
                    budgets.create(session, org_id, Plan("All", dollars * 100, percents=(PERCENT,), forecast_percents=()), by=BY)
            rollups.catch_up(org_id)
            with db.transaction(org_id) as session:
                telling.note_reached(session, org_id)
                told.append([(one.reached_at, one.basis, one.percent) for one in telling.alerts(session, org_id)])
    assert told == [[], [], *[[(due + beside, "spent", PERCENT)]] * 3]


@pytest.mark.usefixtures("database")
def test_a_budget_on_a_small_trace_is_told_at_the_event_that_reaches_it() -> None:
    is_told_at_its_event(MADE, 500, timedelta(hours=1))


@pytest.mark.real_trace
@pytest.mark.usefixtures("database")
def test_a_budget_on_the_public_trace_is_told_within_seconds_of_what_reaches_it() -> None:
    """October costs $2,944,682.80 in all, a dollar a second: five seconds are more than a budget's rounding to cents."""
    is_told_at_its_event(PUBLIC_TRACE / "dlrm_trace_2025.csv", 2_000_000, timedelta(seconds=5))
