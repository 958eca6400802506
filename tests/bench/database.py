"""The databases that are measured: invented companies, filled once at a fixed moment and kept under bench-results/."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import sqlalchemy as sa

from flyusage import config, db
from flyusage.cli import bootstrap
from flyusage.demo import platform
from flyusage.orgs.queries import organization_by_slug
from flyusage.periods import Period

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)  # of every measured database: 13 months after Oct 1, 2025
RESULTS = Path(__file__).parents[2] / "bench-results"


@dataclass(frozen=True)
class Measured:
    """A filled database that the settings point at. `usable_seconds` and `filled_seconds` are None for one kept from before."""

    folder: Path
    org_id: int
    history: Period
    machine_hours: int
    usable_seconds: float | None
    filled_seconds: float | None


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """An embedded server on `folder`, migrated, with the clock of settings and process at NOW."""
    chosen = {"FLYUSAGE_DATA_DIR": str(folder), "FLYUSAGE_CLOCK": NOW.isoformat()}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ |= chosen
    config.settings.cache_clear()
    try:
        bootstrap.prepare()
        yield
    finally:
        db.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        config.settings.cache_clear()


@contextmanager
def filled(vms: int = 10_000, months: int = 13) -> Iterator[Measured]:
    """The database of a company of `vms` machines, made on first use."""
    with running(RESULTS / f"{vms}x{months}"):
        yield _measured(RESULTS / f"{vms}x{months}", vms, months)


def _measured(folder: Path, vms: int, months: int) -> Measured:
    began, usable = perf_counter(), None

    def progress(at: platform.Progress) -> None:
        nonlocal usable
        if usable is None and at.is_usable:
            usable = perf_counter() - began
        print(f"\r  filling: {at.share:6.1%}, {at.events:,} events, {perf_counter() - began:,.0f} s ", end="", flush=True)

    made = platform.fill(vms=vms, months=months, now=NOW, progress=progress)
    if made.events:
        print()
    took = perf_counter() - began if made.events else None
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, made.slugs[0]).id
    return Measured(folder, org_id, _history(org_id), machine_hours(org_id), usable, took)


def _history(org_id: int) -> Period:
    with db.transaction(org_id) as session:
        first = session.scalar(sa.text("SELECT date_trunc('day', first_event_at) FROM rollup_state"))
    assert first is not None
    return Period(first, NOW)


def machine_hours(org_id: int) -> int:
    """Machine-hours in the organization's rollups, floored."""
    query = "SELECT sum(total) / 3600 FROM usage_month_by_region u JOIN sku ON sku.id = u.sku_id WHERE sku.meter = 'machine'"
    with db.transaction(org_id) as session:
        return int(session.scalar(sa.text(query)) or 0)
