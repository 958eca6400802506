"""Machines: the costliest of a period, the hours of one, and why its amount is what it is."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from sqlmodel import Session

from flyusage.periods import Period
from flyusage.pricing.view import Filter


@dataclass(frozen=True)
class MachineCost:
    """A machine in a period. `list_cost` is exact, in the book's currency; `vm_size` is the one it cost most as."""

    name: str
    app: str
    region: str
    vm_size: str
    list_cost: Fraction
    machine_hours: Fraction
    is_unpriced: bool


@dataclass(frozen=True)
class MachineHour:
    """An hour of a machine: seconds it ran in it, and its exact list cost."""

    at: datetime
    seconds: int
    list_cost: Fraction


@dataclass(frozen=True)
class Line:
    """quantity × amount ÷ per = cost, for one run (or report) between two moments under one price.

    `quantity` is in `unit`s (machine-second, MiB-second, byte); `cost` is exact; `amount` None: unpriced, cost 0.
    `events` are the ledger events the line rests on, earliest first.
    """

    sku: str
    title: str
    started_at: datetime
    stopped_at: datetime
    is_open: bool
    is_inferred: bool
    capacity: int
    quantity: int
    unit: str
    amount: Decimal | None
    per: int
    price_unit: str
    price_since: date | None
    cost: Fraction
    events: tuple["RawEvent", ...] = ()


@dataclass(frozen=True)
class RawEvent:
    """An accepted event of the ledger, as it came in; `detail` is what its type adds, in words."""

    time: datetime
    type: str
    source: str
    event_id: str
    detail: str


@dataclass(frozen=True)
class Why:
    """Why a machine cost what it did: `lines` in order of time sum to `total`, exactly."""

    machine: str
    period: Period
    as_of: datetime
    currency: str
    lines: tuple[Line, ...]
    total: Fraction
    unpriced: tuple[str, ...]


def top_machines(
    session: Session, org_id: int, period: Period, *, filters: tuple[Filter, ...] = (), limit: int = 50, now: datetime | None = None
) -> list[MachineCost]:
    """The machines with the largest list cost in `period` (hour-aligned), largest first, ties by name."""
    raise NotImplementedError


def hours_of(session: Session, org_id: int, machine: str, period: Period, *, now: datetime | None = None) -> list[MachineHour]:
    """Every hour of `period` (hour-aligned) up to now, straight from the machine's intervals; empty for an unknown machine."""
    raise NotImplementedError


def why(session: Session, org_id: int, machine: str, period: Period, *, now: datetime | None = None) -> Why | None:
    """Seconds × dated price, run by run, down to the events; None for an unknown machine."""
    raise NotImplementedError
