"""Anomalies of an organization: looked for once in every hour that was added up, kept with their cause, and told.

An hour is looked at once, two hours after its end, so that late events seldom change what was seen; what comes later still tells nothing
twice. Everything but traffic is looked at by hour. Traffic is reported for hours past, so that it is looked at by day, a day later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock
from flyusage.alerts import deliveries
from flyusage.alerts.causes import Cause, cause_of
from flyusage.alerts.deliveries import Message
from flyusage.alerts.detecting import ALL, CALM_SLOTS, HIDES, PAST_DAYS, Anomaly, Grid, Key, Line, step
from flyusage.alerts.endpoints import ANOMALIES
from flyusage.alerts.models import anomaly, anomaly_watch
from flyusage.alerts.places import told_of
from flyusage.alerts.telling import plain_minor
from flyusage.metering.models import HOURS
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import DAY, HOUR, Period, floor_day
from flyusage.pricing.asking import Known, ask, know
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Dimension, Filter, Granularity, Measure, View
from flyusage.pricing.weights import weight

Meters = Literal["running", "traffic"]
RUNNING, TRAFFIC = "running", "traffic"
SETTLES = {RUNNING: 2 * HOUR, TRAFFIC: DAY}  # after the end of an hour (a day): by then its events are in
SLOT = {RUNNING: HOUR, TRAFFIC: DAY}
LOOKS_BACK = 31 * DAY  # on the first look
OF_INTEREST, WORTH_TELLING = 0.0005, 0.003  # of what a day costs: a slot's difference, and that of all of it
SMALLEST_WORTH = 1.0  # unit of the currency
MOST_A_DAY = 5

_of = anomaly.c


@dataclass(frozen=True)
class Found:
    """An anomaly as it is shown. `app` or `region` is empty where it is about all of them. Amounts are estimates in minor units."""

    id: int
    app: str
    region: str
    is_traffic: bool
    is_rise: bool
    since: datetime
    until: datetime
    is_over: bool
    difference_minor: int
    expected_minor: int
    currency: str
    cause: Cause
    is_told: bool

    @property
    def where(self) -> str:
        """`web in fra`, `web everywhere`, `everything in fra`."""
        return f"{self.app or 'everything'} {f'in {self.region}' if self.region else 'everywhere'}" + (
            ", traffic" if self.is_traffic else ""
        )


def look_for(session: Session, org_id: int, *, days: int | None = None) -> bool:
    """Look at what was added up since the last look, at most `days` of it (None: all); whether more is left.

    Whoever else looks at the organization at the same time has it to themselves.
    """
    is_more = {meters: _look(session, org_id, meters, days) for meters in (RUNNING, TRAFFIC)}
    return any(is_more.values())


def organizations_to_look_at(session: Session) -> list[int]:
    """Those with four weeks of history and hours that nobody looked at, without the deleted. Needs the platform's role."""
    return list(session.scalars(sa.text(_UNSEEN), {"settles": SETTLES[RUNNING], "past": (PAST_DAYS + 1) * DAY}))


def anomalies(
    session: Session,
    org_id: int,
    period: Period | None = None,
    *,
    limit: int = 100,
    all_of_them: bool = False,
    known: Known | None = None,
) -> list[Found]:
    """Those (that touch `period`) worth telling, the latest day first and by what they came to within it, at most a handful a day.

    `all_of_them`: the small ones and those beyond the handful, too. `known` are the organization's names where they were just asked.
    """
    names = known or know(session, org_id, None, None, has_centres=False)
    asked = sa.select(anomaly).where(_of.org_id == org_id)
    if period is not None:
        asked = asked.where(_of.since < period.end, _of.until > period.start)
    if not all_of_them:
        asked = asked.where(_of.told_at.is_not(None))
    day = sa.func.date_trunc("day", _of.since)
    rows = session.execute(asked.order_by(day.desc(), sa.func.abs(_of.difference_minor).desc(), _of.id).limit(limit)).mappings()
    regions = {key: one.code for key, one in names.reference.regions.items()}
    return [_found({**row}, names.names.apps, regions, names.book.currency) for row in rows]


def anomalies_told(session: Session, org_id: int, since: datetime, until: datetime) -> list[Found]:
    """Those first told in (`since`, `until`], the costliest first."""
    names = know(session, org_id, None, None, has_centres=False)
    asked = sa.select(anomaly).where(_of.org_id == org_id, _of.told_at > since, _of.told_at <= until)
    rows = session.execute(asked.order_by(sa.func.abs(_of.difference_minor).desc(), _of.id)).mappings()
    regions = {key: one.code for key, one in names.reference.regions.items()}
    return [_found({**row}, names.names.apps, regions, names.book.currency) for row in rows]


