"""The same company with ten and a hundred times the machines in the same cells: how a chart's query grows."""

from dataclasses import replace
from functools import cached_property
from statistics import median
from time import perf_counter

import sqlalchemy as sa

from flyusage import db
from flyusage.demo.company import Fleet
from flyusage.demo.stream import Company, chapters, write, writer_of
from flyusage.metering.ingest import ingest_events
from flyusage.metering.rollups import catch_up
from flyusage.orgs.queries import organization_by_slug
from flyusage.periods import Period
from flyusage.pricing.explorer import explore
from flyusage.pricing.view import Dimension, Granularity, Measure, View
from tests.bench import database
from tests.bench.database import NOW, RESULTS
from tests.bench.report import Row

BASE_VMS = 1_000
CROWDS = (1, 10, 100)
TURNS = 12


class Crowd(Company):
    """A company of 1,000 machines in which every fleet has `crowd` times as many."""

    @cached_property
    def crowd(self) -> int:
        """The factor, from the slug."""
        return int(self.slug.rpartition("-")[2])

    @cached_property
    def fleets(self) -> list[Fleet]:
        """The same fleets, more machines; none so small that it would come and go."""
        return [replace(fleet, base=max(1, round(fleet.base)) * self.crowd, elastic=fleet.elastic * self.crowd) for fleet in super().fleets]


def measure() -> tuple[list[Row], dict[str, object]]:
    """Growth of a month's charts from 1,000 to 10,000 to 100,000 machines."""
    medians, details = [], {}
    for crowd in CROWDS:
        with database.running(RESULTS / f"crowd-{BASE_VMS * crowd}"):
            org_id = _filled(crowd)
            took = _chart_ms(org_id)
            with db.transaction(org_id) as session:
                cells = session.scalar(sa.text("SELECT count(*) FROM usage_month"))
                running = session.scalar(sa.text("SELECT sum(running) FROM open_cell JOIN sku ON sku.id = sku_id WHERE meter = 'machine'"))
        medians.append(took)
        details[str(BASE_VMS * crowd)] = {"chart_ms": took, "month_cells": cells, "running": running}
        print(f"  {running:,} running in {cells:,} cells of a month: {took:.1f} ms")
    rows = [
        Row(
            f"a chart query, {BASE_VMS * small:,} → {BASE_VMS * large:,} VMs",
            after / before,
            1.3,
            "× growth",
            note=f"{before:.1f} → {after:.1f} ms",
        )
        for small, large, before, after in zip(CROWDS, CROWDS[1:], medians, medians[1:], strict=False)
    ]
    return rows, details


def _filled(crowd: int) -> int:
    company = Crowd(f"crowd-{crowd}", "Crowd", BASE_VMS, 7, 1, NOW, has_story=False)
    with db.platform_transaction() as session:
        found = session.scalar(sa.text("SELECT org_id FROM rollup_state WHERE rolled_through IS NOT NULL"))
    if found is not None:
        return found
    for chapter in chapters(company, NOW):
        for _, events in write(company, chapter.units, writer_of(company, NOW), 60_000):
            with db.platform_transaction() as session:
                ingest_events(session, events)
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, company.slug).id
    catch_up(org_id)
    return org_id


def _chart_ms(org_id: int) -> float:
    """The median of some charts of the month, each after a first go."""
    with db.transaction(org_id) as session:
        first = session.scalar(sa.text("SELECT date_trunc('day', first_event_at) FROM rollup_state"))
    assert first is not None
    month = Period(first, NOW)
    views = [
        View(measure, month, group_by=group, granularity=granularity)
        for measure in (Measure.LIST_COST, Measure.MACHINE_HOURS)
        for group in (Dimension.REGION, Dimension.APP, Dimension.VM_SIZE)
        for granularity in (Granularity.HOUR, Granularity.DAY)
    ]
    times = []
    for turn in range(TURNS):
        for view in views:
            began = perf_counter()
            with db.transaction(org_id) as session:
                explore(session, org_id, view)
            if turn:
                times.append((perf_counter() - began) * 1000)
    return median(times)
