"""What a spent budget asks to stop: the machines of its scope that run, the costliest first."""

from dataclasses import dataclass

from sqlmodel import Session

from flyusage.alerts.budgets import Budget, filters_of
from flyusage.money import round_half_away
from flyusage.pricing.running import running_machines

MOST_NAMED = 500
DECIMALS = 6


@dataclass(frozen=True)
class RunningInScope:
    """A running machine as a stop names it: `cost_per_hour` in the budget's currency, six decimals."""

    machine: str
    app: str
    region: str
    vm_size: str
    running_since: str
    cost_per_hour: str


@dataclass(frozen=True)
class InScope:
    """How many machines of a scope run, and up to 500 of them by cost."""

    count: int
    machines: tuple[RunningInScope, ...]


def running_in(session: Session, org_id: int, one: Budget) -> InScope:
    """What runs in the scope of a budget."""
    found = running_machines(session, org_id, filters_of(one), limit=MOST_NAMED)
    named = tuple(
        RunningInScope(
            machine.name,
            machine.app,
            machine.region,
            machine.vm_size,
            machine.running_since.isoformat().replace("+00:00", "Z"),
            str(round_half_away(machine.per_hour, DECIMALS)),
        )
        for machine in found.machines
    )
    return InScope(found.count, named)