def view_of(one: Found) -> View:
    """The explorer's view that shows it: by hour from a day before to half a day after, by what its place is made up of."""
    filters = [Filter(Dimension.APP, (one.app,))] if one.app else []
    filters += [Filter(Dimension.REGION, (one.region,))] if one.region else []
    by = Dimension.SKU if one.app and one.region else Dimension.REGION if one.app else Dimension.APP
    period = Period(one.since - DAY, one.until + DAY / 2)
    whole = Period(floor_day(period.start), floor_day(period.end) + DAY) if one.is_traffic else period
    return View(Measure.CONTRACTED_COST, whole, by, tuple(filters), Granularity.DAY if one.is_traffic else None)


def sentence(one: Found) -> str:
    """What happened, in a sentence without the machines' names. Pure."""
    amount = format_minor(abs(one.difference_minor), CURRENCIES[one.currency])
    more = "more" if one.is_rise else "less"
    lasted = f"from {one.since:%b} {one.since.day}, {one.since:%H:%M} to {one.until:%b} {one.until.day}, {one.until:%H:%M} UTC"
    since = lasted if one.is_over else f"since {one.since:%b} {one.since.day}, {one.since:%H:%M} UTC"
    where = one.where if one.app else f"{one.where[:1].upper()}{one.where[1:]}"  # an app's name is as it is
    return f"{where} cost {amount} {more} than is usual {since}."


def facts_of(one: Found) -> dict[str, object]:
    """What webhooks are told of it; the difference as `12.50`, with the currency's decimals. Pure."""
    return {
        "anomaly_id": one.id, "app": one.app or None, "region": one.region or None, "direction": "rise" if one.is_rise else "drop",
        "since": f"{one.since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{one.until:%Y-%m-%dT%H:%M:%SZ}",
        "difference": plain_minor(one.difference_minor, one.currency), "currency": one.currency, "cause": one.cause.plain(),
    }  # fmt: skip


def _look(session: Session, org_id: int, meters: Meters, days: int | None) -> bool:
    known = know(session, org_id, None, None, has_centres=False)
    first_usual = known.moment.rolled_through - LOOKS_BACK - (PAST_DAYS + 2) * DAY  # what the first hours looked at are held against
    if known.history is None or (known.load is not None and not known.load.covers(Period(first_usual, clock.now()))):
        return False
    slot = SLOT[meters]
    end = _floor(known.moment.rolled_through - SETTLES[meters], slot)
    first = _floor(max(known.history.start + PAST_DAYS * DAY, end - LOOKS_BACK), slot) + slot
    of = anomaly_watch.c
    session.execute(insert(anomaly_watch).values(org_id=org_id, meters=meters, looked_through=first).on_conflict_do_nothing())
    held = sa.select(of.looked_through).where(of.org_id == org_id, of.meters == meters).with_for_update(skip_locked=True)
    looked = session.execute(held).scalar_one_or_none()
    if looked is None or looked >= end:
        return False
    begin = max(looked, end - LOOKS_BACK)
    until = end if days is None else min(end, floor_day(begin) + days * DAY)
    view = View(Measure.CONTRACTED_COST, Period(floor_day(until - slot), floor_day(until - slot) + DAY), Dimension.APP)
    question = ask(session, known, view)
    for span in _by_day(Period(begin, until)):
        _look_at(session, question, meters, span)
    session.execute(sa.update(anomaly_watch).where(of.org_id == org_id, of.meters == meters).values(looked_through=until))
    return until < end


def _look_at(session: Session, question: Question, meters: Meters, span: Period) -> None:
    """The slots of `span`, which lies within a day."""
    slot, org_id = SLOT[meters], question.org_id
    first_day = floor_day(span.start) - (PAST_DAYS + 1) * DAY  # the slot before a day's first is the day before's last
    grid = grid_of(session, question, meters, Period(first_day, floor_day(span.start) + DAY))
    place = round((span.start - first_day) / slot)
    running, ids = _running(session, org_id, meters, first_day, CURRENCIES[question.book.currency].exponent)
    before = grid.standing_out(place - 1)
    for at in range(place, place + round((span.end - span.start) / slot)):
        now = grid.standing_out(at)
        running = step(running, before, now, at, slots_to_begin=2 if meters == RUNNING else 1)
        before = now
    for one in running:
        _keep(session, question, meters, _Placed(one, first_day, ids.get((one.key, one.is_rise, one.since))), grid)


@dataclass(frozen=True)
class _Placed:
    """An anomaly in a grid that begins at `first_day`; `id` of its row, None for a new one."""

    anomaly: Anomaly
    first_day: datetime
    id: int | None


