"""The costliest machines of whole months, without adding up every machine of them.

An index gives the machines that ran longest per sku and region. A few of those, added up, give a cost that the wanted ones
reach at least (the bar). From it follows how long a machine must have run in an expensive size in some month to reach the
bar at all, and only machines that did are added up. The answer is that of adding up everyone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil

from sqlmodel import Session

from flyusage.metering.lines import CELL
from flyusage.periods import Period, midnight, month_period, next_month
from flyusage.pricing import kept_ranks
from flyusage.pricing.cells import conditions
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.slices import by_days
from flyusage.pricing.view import Measure
from flyusage.pricing.weights import weight_by_epoch

MACHINE_METERS = ("machine", "extra_memory", "rootfs", "egress")
SAMPLED = 6
SAMPLE = 2
MOST_CANDIDATES = 30_000
SLACK = 1 - 1e-9  # floats decide who is a candidate; nobody may fall out by a rounding error
OUTSTANDING = 8  # in each pair; measured: with fewer too many others remain, with more these themselves cost more
PART_OF_SHARE = 0.9  # measured: lower reads more rows, at 1 too many machines remain
HOURS_OF_OPEN = 10  # an hour's tail is less than a tenth of any month's cost: a month has 672 hours and more


@dataclass(frozen=True)
class Pair:
    """A sku in a region in a month, and a base unit's price."""

    month: date
    sku: int
    region: int
    price: float


@dataclass(frozen=True)
class Outstanding:
    """`machines` that used much beside running; what any other can have cost by that, `most`, per month and region."""

    most: Mapping[tuple[date, int], float]
    machines: frozenset[int]


@dataclass(frozen=True)
class Need:
    """`seconds` in all the dear skus of a region in a month, and so `part` of them at least in one: `pair`'s."""

    pair: Pair
    seconds: int
    part: int


def costliest_of_months(session: Session, question: Question, limit: int) -> frozenset[int] | None:
    """Resource ids of the `limit` machines with the largest list cost; None where this way is not open and all must be added up."""
    months, scope = whole_months(question), question.scope
    is_narrowed = scope.is_about_machines or any(apps is not None for apps in scope.apps)
    if months is None or question.measure is not Measure.LIST_COST or is_narrowed:
        return None
    found = kept_ranks.first(session, question, list(months), limit) or ranked(session, question, months, limit)
    return None if found is None else frozenset(found)


def ranked(session: Session, question: Question, months: Mapping[date, int], limit: int) -> list[int] | None:
    """The same of `months`, which are its whole ones and their epochs: the costliest first, equal ones by id."""
    running, beside = _pairs(session, question, months)
    outstanding = _outstanding(session, question, beside)
    counted = outstanding.machines | _sample(session, question, months, running, limit)
    best = _best(session, question, months, counted, limit)
    needs = _needs(question, months, running, outstanding, best[-1][1]) if len(best) == limit else None
    found = None if needs is None else _ran_as_long(session, question, *needs)
    if found is None or len(found) > MOST_CANDIDATES:
        return None
    best += _best(session, question, months, found - counted, limit)
    return [resource for resource, _ in sorted(best, key=lambda one: (-one[1], one[0]))[:limit]]


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


def whole_months(question: Question) -> dict[date, int] | None:
    """The question's months and their epochs, where it is about whole months, the last one as far as hours are closed."""
    closed, epochs = question.closed, question.epochs
    month_end = next_month(closed.end - timedelta(microseconds=1))
    if closed.end < month_end and closed.end >= question.moment.rolled_through:  # nothing is counted beyond, so all of its row counts
        closed = Period(closed.start, month_end)
        epochs = (*epochs[:-1], replace(epochs[-1], ends_on=month_end.date()))
    slices = by_days(closed, epochs)
    if not slices or not all(one.is_month and one.is_whole for one in slices):
        return None
    return {month: one.epoch for one in slices for month in one.days}


def _pairs(session: Session, question: Question, months: Mapping[date, int]) -> tuple[list[Pair], list[Pair]]:
    """The priced pairs that were used: of machines running, and of what machines use beside (memory, disks, traffic)."""
    binds = Binds()
    skus = [one.id for one in question.reference.skus.values() if one.meter in MACHINE_METERS]
    where = [f"org_id = {binds.add(question.org_id, 'int')}", f"month = ANY ({binds.add(list(months), 'date[]')})"]
    where += conditions(question, binds, apps=None, skus=tuple(skus))
    rows = fetch(session, f"SELECT DISTINCT month, sku_id, region_id FROM usage_month_by_region WHERE {' AND '.join(where)}", binds)
    found: tuple[list[Pair], list[Pair]] = ([], [])
    machine_skus = frozenset(question.reference.machine_skus)
    for month, sku, region in rows:
        if price := question.prices.on(sku, region, question.epochs[months[month]].starts_on):
            found[sku not in machine_skus].append(Pair(month, sku, region, float(price.amount) / price.per))
    return found


