"""Which machines run now, and what each costs an hour."""

import heapq
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage import clock
from flyusage.metering.lines import meter_binds
from flyusage.periods import HOUR, Period, floor_hour
from flyusage.pricing.asking import ask, know
from flyusage.pricing.cells import conditions
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.scope import MACHINE
from flyusage.pricing.view import Dimension, Filter, Measure, View


@dataclass(frozen=True)
class RunningMachine:
    """A machine that runs; `per_hour` is exact, at the organization's own prices, its extra memory included."""

    name: str
    app: str
    region: str
    vm_size: str
    running_since: datetime
    per_hour: Fraction


@dataclass(frozen=True)
class Running:
    """How many machines run, and the costliest of them, ties by name; `currency` is that of their cost."""

    count: int
    machines: tuple[RunningMachine, ...]
    currency: str


def running_machines(session: Session, org_id: int, filters: tuple[Filter, ...] = (), *, limit: int = 100) -> Running:
    """What runs now of what `filters` leave (of any dimension but the machine)."""
    hour = floor_hour(clock.now())
    known = know(session, org_id, None, None, has_centres=any(one.dimension is Dimension.COST_CENTRE for one in filters))
    question = ask(session, known, View(Measure.CONTRACTED_COST, Period(hour, hour + HOUR), Dimension.MACHINE, filters))
    binds = Binds({"org_id": org_id, "machine": MACHINE, **meter_binds(session)})
    where = " AND ".join(["true", *conditions(question, binds, apps=question.scope.apps[0])])
    open_runs = fetch(
        session,
        f"""SELECT r.name, i.app_id, i.region_id, i.vm_size_id, i.sku_id, i.extra_mib, i.started_at, CAST(:extra_id AS int)
            FROM (SELECT * FROM usage_interval WHERE org_id = :org_id AND stopped_at IS NULL AND {where}) AS i
            JOIN resource r ON r.org_id = :org_id AND r.id = i.resource_id AND r.kind = :machine
            JOIN sku ON sku.id = i.sku_id AND sku.meter = 'machine'""",
        binds,
    )
    reference, names = question.reference, question.names

    def per_hour(region: int, sku: int, extra: int, extra_sku: int) -> Fraction:
        prices = (question.prices.on(sku, region, hour.date()), question.prices.on(extra_sku, region, hour.date()))
        return sum((one.cost(3600 * amount) for one, amount in zip(prices, (1, extra), strict=True) if one), Fraction(0))

    found = (
        RunningMachine(
            name,
            names.apps[app],
            reference.regions[region].code,
            reference.sizes[size].name,
            since,
            per_hour(region, sku, extra, extra_sku),
        )
        for name, app, region, size, sku, extra, since, extra_sku in open_runs
    )
    costliest = heapq.nsmallest(limit, found, key=lambda one: (-one.per_hour, one.name))  # never more of them in memory than are wanted
    return Running(len(open_runs), tuple(costliest), known.book.currency)
