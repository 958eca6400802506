"""From a trace's events to October 2026 in money: the product's totals against a plain sum over the events, in fractions."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import PUBLIC_TRACE

from flyusage import clock, db
from flyusage.demo.trace import convert
from flyusage.metering import rollups
from flyusage.metering.ingest import Ingest
from flyusage.orgs.queries import organization_by_slug
from flyusage.periods import Period
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Dimension, Measure, View

FACTS = Path(__file__).parents[2] / "flyusage"
MADE = Path(__file__).parents[1] / "demo" / "fixtures" / "made_trace.csv"
REAL = PUBLIC_TRACE / "dlrm_trace_2025.csv"
NOW = datetime(2026, 11, 15, tzinfo=UTC)
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
THIRTY_DAYS = 2_592_000

Sums = dict[Dimension, dict[str, Fraction]]


class Plain:
    """October's machine-hours and cost by region, size and app, summed event by event."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.machine_hours: Sums = defaultdict(lambda: defaultdict(Fraction))
        self.cost: Sums = defaultdict(lambda: defaultdict(Fraction))
        self.machines: set[str] = set()
        self._prices = {(row["sku"], row["scope"]): Fraction(row["usd"]) for row in _facts("pricing", "prices.csv")}
        self._preset = {row["name"]: int(row["memory_mb_default"]) for row in _facts("metering", "vm_sizes.csv")}
        open_since: dict[str, tuple[datetime, dict[str, str | int]]] = {}
        for line in lines:
            event = json.loads(line)
            kind, subject = event["type"], event["subject"]
            time = datetime.fromisoformat(event["time"])
            if kind in ("flyusage.machine.started", "flyusage.volume.created"):
                open_since[subject] = time, event["data"]
            elif subject in open_since:  # the destroyed that follows a stopped has nothing left to end
                self._add(subject, *open_since.pop(subject), until=time)
        for subject, (since, data) in open_since.items():
            self._add(subject, since, data, until=NOW)

    def _add(self, subject: str, since: datetime, data: dict, *, until: datetime) -> None:
        start, end = max(since, OCTOBER.start), min(until, OCTOBER.end)
        seconds = max(0, int((end - start).total_seconds()))
        size = data.get("vm_size", "none")
        keys = {Dimension.REGION: data["region"], Dimension.APP: data["app"], Dimension.VM_SIZE: size}
        if size == "none":
            cost = seconds * data["gb"] * self._prices["volume", "global"] / THIRTY_DAYS
        else:
            self.machines.add(subject)
            extra_gb = Fraction(max(0, data["memory_mb"] - self._preset[size]), 1024)
            cost = seconds * (
                self._prices[f"machine.{size}", data["region"]] + extra_gb * self._prices["machine.extra_ram", data["region"]]
            )
        for dimension, key in keys.items():
            if size != "none":
                self.machine_hours[dimension][key] += Fraction(seconds, 3600)
            self.cost[dimension][key] += cost


def _facts(feature: str, name: str) -> list[dict[str, str]]:
    with (FACTS / feature / "facts" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def shown(org_id: int, measure: Measure, dimension: Dimension) -> dict[str, Fraction]:
    with db.transaction(org_id) as session:
        answer = explore(session, org_id, View(measure, OCTOBER, group_by=dimension))
    assert sum(series.total for series in answer.series) == answer.total
    return {series.key: series.total for series in answer.series if series.total}


def october_is_the_plain_sum(trace: Path) -> Plain:
    lines = list(convert(trace))
    plain = Plain(lines)
    with clock.freeze(NOW):
        result = Ingest().run(lines, name=trace.name)
        assert (result.accepted, result.duplicate, result.refused) == (len(lines), 0, 0)
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "prism").id
        rollups.catch_up(org_id)
        for dimension in (Dimension.REGION, Dimension.VM_SIZE, Dimension.APP):
            for measure, sums in ((Measure.LIST_COST, plain.cost), (Measure.MACHINE_HOURS, plain.machine_hours)):
                expected = {key: total for key, total in sums[dimension].items() if total}
                assert shown(org_id, measure, dimension) == expected, (measure, dimension)
    return plain


@pytest.mark.usefixtures("database")
def test_october_of_a_small_trace_is_the_plain_sum_of_its_events() -> None:
    plain = october_is_the_plain_sum(MADE)
    assert len(plain.machines) == 38


@pytest.mark.real_trace
@pytest.mark.usefixtures("database")
def test_october_of_the_public_trace_is_the_plain_sum_of_its_events() -> None:
    plain = october_is_the_plain_sum(REAL)
    assert len(plain.machines) == 23_856
    assert len(plain.cost[Dimension.APP]) == 156
    assert len(plain.cost[Dimension.REGION]) == 18
