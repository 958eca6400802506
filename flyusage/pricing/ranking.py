"""The costliest machines of whole months, without adding up every machine of them.

An index gives the machines that ran longest per sku and region. A few of those, added up, give a cost that the wanted ones
reach at least (the bar). From it follows how long a machine must have run in an expensive size in some month to reach the
bar at all, and only machines that did are added up. The answer is that of adding up everyone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from sqlmodel import Session

from flyusage.metering.lines import CELL
from flyusage.periods import midnight, month_period
from flyusage.pricing.cells import conditions
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.slices import by_days
from flyusage.pricing.view import Measure
from flyusage.pricing.weights import weight_by_epoch

MACHINE_METERS = ("machine", "extra_memory", "rootfs", "egress")
SAMPLED_PAIRS = 8
SAMPLE = 8
MOST_CANDIDATES = 30_000
SLACK = 1 - 1e-9  # floats decide who is a candidate; nobody may fall out by a rounding error
PART_OF_SHARE = 0.9  # measured: lower reads more rows, at 1 too many machines remain
HOUR_SECONDS, DAY_SECONDS = 3600, 86_400


@dataclass(frozen=True)
class Pair:
    """A sku in a region in a month: a base unit's price, and the most that any one machine used."""

    month: date
    epoch: int
    sku: int
    region: int
    price: float
    most: int


@dataclass(frozen=True)
class Need:
    """`seconds` in all the dear skus of a region in a month, and so `part` of them at least in one: `pair`'s."""

    pair: Pair
    seconds: int
    part: int


def costliest_of_months(session: Session, question: Question, limit: int) -> frozenset[int] | None:
    """Resource ids of the `limit` machines with the largest list cost; None where this way is not open and all must be added up."""
    months = _whole_months(question)
    if months is None or question.measure is not Measure.LIST_COST or question.scope.is_about_machines or any(question.scope.apps):
        return None
    pairs = _pairs(session, question, months)
    bar = _bar(session, question, months, pairs, limit)
    needs = _needs(question, months, pairs, bar) if bar else None
    if needs is None:
        return None
    found = _ran_as_long(session, question, *needs)
    return _best(session, question, months, found, limit)[0] if len(found) <= MOST_CANDIDATES else None


def least_seconds(prices: Sequence[float], seconds: int, cost: float) -> tuple[float, float] | None:
    """What a machine that costs at least `cost` in a month of `seconds` must have done, whatever sizes it had.

    (price, quantity): it ran for `quantity` seconds at least in skus that cost `price` per second or more. `prices` are those
    of its region's machine skus. None: no machine can cost that much.
    """
    mean = cost / seconds
    dear = [price for price in prices if price >= mean]
    if not dear:
        return None
    cheaper = max((price for price in prices if price < mean), default=0.0)
    return min(dear), seconds * (mean - cheaper) / (max(dear) - cheaper)


def _whole_months(question: Question) -> dict[date, int] | None:
    """The question's months and their epochs, where it is about whole months only."""
    slices = by_days(question.closed, question.epochs)
    if not slices or not all(one.is_month and one.is_whole for one in slices):
        return None
    return {month: one.epoch for one in slices for month in one.days}


def _pairs(session: Session, question: Question, months: Mapping[date, int]) -> list[Pair]:
    binds = Binds()
    skus = [one.id for one in question.reference.skus.values() if one.meter in MACHINE_METERS]
    org = binds.add(question.org_id, "int")
    where = [f"org_id = {org}", f"month = ANY ({binds.add(list(months), 'date[]')})", f"sku_id = ANY ({binds.add(skus, 'smallint[]')})"]
    where += conditions(question, binds, apps=None)
    rows = fetch(
        session,
        f"""SELECT month, sku_id, region_id, (SELECT r.quantity FROM resource_month r WHERE r.org_id = {org} AND r.month = pair.month
                     AND r.sku_id = pair.sku_id AND r.region_id = pair.region_id ORDER BY r.quantity DESC LIMIT 1) AS most
            FROM (SELECT DISTINCT month, sku_id, region_id FROM usage_month_by_region WHERE {" AND ".join(where)}) AS pair""",
        binds,
    )
    found = []
    for month, sku, region, most in rows:
        price = question.prices.on(sku, region, question.epochs[months[month]].starts_on)
        if price and most:
            found.append(Pair(month, months[month], sku, region, float(price.amount) / price.per, most))
    return found


def _bar(session: Session, question: Question, months: Mapping[date, int], pairs: list[Pair], limit: int) -> float:
    """What the `limit`-th of a sample costs: the one asked for costs that at least. 0 where the sample is too small."""
    binds, dearest = Binds(), _dearest(pairs)
    rows = fetch(
        session,
        f"""SELECT long.resource_id, sum(pair.price * long.quantity) FROM {_table(dearest, {"price float8": [pair.price for pair in dearest]}, binds)}
            CROSS JOIN LATERAL (SELECT resource_id, quantity FROM resource_month
                                WHERE org_id = {binds.add(question.org_id, "int")} AND month = pair.month
                                  AND sku_id = pair.sku AND region_id = pair.region ORDER BY quantity DESC LIMIT {limit}) AS long
            GROUP BY long.resource_id ORDER BY 2 DESC LIMIT {SAMPLE * limit}""",
        binds,
    )
    best = _best(session, question, months, [resource for resource, _ in rows], limit)[1] if len(rows) >= limit else []
    return best[limit - 1] if len(best) >= limit else 0.0


