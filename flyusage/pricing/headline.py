"""The headline numbers of a period, whatever a view measures and groups by."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlmodel import Session

from flyusage.pricing.cells import conditions, tail_rows
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.peaks import Peak, peaks
from flyusage.pricing.question import Question
from flyusage.pricing.slices import by_days
from flyusage.pricing.totals import Sum, quantities
from flyusage.pricing.view import Dimension, Totals


@dataclass(frozen=True)
class Headline:
    """What of the headline has to be looked for: the busiest hour, and the ids of the apps and regions that used anything."""

    busiest: Peak | None
    apps: frozenset[int]
    regions: frozenset[int]

    def totals(self, question: Question, whole: Sum) -> Totals:
        """The headline, exact; `whole` is what `question` used, at list prices."""
        seconds = question.complete.seconds
        return Totals(
            list_cost=whole.cost,
            machine_hours=Fraction(whole.machine_seconds, 3600),
            running_mean=Fraction(whole.machine_seconds, seconds) if seconds else Fraction(0),
            running_peak=self.busiest.machines if self.busiest else Fraction(0),
            running_peak_at=self.busiest.at if self.busiest else None,
            app_count=len(self.apps),
            region_count=len(self.regions),
            continent_count=len({question.reference.regions[one].continent for one in self.regions}),
            unpriced=tuple(sorted(question.reference.skus[one].code for one in whole.unpriced)),
        )


def headline(session: Session, question: Question) -> Headline:
    """The busiest hour of the question's period, whatever it groups by, and what used anything in it."""
    busiest = peaks(session, replace(question, group_by=None), None).get(0)
    apps, regions = _used(session, replace(question, group_by=Dimension.APP))
    return Headline(busiest, frozenset(apps), frozenset(regions))


def _used(session: Session, question: Question) -> tuple[set[int], set[int]]:
    """The apps and the regions with any usage; the question is grouped by app."""
    if question.scope.is_about_machines:
        binds = Binds()
        cells = " UNION ALL ".join(quantities(question, binds))
        used = (
            fetch(session, f"SELECT g, region_id FROM ({cells}) AS cell GROUP BY g, region_id, sku_id HAVING sum(q) <> 0", binds)
            if cells
            else []
        )
        return {app for app, _ in used}, {region for _, region in used}
    chosen = question.scope.regions
    regions = question.reference.regions if chosen is None else chosen
    return _present(session, question, "app_id", question.names.apps), _present(session, question, "region_id", regions)


def _present(session: Session, question: Question, column: str, candidates: Iterable[int]) -> set[int]:
    """Those of `candidates` that some cell of the question has: one look into the index each, instead of all cells."""
    binds = Binds()
    looks = []
    for one in by_days(question.closed, question.epochs):
        apps = question.scope.apps[one.epoch]
        is_marginal = column == "region_id" and apps is None
        key, table = ("month", "usage_month") if one.is_month else ("day", "usage_day")
        where = [
            f"org_id = {binds.add(question.org_id, 'int')}",
            f"{key} = ANY ({binds.add(list(one.days), 'date[]')})",
            f"{column} = candidate.id",
        ]
        where += conditions(question, binds, apps=apps)
        where.append("total <> 0" if one.is_whole else f"({' + '.join(one.names)}) <> 0")
        looks.append(f"EXISTS (SELECT FROM {table}{'_by_region' if is_marginal else ''} WHERE {' AND '.join(where)})")
    if tail := tail_rows(question, binds):
        looks.append(f"candidate.id IN (SELECT {column} FROM ({tail}) AS tail WHERE quantity <> 0)")
    if not looks:
        return set()
    rows = fetch(
        session, f"SELECT id FROM unnest({binds.add(sorted(candidates), 'int[]')}) AS candidate (id) WHERE {' OR '.join(looks)}", binds
    )
    return {id_ for (id_,) in rows}
