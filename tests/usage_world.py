"""A small platform with every meter, and what it used and cost, reckoned in plain Python straight from what happened.

Five apps in four regions from Sep 20 to Nov 15, 2026. The price book changes on Oct 17, in the middle of a month; cost
centres change hands on Oct 1 and Nov 1; one machine is of a size without a price.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from factories import (
    Event,
    egress_reported,
    ingest,
    ipv4_allocated,
    ipv4_released,
    started,
    stopped,
    volume_created,
    volume_destroyed,
    volume_resized,
)

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.metering.spread import spread
from flyusage.orgs.models import Organization
from flyusage.pricing import books

START, NOW = datetime(2026, 9, 20, 7, 13, 5, tzinfo=UTC), datetime(2026, 11, 15, 0, 30, 20, tzinfo=UTC)
STEP = date(2026, 10, 17)
HOUR = timedelta(hours=1)
APPS = ("web", "api", "batch", 'od"d, !=app', "idle")
REGIONS = {"dfw": "North America", "fra": "Europe", "gru": "South America", "nrt": "Asia"}
PRESETS = {"shared-cpu-1x": (256, 1), "performance-2x": (4096, 2), "performance-8x": (16384, 8), "a10": (32768, 8)}
EXTRA, ROOTFS, VOLUME, IPV4, EGRESS = "machine.extra_ram", "machine.rootfs_stopped", "volume", "ipv4.dedicated", "egress.public"
METER = {EXTRA: "extra_memory", ROOTFS: "rootfs", VOLUME: "volume", IPV4: "ipv4", EGRESS: "egress"}
CENTRES = {
    "web": [(date(2026, 9, 1), "Shop")],
    "api": [(date(2026, 10, 1), "Shop"), (date(2026, 11, 1), None)],
    "batch": [(date(2026, 9, 1), "Data")],
}
STEPS = {"machine": Decimal("1.05"), "volume": Decimal("0.5")}


@dataclass(frozen=True)
class Span:
    """Something that was used at a constant rate; an egress report has its bytes as capacity."""

    app: str
    region: str
    size: str
    sku: str
    machine: str | None
    start: datetime
    stop: datetime | None
    capacity: int


@dataclass(frozen=True)
class Cell:
    """Base units that a sku of something came to in an hour."""

    hour: datetime
    app: str
    region: str
    size: str
    sku: str
    machine: str | None
    quantity: int


@dataclass
class World:
    """The ingested platform. `spans` are all that happened."""

    org_id: int
    spans: list[Span]
    prices: dict[tuple[str, str, bool], Fraction]
    _counted: dict[datetime, list["Cell"]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"World({len(self.spans)} spans)"

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        """What hypothesis prints of it: not all that happened."""
        printer.text(repr(self))

    def cells(self, as_of: datetime) -> list["Cell"]:
        """As `cells_until`, counted once for each moment."""
        if as_of not in self._counted:
            if len(self._counted) > 50:
                self._counted.clear()
            self._counted[as_of] = list(self.cells_until(as_of))
        return self._counted[as_of]

    def forget_counted(self) -> None:
        """For whoever adds to `spans`."""
        self._counted.clear()

    def cells_until(self, as_of: datetime) -> Iterator[Cell]:
        """Hour by hour, up to `as_of`. A report counts in an hour once its part of that hour has passed."""
        for one in self.spans:
            if one.sku == EGRESS:
                assert one.stop is not None
                for hour, count in spread(one.capacity, one.start, one.stop):
                    if min(one.stop, hour + HOUR) <= as_of:
                        yield Cell(hour, one.app, one.region, one.size, one.sku, one.machine, count)
                continue
            end = min(one.stop or as_of, as_of)
            hour = one.start.replace(minute=0, second=0)
            while hour < end and one.start < end:
                seconds = int((min(end, hour + HOUR) - max(one.start, hour)).total_seconds())
                yield Cell(hour, one.app, one.region, one.size, one.sku, one.machine, seconds * one.capacity)
                hour += HOUR

    def cost(self, cell: Cell) -> Fraction:
        """Exact; 0 for what has no price."""
        return cell.quantity * self.prices.get((cell.sku, cell.region, cell.hour.date() >= STEP), Fraction(0))


def centre_of(app: str, day: date) -> str:
    """The cost centre an app belongs to in the month of `day`."""
    held = [name for month, name in CENTRES.get(app, []) if month <= day]
    return (held[-1] if held else None) or "Unassigned"


def make_world(seed: int = 11) -> World:
    """Ingest it, roll it up at NOW and subscribe Prism to a price book with a step."""
    made = _Making(random.Random(seed))
    with clock.freeze(NOW):
        result = ingest(made.events())
        assert not result.refused
        with db.platform_transaction() as session:
            org_id = session.scalars(sa.select(Organization.id).where(Organization.slug == "prism")).one()
            prices = _publish(session, org_id)
            for app, moves in CENTRES.items():
                for month, name in moves:
                    session.execute(sa.text(_MOVE), {"org": org_id, "app": app, "month": month, "name": name})
        catch_up(org_id)
    return World(org_id, made.spans, prices)


class _Making:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.spans: list[Span] = []

    def events(self) -> list[Event]:
        found: list[Event] = []
        for number in range(36):
            found += self._machine(number)
        for number in range(6):
            found += self._volume(number)
        found += self._addresses()
        self.chance.shuffle(found)
        return found

    def _moment(self, after: datetime, longest: timedelta) -> datetime:
        return after + timedelta(seconds=self.chance.randint(1, int(longest.total_seconds())))

    def _machine(self, number: int) -> Iterable[Event]:
        name, app, region = f"m{number:02d}", self.chance.choice(APPS), self.chance.choice(list(REGIONS))
        size = "a10" if number == 0 else self.chance.choice(list(PRESETS)[:3])
        moment = START if number == 1 else self._moment(START, timedelta(days=20))
        while moment < NOW - timedelta(hours=1):
            if number and self.chance.random() < 0.3:
                size = self.chance.choice(list(PRESETS)[:3])
            extra = self.chance.choice([0, 0, 512, 2048])
            stop = None if self.chance.random() < 0.15 else self._moment(moment, timedelta(days=9))
            stop = None if stop and stop >= NOW else stop
            run = Span(app, region, size, f"machine.{size}", name, moment, stop, 1)
            self.spans += [run] + ([Span(app, region, size, EXTRA, name, moment, stop, extra)] if extra else [])
            yield started(name, _iso(moment), vm_size=size, memory_mb=PRESETS[size][0] + extra, app=app, region=region)
            yield from self._report(run)
            if stop is None:
                return
            rootfs = self.chance.choice([0, 8])
            again = self._moment(stop, timedelta(days=4))
            is_last = again >= NOW - timedelta(hours=1)
            if rootfs:
                self.spans.append(Span(app, region, size, ROOTFS, name, stop, None if is_last else again, rootfs * 1024))
            yield stopped(name, _iso(stop), rootfs_gb=rootfs, app=app, region=region)
            moment = again

    def _report(self, run: Span) -> Iterable[Event]:
        """Traffic of part of a run's first day, at odd seconds."""
        end = min(run.start + timedelta(hours=5, minutes=17, seconds=3), run.stop or NOW)
        count = self.chance.randint(1, 10**11)
        self.spans.append(Span(run.app, run.region, run.size, EGRESS, run.machine, run.start, end, count))
        yield egress_reported(run.machine or "", _iso(run.start), _iso(end), count=count, app=run.app, region=run.region)

    def _volume(self, number: int) -> Iterable[Event]:
        name, app, region = f"vol{number}", self.chance.choice(APPS), self.chance.choice(list(REGIONS))
        first = self._moment(START, timedelta(days=10))
        second, third = first + timedelta(days=13, seconds=7), first + timedelta(days=29, seconds=59)
        self.spans += [
            Span(app, region, "none", VOLUME, None, first, second, 10 * 1024),
            Span(app, region, "none", VOLUME, None, second, None if number % 2 else third, 25 * 1024),
        ]
        yield volume_created(name, _iso(first), gb=10, app=app, region=region)
        yield volume_resized(name, _iso(second), gb=25, app=app, region=region)
        if not number % 2:
            yield volume_destroyed(name, _iso(third), app=app, region=region)

    def _addresses(self) -> Iterable[Event]:
        first, second = START + timedelta(days=3), START + timedelta(days=40, seconds=11)
        self.spans.append(Span("web", "dfw", "none", IPV4, None, first, second, 1))
        yield ipv4_allocated("203.0.113.9", _iso(first), app="web", region="dfw")
        yield ipv4_released("203.0.113.9", _iso(second), app="web", region="dfw")


