"""What a spent budget asks to stop: the machines of its scope that run, the costliest first."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from flyusage.alerts.budgets import Budget, filters_of
from flyusage.alerts.places import api_link
from flyusage.money import round_half_away
from flyusage.pricing.running import running_machines

MOST_NAMED = 20_000  # a message of some 3 MB: more would neither be read nor kept for long
DECIMALS = 6
ALL_THAT_RUN = "/machines?state=running"


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
    """How many machines of a scope run, and up to 20,000 of them by cost."""

    count: int
    machines: tuple[RunningInScope, ...]

    @property
    def beyond(self) -> int:
        """How many more run than are named."""
        return self.count - len(self.machines)

    def words(self) -> str:
        """How many run on, and how many of these are named, in the middle of a sentence."""
        named = f" (the costliest {len(self.machines):,} are named)" if self.beyond else ""
        return f"{self.count:,} of its machines run on{named}"

    def facts(self) -> dict[str, Any]:
        """What webhooks are told. `rest` is where the API lists those that run, inside the scope and outside; None where all are named."""
        rest = api_link(ALL_THAT_RUN) if self.beyond else None
        return {"running": self.count, "not_named": self.beyond, "rest": rest, "machines": [vars(one) for one in self.machines]}


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