def _dearest(pairs: list[Pair]) -> list[Pair]:
    """The few pairs of each month that a machine can cost most in."""
    by_month: defaultdict[date, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: -pair.price * pair.most):
        if len(by_month[pair.month]) < SAMPLED_PAIRS:
            by_month[pair.month].append(pair)
    return [pair for held in by_month.values() for pair in held]


def _table(pairs: Sequence[Pair], more: Mapping[str, Sequence[float]], binds: Binds) -> str:
    """`pairs` as a table `pair (month, sku, region, …)`; `more` are columns, `name type` and their values."""
    columns = (
        ([pair.month for pair in pairs], "date[]"),
        ([pair.sku for pair in pairs], "smallint[]"),
        ([pair.region for pair in pairs], "smallint[]"),
        *((list(values), f"{name.split()[1]}[]") for name, values in more.items()),
    )
    names = ", ".join(["month", "sku", "region", *(name.split()[0] for name in more)])
    return f"unnest({', '.join(binds.add(*column) for column in columns)}) AS pair ({names})"


def _needs(question: Question, months: Mapping[date, int], pairs: list[Pair], bar: float) -> tuple[list[Need], int] | None:
    """How long a machine must have run in a month, per region, and in how many months, to reach the bar.

    A month that costs less than `share` leaves the more to the others, of which none costs more than `most`. None: hardly
    anyone could be left out.
    """
    machine_skus = frozenset(question.reference.machine_skus)
    by_place: defaultdict[tuple[date, int], list[Pair]] = defaultdict(list)
    beside: defaultdict[tuple[date, int], float] = defaultdict(float)
    for pair in pairs:
        if pair.sku in machine_skus:
            by_place[pair.month, pair.region].append(pair)
        else:
            beside[pair.month, pair.region] += pair.price * pair.most
    seconds = {month: month_period(midnight(month)).seconds for month in months}
    most = max(max(pair.price for pair in held) * seconds[place[0]] + beside[place] for place, held in by_place.items())
    goal = bar * SLACK - (len(MACHINE_METERS) * HOUR_SECONDS * most / DAY_SECONDS if question.has_tail else 0.0)
    share = goal / len(months) * (1 if len(months) == 1 else PART_OF_SHARE)
    times = max(1, ceil((goal - len(months) * share) / (most - share))) if most > share else 1
    needs = []
    for place, held in by_place.items():
        if share <= beside[place]:
            return None
        needed = least_seconds([pair.price for pair in held], seconds[place[0]], share - beside[place])
        if needed:
            dear = [pair for pair in held if pair.price >= needed[0]]
            needs += [Need(pair, int(needed[1] * SLACK), int(needed[1] * SLACK / len(dear))) for pair in dear]
    return needs, times


def _ran_as_long(session: Session, question: Question, needs: list[Need], times: int) -> list[int]:
    """The machines that meet a need in `times` months. Whoever ran for so long in several sizes ran for its part of it in one."""
    binds = Binds()
    more = {"needed bigint": [need.seconds for need in needs], "part bigint": [need.part for need in needs]}
    table = _table([need.pair for need in needs], more, binds)
    rows = fetch(
        session,
        f"""SELECT resource_id FROM (
              SELECT long.resource_id FROM {table}
              CROSS JOIN LATERAL (SELECT resource_id, quantity FROM resource_month
                                  WHERE org_id = {binds.add(question.org_id, "int")} AND month = pair.month AND sku_id = pair.sku
                                    AND region_id = pair.region AND quantity >= pair.part OFFSET 0) AS long
              GROUP BY long.resource_id, pair.month HAVING sum(long.quantity) >= min(pair.needed)
            ) AS met GROUP BY resource_id HAVING count(*) >= {times} LIMIT {MOST_CANDIDATES + 1}""",
        binds,
    )
    return [resource for (resource,) in rows]


def _best(
    session: Session, question: Question, months: Mapping[date, int], resources: Sequence[int], limit: int
) -> tuple[frozenset[int], list[float]]:
    """The `limit` costliest of `resources`, equal ones by id, and their costs, largest first."""
    binds = Binds(question.moment.tail.binds if question.has_tail else {})
    named = f"resource_id = ANY ({binds.add(sorted(resources), 'bigint[]')})"
    skus = binds.add([one.id for one in question.reference.skus.values() if one.meter in MACHINE_METERS], "smallint[]")
    epochs = " ".join(f"WHEN '{month}' THEN {epoch}" for month, epoch in months.items())
    rows = f"""SELECT resource_id, {CELL}, quantity, CASE month {epochs} END AS epoch FROM resource_month
               WHERE org_id = {binds.add(question.org_id, "int")} AND month = ANY ({binds.add(list(months), "date[]")}) AND {named}"""
    if question.has_tail:
        tail = question.moment.tail.resources_sql
        rows += f" UNION ALL SELECT resource_id, {CELL}, quantity, {question.tail_epoch} FROM ({tail}) AS tail WHERE {named}"
    where = " AND ".join([f"sku_id = ANY ({skus})", *conditions(question, binds, apps=None)])
    found = fetch(
        session,
        f"""SELECT resource_id, sum(quantity * w) AS cost
            FROM (SELECT *, {weight_by_epoch(question, binds)} AS w FROM ({rows}) AS used WHERE {where} OFFSET 0) AS cell
            GROUP BY resource_id ORDER BY cost DESC, resource_id LIMIT {limit}""",
        binds,
    )
    return frozenset(resource for resource, _ in found), [cost for _, cost in found]
