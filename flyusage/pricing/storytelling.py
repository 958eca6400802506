"""Why each contributor changed: reads its machines hour by hour and its sizes, and has that put into words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction

from sqlmodel import Session

from flyusage.periods import DAY, HOUR, Period, floor_day
from flyusage.pricing.cells import Part, parts
from flyusage.pricing.change_words import BYTES_PER_GB, MIB_PER_GB, Shift, Story, words
from flyusage.pricing.contributors import Key, Keys
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.slices import by_days, by_hours, epochs
from flyusage.pricing.split import Split, Used
from flyusage.pricing.steps import Step, find_step
from flyusage.pricing.view import Contributor

HOURLY_UP_TO = timedelta(days=63)


@dataclass(frozen=True)
class Told:
    """What is compared, and how its contributors are told apart."""

    before: Question
    after: Question
    keys: Keys


@dataclass(frozen=True)
class Line:
    """Running machines from `start` on, one point per `width`."""

    start: datetime
    width: timedelta
    machines: list[float]

    def at(self, place: int) -> datetime:
        """The moment that `place` begins."""
        return self.start + place * self.width


def tell(session: Session, told: Told, contributors: Sequence[tuple[Key, Contributor, list[Used]]]) -> list[Contributor]:
    """The contributors with their words, and since when."""
    if not contributors:
        return []
    lines = _lines(session, told, [key for key, _, _ in contributors])
    return [_told(told, one, used, lines.get(key)) for key, one, used in contributors]


def _told(told: Told, one: Contributor, used: list[Used], line: Line | None) -> Contributor:
    step, since = _change(one, line)
    meter = _largest_meter(told.after, used)
    amounts = [_mean(told.after, used, meter, told.before.complete, 0), _mean(told.after, used, meter, told.after.complete, 1)]
    story = Story(
        before=one.before,
        after=one.after,
        split=Split(one.price, one.amount, one.mix),
        machines_before=one.machines_before,
        machines_after=one.machines_after,
        step=step,
        step_at=since,
        shift=_shift(told, used),
        price_steps=_price_steps(told, used),
        meter=meter,
        meter_before=amounts[0],
        meter_after=amounts[1],
    )
    said = words(story)
    return replace(one, words=said, since=since if " since " in said else None)


def _change(one: Contributor, line: Line | None) -> tuple[Step | None, datetime | None]:
    """The step that says it, or the first or last moment of something new or gone."""
    if line is None or not any(line.machines):
        return None, None
    ran = [place for place, machines in enumerate(line.machines) if machines]
    if one.before == 0:
        return None, line.at(ran[0])
    if one.after == 0:
        return None, line.at(ran[-1] + 1)
    step = find_step(line.machines)
    return step, line.at(step.place) if step else None


def _largest_meter(question: Question, used: list[Used]) -> str:
    """The meter whose cost changed most."""
    changed: dict[str, Fraction] = {}
    for one in used:
        meter = question.reference.skus[one.sku_id].meter or ""
        changed[meter] = changed.get(meter, Fraction(0)) + one.cost_after - one.cost_before
    return max(changed, key=lambda meter: (abs(changed[meter]), meter), default="machine")


def _mean(question: Question, used: list[Used], meter: str, period: Period, side: int) -> Fraction:
    """The meter's mean over the period: GB or addresses; egress: GB in all."""
    quantity = sum((one.quantity_before, one.quantity_after)[side] for one in used if question.reference.skus[one.sku_id].meter == meter)
    if meter == "egress":
        return Fraction(quantity, BYTES_PER_GB)
    return Fraction(quantity, max(1, period.seconds) * (MIB_PER_GB if meter in ("volume", "extra_memory", "rootfs") else 1))


def _shift(told: Told, used: list[Used]) -> Shift | None:
    """Between which sizes (or, within one size, regions) machine time moved."""
    for name in (_size_name, _region_name):
        moved: dict[str, int] = {}
        for one in used:
            if told.after.reference.skus[one.sku_id].meter == "machine":
                place = name(told.after, one)
                moved[place] = moved.get(place, 0) + one.quantity_after - one.quantity_before
        ranked = sorted(moved, key=lambda place: (moved[place], place))
        lost, gained = (ranked[0], ranked[-1]) if ranked else ("", "")
        if moved and moved[lost] < 0 < moved[gained]:
            return Shift(lost, gained)
    return None


def _size_name(question: Question, used: Used) -> str:
    size = question.reference.skus[used.sku_id].vm_size_id
    return question.reference.sizes[size].name if size is not None else ""


def _region_name(question: Question, used: Used) -> str:
    return question.reference.regions[used.region_id].code


def _price_steps(told: Told, used: list[Used]) -> list[date]:
    """Days between the start of the earlier period and the end of the later one at which one of its prices changed."""
    prices = told.after.prices
    days = set()
    for day in prices.steps(Period(told.before.period.start, told.after.period.end)):
        for one in used:
            old, new = (prices.on(one.sku_id, one.region_id, when) for when in (day - timedelta(days=1), day))
            if old and new and (old.amount, old.per) != (new.amount, new.per):
                days.add(day)
    return sorted(days)


def _lines(session: Session, told: Told, listed: list[Key]) -> dict[Key, Line]:
    """Running machines of each contributor over both periods where they touch, else over the later one; closed hours only."""
    before, after = told.before, told.after
    start = before.period.start if before.period.end == after.period.start else after.period.start
    end = min(after.period.end, after.moment.since)
    if end <= start or after.scope.is_about_machines:
        return {}
    is_hourly = end - start <= HOURLY_UP_TO
    span = Period(start, end) if is_hourly else Period(floor_day(start), floor_day(end))
    width = HOUR if is_hourly else DAY
    question = _over(told, span, listed)
    binds = Binds()
    found = parts(question, (by_hours if is_hourly else by_days)(span, question.epochs), binds, skus=question.reference.machine_skus)
    lines = {key: Line(span.start, width, [0.0] * ((span.end - span.start) // width)) for key in listed}
    if not found:
        return {}
    statement = " UNION ALL ".join(_query(told, question, binds, numbered) for numbered in enumerate(found))
    for number, key, moment, values in fetch(session, statement, binds):
        if tuple(key) in lines:
            _put(lines[tuple(key)], found[number].slice.starts(moment), values)
    return lines


def _over(told: Told, span: Period, listed: list[Key]) -> Question:
    """The later question over `span`; its apps by epoch hold wherever cost centres stay, which is all that words need."""
    held = epochs(span, ())
    apps = told.after.scope.apps[-1]
    spread = replace(told.after, period=span, epochs=held, scope=replace(told.after.scope, apps=tuple(apps for _ in held)))
    return told.keys.narrowed(spread, listed)


def _query(told: Told, question: Question, binds: Binds, numbered: tuple[int, Part]) -> str:
    number, part = numbered
    columns, joined = told.keys.columns(question, binds)
    sums = ", ".join(f"sum({name})" for name in part.slice.names)
    return (
        f"SELECT {number}, ARRAY[{', '.join(columns)}] AS contributor, {part.key}, ARRAY[{sums}] "
        f"FROM (SELECT *, {part.slice.epoch} AS epoch FROM {part.table} WHERE {part.where}) AS cell {joined} GROUP BY 2, 3"
    )


def _put(line: Line, start: datetime, values: Sequence[int]) -> None:
    first = (start - line.start) // line.width
    for place, seconds in enumerate(values, first):
        if 0 <= place < len(line.machines):
            line.machines[place] += int(seconds) / line.width.total_seconds()
