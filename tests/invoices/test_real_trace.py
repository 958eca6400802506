"""October 2026 of a trace, closed and billed, against a plain sum over its events: line by line, and every breakdown to the cent."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from billing_world import BY, OCTOBER, acting, bill_to, rows
from conftest import PUBLIC_TRACE

from flyusage import clock, db
from flyusage.demo.trace import convert
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.closing import close
from flyusage.invoices.examining import release
from flyusage.metering.ingest import Ingest
from flyusage.metering.rollups import catch_up
from flyusage.orgs.queries import organization_by_slug

FACTS = Path(__file__).parents[2] / "flyusage"
MADE = Path(__file__).parents[1] / "demo" / "fixtures" / "made_trace.csv"
REAL = PUBLIC_TRACE / "dlrm_trace_2025.csv"
NOW = datetime(2026, 11, 15, tzinfo=UTC)
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


def facts(feature: str, name: str) -> list[dict[str, str]]:
    with (FACTS / feature / "facts" / name).open(newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Plain:
    """October in cents, unrounded: by line (size or volume, region), and by what an invoice can be broken down by."""

    lines: dict[tuple[str, str], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    machines: set[str] = field(default_factory=set)
    by: dict[By, dict[str, Fraction]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Fraction)))

    @classmethod
    def of(cls, events: Iterable[bytes]) -> "Plain":
        """Event by event: what began last is charged up to what ends it, or to the month's end."""
        plain, prices = cls(), {(row["sku"], row["scope"]): 100 * Fraction(row["usd"]) for row in facts("pricing", "prices.csv")}
        presets = {row["name"]: int(row["memory_mb_default"]) for row in facts("metering", "vm_sizes.csv")}
        running: dict[str, tuple[datetime, dict]] = {}
        for line in events:
            event = json.loads(line)
            time, subject = datetime.fromisoformat(event["time"]), event["subject"]
            if subject in running and event["type"] != "flyusage.volume.created":
                plain._charge(subject, *running.pop(subject), time, prices, presets)
            if event["type"] in ("flyusage.machine.started", "flyusage.volume.created"):
                running[subject] = time, event["data"]
        for subject, (since, data) in running.items():
            plain._charge(subject, since, data, END, prices, presets)
        return plain

    def _charge(self, subject: str, since: datetime, data: dict, until: datetime, prices: dict, presets: dict) -> None:
        start, end = max(since, START), min(until, END)
        if start >= end:
            return
        seconds, region = int((end - start).total_seconds()), data["region"]
        if "gb" in data:
            rate, name = data["gb"] * prices["volume", "global"] / (30 * 86_400), "volume"
        else:
            self.machines.add(subject)
            size, extra = data["vm_size"], Fraction(max(0, data["memory_mb"] - presets[data["vm_size"]]), 1024)
            rate, name = prices[f"machine.{size}", region] + extra * prices["machine.extra_ram", region], f"machine.{size}"
        self.lines[name, region] += seconds * rate
        keys = {By.REGION: region, By.APP: data["app"], By.VM_SIZE: data.get("vm_size", ""), By.MACHINE: subject}
        for by, key in keys.items():
            self.by[by][key] += seconds * rate


def cents(exact: Fraction) -> int:
    """Half away from zero; nothing here is negative."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def october_is_billed_as_the_plain_sum(trace: Path) -> tuple[Plain, int]:
    events = list(convert(trace))
    plain = Plain.of(events)
    with clock.freeze(NOW):
        assert not Ingest().run(events, name=trace.name).refused
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "prism").id
        catch_up(org_id)
        bill_to(org_id)
        with acting(NOW) as session:
            release(session, org_id, OCTOBER, reason="The trace ends, so silence is known.", by=BY)
        closed = close(OCTOBER, [org_id], by=BY)
    assert closed.is_complete
    expected = {line: cents(exact) for line, exact in plain.lines.items()}
    names = dict(rows("SELECT id, code FROM region"))
    found = {
        (key.split("/")[0], names[region]): amount for key, region, amount in rows("SELECT key, region_id, amount_minor FROM invoice_line")
    }
    assert found == expected
    ((invoice_id, net, tax),) = rows("SELECT id, net_minor, tax_minor FROM invoice")
    assert (net, tax) == (sum(expected.values()), cents(Fraction(sum(expected.values()) * 19, 100)))
    with db.transaction(org_id) as session:
        parts = {by: {part.key: part.amount_minor for part in breakdown(session, org_id, invoice_id, by)} for by in By}
    assert {by: sum(amounts.values()) for by, amounts in parts.items()} == dict.fromkeys(By, net)
    for by, exact in plain.by.items():
        # each cell, and a machine's each sku, is within a cent of its share of a line that was rounded once
        slack = {By.REGION: len(expected), By.VM_SIZE: len(expected), By.APP: 2 * len(expected), By.MACHINE: 4}[by]
        for key, cost in exact.items():
            assert abs(parts[by].get(key, 0) - cost) < slack, (by, key)
    return plain, net


@pytest.mark.usefixtures("database")
def test_october_of_a_small_trace_is_billed_as_the_plain_sum_of_its_events() -> None:
    plain, _ = october_is_billed_as_the_plain_sum(MADE)
    assert len(plain.machines) == 37  # of 38: one ends with September


@pytest.mark.real_trace
@pytest.mark.usefixtures("database")
def test_october_of_the_public_trace_is_billed_as_the_plain_sum_of_its_events() -> None:
    plain, net = october_is_billed_as_the_plain_sum(REAL)
    assert (len(plain.machines), len(plain.by[By.APP]), len(plain.by[By.REGION]), len(plain.lines)) == (23_856, 156, 18, 117)
    assert net == 294_468_280  # $2,944,682.80
