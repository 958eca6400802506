"""What an experiment brings in: the contracted cost of those who take part, beside that of those who do not, month by month."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from sqlmodel import Session

from flyusage import clock
from flyusage.periods import Period, add_months, floor_day, midnight, month_start
from flyusage.pricing.experiments import Experiment
from flyusage.pricing.rating import ZERO
from flyusage.pricing.slices import epochs
from flyusage.pricing.tariff import Line
from flyusage.pricing.winners import Pricing, buyers, price_steps, usage_by_org

MONTHS_BEFORE = 3


@dataclass(frozen=True)
class CohortMonth:
    """A month of the organizations that take part (`is_in`) or do not: those that used anything, and what that cost, exactly.

    By the prices of each day, before discounts, credits and tax. `is_open`: the month is not over; its whole days count.
    """

    month: date
    is_in: bool
    organizations: int
    revenue: Fraction
    is_open: bool

    @property
    def mean(self) -> Fraction:
        """For each organization; 0 without any."""
        return self.revenue / self.organizations if self.organizations else ZERO


def cohort_revenue(session: Session, experiment: Experiment, *, period: Period | None = None) -> list[CohortMonth]:
    """Both cohorts by month: from three months before the experiment to its last, or today; or over `period`, whole days.

    Needs the platform's role.
    """
    chosen = period or _around(experiment)
    buying = buyers(session, experiment.base.id, chosen)
    held = epochs(chosen, price_steps(chosen, [one.table for one in buying], buying))
    usage = usage_by_org(session, chosen, held)
    sums: dict[tuple[Line, bool], list[Fraction]] = defaultdict(list)
    pricing = Pricing(held)
    for one in buying:
        if one.id in usage:
            metered = [replace(each, line=held[each.epoch].starts_on.replace(day=1)) for each in usage[one.id]]
            for month, cost in pricing.priced(one, metered, one.table).costs.items():
                sums[month, experiment.takes(one.id)].append(cost)
    now = clock.now()
    return [
        CohortMonth(month, is_in, len(sums[month, is_in]), sum(sums[month, is_in], ZERO), add_months(midnight(month), 1) > now)
        for month in chosen.months()
        for is_in in (True, False)
    ]


def _around(experiment: Experiment) -> Period:
    today = floor_day(clock.now())
    first = min(add_months(month_start(midnight(experiment.starts_on)), -MONTHS_BEFORE), today)
    last = today if experiment.ends_on is None else min(today, add_months(month_start(midnight(experiment.ends_on)), 1))
    return Period(first, max(first, last))