def _publish(session, org_id: int) -> dict[tuple[str, str, bool], Fraction]:
    """The list's prices, and from STEP on machines 5 % dearer and volumes at half. What it is told is what it returns."""
    listed = books.book_named(session, "list")
    assert listed is not None
    old = books.prices_of(session, listed.id, date(2026, 9, 1))
    new = [books.ListedPrice(**{**vars(one), "amount": one.amount * STEPS.get(one.sku.split(".")[0], Decimal(1))}) for one in old]
    book = books.create_book(session, slug="stepped", name="Stepped", currency="USD", is_synthetic=True)
    books.draft(session, book, date(2024, 11, 1), prices=old)
    books.draft(session, book, STEP, prices=new)
    books.publish(session, book)
    books.subscribe(session, org_id, book)
    scopes = {"dfw": "na_eu", "fra": "na_eu", "gru": "ap_oc_sa", "nrt": "ap_oc_sa"}
    found = {}
    for is_new, prices in ((False, old), (True, new)):
        for one in prices:
            for region, group in scopes.items():
                if one.scope in (region, group, "global"):
                    found[one.sku, region, is_new] = Fraction(one.amount) / one.per_quantity
    return found


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


_MOVE = """
WITH made AS (
  INSERT INTO cost_centre (org_id, name) SELECT :org, CAST(:name AS text) WHERE CAST(:name AS text) IS NOT NULL
  ON CONFLICT (org_id, name) DO UPDATE SET name = excluded.name RETURNING id
)
INSERT INTO cost_centre_app (org_id, app_id, month, cost_centre_id)
SELECT :org, id, CAST(:month AS date), (SELECT id FROM made) FROM app WHERE org_id = :org AND name = :app"""