def grid_of(session: Session, question: Question, meters: Meters, period: Period) -> Grid:
    """What every app in every region cost in the days of `period`, at the prices of the question's first day, by hour (traffic: by day).

    Of those that cost so much that a sku may be lost in them, by sku, too.
    """
    days, lines = round((period.end - period.start) / DAY), dict[Key, Line]()
    for app, region, _, filled in summed(session, question, meters, period):
        lines[app, region] = Line(filled[0], filled[1:] or filled[:1])
        for key in ((ALL, region), (app, ALL)):
            _add(lines, key, filled)
    a_day = sorted(sum(line.totals[day] for key, line in lines.items() if key[0] == ALL) for day in range(days))
    of_interest = max(SMALLEST_WORTH / 24, OF_INTEREST * a_day[len(a_day) // 2])
    large = [key for key, line in lines.items() if ALL not in key and HIDES * max(map(max, line.slots)) > of_interest]
    parts: dict[Key, list[Line]] = {}
    for app, region, _, filled in summed(session, question, meters, period, of=large) if large else ():
        parts.setdefault((app, region), []).append(Line(filled[0], filled[1:] or filled[:1]))
    several = {key: found for key, found in parts.items() if len(found) > 1}
    return Grid(lines, of_interest, slots_a_day=24 if meters == RUNNING else 1, parts=several)


def summed(
    session: Session, question: Question, meters: Meters, period: Period, *, of: Sequence[Key] | None = None
) -> Iterator[tuple[int, int, int, list[list[float]]]]:
    """(app, region, sku, cost by day: of the whole day, then of each hour); the sku is 0 and all of them, unless asked `of` some places."""
    binds = Binds()
    first, days = period.start.date(), round((period.end - period.start) / DAY)
    egress = [one.id for one in question.reference.skus.values() if one.meter == "egress"]
    priced = weight(question, 0, binds)
    columns = HOURS if meters == RUNNING else ()
    sums = ", ".join([f"array_agg({one} ORDER BY day) AS {one}" for one in columns])
    inner = ", ".join(f"sum({one} * w) AS {one}" for one in columns)
    sku, where = ("0", "") if of is None else ("sku_id", f" AND (app_id, region_id) IN ({_places(of, binds)})")
    rows = fetch(
        session,
        f"""SELECT app_id, region_id, sku, array_agg(day - {binds.add(first, "date")} ORDER BY day),
                   array_agg(total ORDER BY day){sums and ", " + sums}
            FROM (SELECT app_id, region_id, {sku} AS sku, day, sum(total * w) AS total{inner and ", " + inner}
                  FROM (SELECT *, {priced} AS w FROM usage_day
                        WHERE org_id = {binds.add(question.org_id, "int")} AND day >= {binds.add(first, "date")}
                          AND day < {binds.add(period.end.date(), "date")}{where}
                          AND (sku_id = ANY ({binds.add(egress, "smallint[]")})) = {binds.add(meters == TRAFFIC, "boolean")} OFFSET 0) AS cell
                  GROUP BY 1, 2, 3, 4) AS by_day GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        binds,
    )
    for app, region, one, places, *sums_by_day in rows:
        yield app, region, one, [_filled(days, places, each) for each in sums_by_day]


def _places(keys: Sequence[Key], binds: Binds) -> str:
    apps, regions = binds.add([app for app, _ in keys], "int[]"), binds.add([region for _, region in keys], "smallint[]")
    return f"SELECT app, region FROM unnest({apps}, {regions}) AS large (app, region)"


def worth_telling(grid: Grid) -> float:
    """What an anomaly must come to before it is told, in units of the currency: three thousandths of what a day costs."""
    return max(SMALLEST_WORTH, grid.of_interest * WORTH_TELLING / OF_INTEREST)


def _add(lines: dict[tuple[int, int], Line], key: tuple[int, int], filled: Sequence[Sequence[float]]) -> None:
    slots = filled[1:] or filled[:1]
    whole = lines.get(key)
    if whole is None:
        lines[key] = Line(list(filled[0]), [list(one) for one in slots])
        return
    whole.totals = [a + b for a, b in zip(whole.totals, filled[0], strict=True)]
    whole.slots = [[a + b for a, b in zip(old, new, strict=True)] for old, new in zip(whole.slots, slots, strict=True)]


def _filled(days: int, places: Sequence[int], values: Sequence[float]) -> list[float]:
    found = [0.0] * days
    for place, one in zip(places, values, strict=True):
        found[place] = float(one)
    return found


def _running(
    session: Session, org_id: int, meters: Meters, first_day: datetime, exponent: int
) -> tuple[list[Anomaly], dict[tuple[tuple[int, int], bool, int], int]]:
    """Those that are not over, counted in slots from `first_day` on, and their rows."""
    asked = sa.select(anomaly).where(_of.org_id == org_id, _of.meters == meters, _of.calm < CALM_SLOTS).order_by(_of.id)
    found, ids, units = [], {}, 10**exponent
    for row in session.execute(asked).mappings():
        since, until = (round((row[name] - first_day) / SLOT[meters]) for name in ("since", "until"))
        key = (row["app_id"], row["region_id"])
        found.append(
            Anomaly(key, row["is_rise"], since, until, row["difference_minor"] / units, row["expected_minor"] / units, row["calm"])
        )
        ids[key, row["is_rise"], since] = row["id"]
    return found, ids


def _keep(session: Session, question: Question, meters: Meters, placed: _Placed, grid: Grid) -> None:
    """Write an anomaly down as it is now, and tell it once it is worth that."""
    one, units, org_id = placed.anomaly, 10 ** CURRENCIES[question.book.currency].exponent, question.org_id
    since, until = (placed.first_day + at * SLOT[meters] for at in (one.since, one.until))
    row = {
        "until": until, "difference_minor": round(one.difference * units), "expected_minor": round(one.expected * units), "calm": one.calm,
    }  # fmt: skip
    if placed.id is None:
        fresh = {
            "org_id": org_id, "meters": meters, "app_id": one.key[0], "region_id": one.key[1], "is_rise": one.is_rise, "since": since, **row,
        }  # fmt: skip
        made = session.execute(insert(anomaly).values(fresh).on_conflict_do_nothing().returning(_of.id)).scalar_one_or_none()
        if made is None:
            return
    else:
        made = placed.id
        session.execute(sa.update(anomaly).where(_of.org_id == org_id, _of.id == made).values(row))
    if abs(one.difference) >= worth_telling(grid):
        _tell(session, question, made, Period(since, until))


def _tell(session: Session, question: Question, anomaly_id: int, span: Period) -> None:
    """Find its cause anew; tell it where it was not and its day has room."""
    org_id = question.org_id
    row = session.execute(sa.select(anomaly).where(_of.org_id == org_id, _of.id == anomaly_id)).mappings().one()
    day = floor_day(span.start)
    told = sa.select(sa.func.count()).where(_of.org_id == org_id, _of.since >= day, _of.since < day + DAY, _of.told_at.is_not(None))
    if row["told_at"] is None and session.execute(told).scalar_one() >= MOST_A_DAY:
        return
    cause = cause_of(
        session, question, (row["app_id"], row["region_id"]), span, is_rise=row["is_rise"], is_traffic=row["meters"] == TRAFFIC
    )
    session.execute(
        sa.update(anomaly)
        .where(_of.org_id == org_id, _of.id == anomaly_id)
        .values(cause=cause.plain(), told_at=row["told_at"] or clock.now())
    )
    if row["told_at"] is None and clock.now() - span.end < 2 * DAY:  # what is long over is shown, not sent
        regions = {key: one.code for key, one in question.reference.regions.items()}
        shown = _found({**row, "cause": cause.plain()}, question.names.apps, regions, question.book.currency)
        _announce(session, org_id, row["key"], shown)


def _announce(session: Session, org_id: int, key: UUID, shown: Found) -> None:
    place = told_of(session, org_id)
    text = f"{place.name}: {sentence(shown)} {shown.cause.words(with_names=True)}".strip()
    link = place.link("/usage", view_to_query(view_of(shown)))
    deliveries.announce(session, org_id, ANOMALIES, Message(deliveries.message_id(key), "anomaly.found", text, facts_of(shown), link))


def _found(row: Mapping[str, Any], apps: Mapping[int, str], regions: Mapping[int, str], currency: str) -> Found:
    return Found(
        row["id"], apps.get(row["app_id"], ""), regions.get(row["region_id"], "") if row["region_id"] != ALL else "", row["meters"] == TRAFFIC,
        row["is_rise"], row["since"], row["until"], row["calm"] >= CALM_SLOTS, row["difference_minor"], row["expected_minor"], currency,
        Cause.of(row["cause"]), row["told_at"] is not None,
    )  # fmt: skip


def _by_day(span: Period) -> Iterator[Period]:
    start = span.start
    while start < span.end:
        end = min(floor_day(start) + DAY, span.end)
        yield Period(start, end)
        start = end


def _floor(moment: datetime, slot: timedelta) -> datetime:
    return floor_day(moment) if slot == DAY else moment.replace(minute=0, second=0, microsecond=0)


_UNSEEN = """
SELECT s.org_id FROM rollup_state s JOIN organization o ON o.id = s.org_id AND o.deleted_at IS NULL
LEFT JOIN anomaly_watch w ON w.org_id = s.org_id AND w.meters = 'running'
WHERE s.first_event_at < s.rolled_through - CAST(:past AS interval)
  AND (w.looked_through IS NULL OR w.looked_through < s.rolled_through - CAST(:settles AS interval)) ORDER BY s.org_id"""
