"""Machines of a month, the costliest first, page by page: for the API and the command line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from flyusage.metering.machines import billed_machines, running_of
from flyusage.periods import HOUR, Period, floor_hour, month_period
from flyusage.pricing.books import book_of
from flyusage.pricing.explorer import history
from flyusage.pricing.machines import MachineCost, top_machines
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.view import Dimension, Filter


@dataclass(frozen=True)
class MachinePage:
    """Some machines of `period`; `running` are the names of those that run now. `has_more`: others follow."""

    period: Period
    currency: str
    machines: tuple[MachineCost, ...]
    running: frozenset[str]
    has_more: bool

    def plain(self) -> list[dict[str, Any]]:
        """The machines as plain values for JSON; amounts and hours at 12 decimals."""
        return [
            {
                "machine": one.name,
                "app": one.app,
                "region": one.region,
                "vm_size": one.vm_size,
                "is_running": one.name in self.running,
                "list_cost": exact(one.list_cost),
                "currency": self.currency,
                "machine_hours": exact(one.machine_hours),
                "is_unpriced": one.is_unpriced,
            }
            for one in self.machines
        ]


@dataclass(frozen=True)
class MachineChoice:
    """Which are wanted: of the month that holds `month` (None: the last one with events), whose id, app, region or size holds `find`."""

    month: datetime | None = None
    find: str = ""
    is_running: bool | None = None


def machine_page(
    session: Session, org_id: int, choice: MachineChoice, *, now: datetime, start: int = 0, limit: int = 100
) -> MachinePage | None:
    """Machines `start` to `start + limit` as of `now`, by list cost, ties by name; None before the first event."""
    held = history(session, org_id)
    if held is None:
        return None
    of = month_period(choice.month or min(now, held.end))
    period = Period(of.start, max(of.start + HOUR, min(of.end, floor_hour(now) + HOUR)))
    names = billed_machines(session, org_id, of.start.date(), find=choice.find, is_running=choice.is_running)
    filters = (Filter(Dimension.MACHINE, tuple(names)),) if choice.find or choice.is_running is not None else ()
    found = top_machines(session, org_id, period, filters=filters, limit=start + limit + 1, now=now) if names else []
    shown = tuple(found[start : start + limit])
    running = running_of(session, org_id, [one.name for one in shown])
    return MachinePage(period, book_of(session, org_id).currency, shown, running, len(found) > start + limit)