def _outstanding(session: Session, question: Question, beside: list[Pair]) -> Outstanding:
    """The machines that use most beside running, in each pair; all others cost less than the last of them."""
    if not beside:
        return Outstanding({}, frozenset())
    binds = Binds()
    rows = fetch(
        session,
        f"""SELECT pair.month, pair.region, array_agg(large.resource_id), count(*), min(large.quantity) * min(pair.price)
            FROM {_table(beside, {"price float8": [pair.price for pair in beside]}, binds)}
            CROSS JOIN LATERAL (SELECT resource_id, quantity FROM resource_month
                                WHERE org_id = {binds.add(question.org_id, "int")} AND month = pair.month
                                  AND sku_id = pair.sku AND region_id = pair.region ORDER BY quantity DESC LIMIT {OUTSTANDING}) AS large
            GROUP BY pair.month, pair.region, pair.sku""",
        binds,
    )
    most: defaultdict[tuple[date, int], float] = defaultdict(float)
    for month, region, _, count, least in rows:
        most[month, region] += least if count == OUTSTANDING else 0.0
    return Outstanding(most, frozenset(resource for _, _, resources, _, _ in rows for resource in resources))


def _sample(session: Session, question: Question, months: Mapping[date, int], running: list[Pair], limit: int) -> frozenset[int]:
    """Machines that ran long in each pair, those first that cost most by what is seen of them."""
    if not running:
        return frozenset()
    binds = Binds()
    sampled = max(2, SAMPLED // len(months))
    rows = fetch(
        session,
        f"""SELECT long.resource_id FROM {_table(running, {"price float8": [pair.price for pair in running]}, binds)}
            CROSS JOIN LATERAL (SELECT resource_id, quantity FROM resource_month
                                WHERE org_id = {binds.add(question.org_id, "int")} AND month = pair.month
                                  AND sku_id = pair.sku AND region_id = pair.region ORDER BY quantity DESC LIMIT {sampled}) AS long
            GROUP BY long.resource_id ORDER BY sum(pair.price * long.quantity) DESC LIMIT {SAMPLE * limit}""",
        binds,
    )
    return frozenset(resource for (resource,) in rows)


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


def _needs(
    question: Question, months: Mapping[date, int], running: list[Pair], outstanding: Outstanding, bar: float
) -> tuple[list[Need], int] | None:
    """How long a machine that is not outstanding must have run in a month, per region, and in how many months, to reach the bar.

    A month that costs less than `share` leaves the more to the others, of which none costs more than `most`. None: hardly
    anyone could be left out.
    """
    by_place: defaultdict[tuple[date, int], list[Pair]] = defaultdict(list)
    for pair in running:
        by_place[pair.month, pair.region].append(pair)
    seconds = {month: month_period(midnight(month)).seconds for month in months}
    most = max(max(pair.price for pair in held) * seconds[place[0]] + outstanding.most.get(place, 0.0) for place, held in by_place.items())
    goal = bar * SLACK - (most / HOURS_OF_OPEN if question.has_tail else 0.0)
    share = goal / len(months) * (1 if len(months) == 1 else PART_OF_SHARE)
    times = max(1, ceil((goal - len(months) * share) / (most - share))) if most > share else 1
    needs = []
    for place, held in by_place.items():
        cost = share - outstanding.most.get(place, 0.0)
        if cost <= 0:
            return None
        needed = least_seconds([pair.price for pair in held], seconds[place[0]], cost)
        if needed:
            dear = [pair for pair in held if pair.price >= needed[0]]
            needs += [Need(pair, int(needed[1] * SLACK), int(needed[1] * SLACK / len(dear))) for pair in dear]
    return needs, times


def _ran_as_long(session: Session, question: Question, needs: list[Need], times: int) -> frozenset[int]:
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
    return frozenset(resource for (resource,) in rows)


def _best(
    session: Session, question: Question, months: Mapping[date, int], resources: frozenset[int], limit: int
) -> list[tuple[int, float]]:
    """(resource, cost) of the `limit` costliest of `resources`, largest first, equal ones by id."""
    if not resources:
        return []
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
    return fetch(
        session,
        f"""SELECT resource_id, sum(quantity * w) AS cost
            FROM (SELECT *, {weight_by_epoch(question, binds)} AS w FROM ({rows}) AS used WHERE {where} OFFSET 0) AS cell
            GROUP BY resource_id ORDER BY cost DESC, resource_id LIMIT {limit}""",
        binds,
    )
