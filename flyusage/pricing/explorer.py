"""The question engine: one view in, one answer out, for page, API, command and export alike."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from sqlmodel import Session

from flyusage.periods import floor_hour
from flyusage.pricing.asking import Known, ask, history, know, moment_at, needs_centres, rolled_through
from flyusage.pricing.beside import Aside, Beside, Nobody
from flyusage.pricing.comparison import Earlier, earlier
from flyusage.pricing.counting import OTHER, Counted, count, other_than
from flyusage.pricing.headline import Headline, headline
from flyusage.pricing.labels import labels
from flyusage.pricing.marks import price_steps
from flyusage.pricing.notices import notices
from flyusage.pricing.peaks import peaks
from flyusage.pricing.points import Buckets, buckets, difference, points
from flyusage.pricing.question import Question
from flyusage.pricing.totals import Sum
from flyusage.pricing.values import values
from flyusage.pricing.view import Answer, Dimension, Measure, Series, Totals, View, auto_granularity, granularities

__all__ = ["auto_granularity", "explore", "granularities", "history", "price_steps", "values"]

DRAWN_SERIES = 20
ATTEMPTS = 4


def explore(
    session: Session,
    org_id: int,
    view: View,
    *,
    now: datetime | None = None,
    table_points: bool = False,
    known: Known | None = None,
    beside: Beside | None = None,
) -> Answer:
    """What `view` shows of the organization, complete to `view.as_of` or, when that is None, to `now` (the clock's).

    Every total is exact. Points are for drawing; series folded into "other" have none unless `table_points`. Grouped by
    machine, the first 100 are listed and everything else is one series, so that they still add up. `known` is what `know` of the
    same moment just gave; `beside` halves the wait, for whoever has written nothing in this transaction. Raises ValueError for a
    cost that only invoices know.
    """
    if view.measure.is_invoiced:
        raise ValueError(f"{view.measure} is asked of invoices.costs.explore")
    attempt = 1
    while True:
        if known is None or attempt > 1:
            known = know(session, org_id, view.as_of, now, has_centres=needs_centres(view))
        answer = _Answering(session, view, known, has_table_points=table_points, beside=beside or Nobody()).answer()
        if rolled_through(session, org_id) in (None, known.moment.rolled_through) or attempt == ATTEMPTS:
            return answer
        attempt += 1  # an hour was closed while we read: what was its tail is in the cells now


def explore_totals(session: Session, known: Known, view: View, totals: Totals) -> Answer:
    """As `explore`, without points, for a page that shows several groupings of one period: `totals` are those of the first."""
    return _Answering(session, view, known, totals=totals).answer()


@dataclass(frozen=True)
class _Before:
    """The period compared with: `counted` is complete to the same elapsed time, `whole` is drawn."""

    counted: Counted
    whole: Question


@dataclass(frozen=True)
class _Lines:
    """Points by series id, now and before."""

    now: dict[int, list[float]]
    before: dict[int, list[float]]

    def with_idle(self, drawn: list[int], count: int) -> "_Lines":
        """With a point per bucket for what is drawn and was used before alone."""
        return _Lines({**dict.fromkeys(drawn, [0.0] * count), **self.now}, self.before)


@dataclass(frozen=True)
class _Answering:
    """One answer in the making."""

    session: Session
    view: View
    known: Known
    has_table_points: bool = False
    totals: Totals | None = None
    beside: Beside = field(default_factory=Nobody)

    def answer(self) -> Answer:
        question = ask(self.session, self.known, self.view)
        granularity = self.view.drawn_granularity
        axis = buckets(question.period, granularity)
        whole, heading = self._whole(question, axis), self._heading(question)
        counted = count(self.session, question, remembered=self.known.remembered)
        asked_before = earlier(self.view.period, self.view.comparison, question.moment.as_of)
        before = self._before(asked_before, frozenset(counted.sums) - {OTHER})
        ranked = self._ranked(counted, before)
        top = [one for one in ranked if one != OTHER][:DRAWN_SERIES]
        lines = self._lines(counted, before, axis, top if len(top) < len(ranked) else None, whole)
        if self.totals is None:
            lines = lines.with_idle(top, len(axis.starts))
        series = self._series(ranked, counted, before, lines)
        return Answer(
            view=self.view,
            granularity=granularity,
            currency=self.known.book.currency,
            as_of=question.moment.as_of,
            rolled_through=question.moment.rolled_through,
            buckets=axis.starts,
            series=tuple(series[one] for one in ranked),
            drawn=tuple(self._drawn(ranked, top, series, (counted, before, lines))),
            total=counted.total,
            previous_total=before.counted.total if before else None,
            previous_period=before.counted.question.complete if before else None,
            totals=self.totals or heading.answer().totals(question, counted.whole_at_list),
            history_begins=self.known.history.start if self.known.history else None,
            last_event_at=self.known.history.end if self.known.history else None,
            load=self.known.load,
            notices=notices(
                counted,
                self.known,
                asked_before.whole if asked_before else None,
                before.counted.question.complete if before else None,
            ),
        )

    def _whole(self, question: Question, axis: Buckets) -> "Aside[list[float]]":
        """The points of everything together, which what is drawn as "other" is the rest of."""

        def asked(session: Session) -> list[float]:
            return self._drawn_points(session, replace(question, group_by=None), axis).get(0, [0.0] * len(axis.starts))

        has_rest = self.totals is None and question.group_by is not None and question.measure is not Measure.RUNNING_PEAK
        return (self.beside if has_rest else Nobody()).ask(self.session, asked)

    def _heading(self, question: Question) -> "Aside[Headline]":
        return (self.beside if self.totals is None else Nobody()).ask(
            self.session,
            lambda session: self.known.remembered.ask(
                ("headline", question.period, question.moment.as_of), lambda: headline(session, question)
            ),
        )

    def _before(self, asked: Earlier | None, machines: frozenset[int]) -> _Before | None:
        """The earlier period, counted; None where history does not reach, or not yet."""
        if asked is None or not self.known.has_whole(asked.whole):
            return None
        cut = asked.compared.end
        moment = self.known.moment if cut == floor_hour(cut) else moment_at(self.session, self.known.org_id, cut)
        compared = ask(self.session, self.known, self.view, period=asked.compared, moment=moment)
        by_machine = self.view.group_by is Dimension.MACHINE
        counted = count(self.session, compared, machines=machines if by_machine else None)
        return _Before(counted, ask(self.session, self.known, self.view, period=asked.whole))

    def _ranked(self, counted: Counted, before: _Before | None) -> list[int]:
        """Series with anything to show, largest first; what is not listed last."""
        earlier_values = before.counted.values if before else {}
        is_money = self.view.measure.is_money
        shown = {
            one
            for one in {*counted.sums, *counted.values, *earlier_values}
            if counted.value_of(one) or earlier_values.get(one) or (is_money and one in counted.sums and counted.sums[one].unpriced)
        }
        return sorted(shown, key=lambda one: (one == OTHER, -counted.value_of(one), -earlier_values.get(one, Fraction(0)), one))

    def _lines(self, counted: Counted, before: _Before | None, axis: Buckets, top: list[int] | None, whole: "Aside[list[float]]") -> _Lines:
        if self.totals is not None:
            return _Lines({}, {})
        now = self._points(counted.question, axis, top, whole)
        if before is None:
            return _Lines(now, {})
        earlier_axis = buckets(before.whole.period, axis.granularity)
        earlier_whole = self._whole(before.whole, earlier_axis)
        found = self._points(before.whole, earlier_axis, top, earlier_whole)
        return _Lines(now, {one: line[: len(axis.starts)] for one, line in found.items()})

    def _points(self, question: Question, axis: Buckets, top: list[int] | None, whole: "Aside[list[float]]") -> dict[int, list[float]]:
        """Points of the `top` series and of OTHER; None: of all series."""
        listed = None if top is None else frozenset(top)
        if question.measure is Measure.RUNNING_PEAK:
            return {one: peak.points for one, peak in peaks(self.session, question, axis, drawn=listed).items()}
        is_all = self.has_table_points and question.group_by is not Dimension.MACHINE
        found = self._drawn_points(self.session, question, axis, only=None if is_all else listed)
        if listed is None:
            return found
        return found | {OTHER: difference(whole.answer(), [line for one, line in found.items() if one in listed])}

    def _drawn_points(
        self, session: Session, question: Question, axis: Buckets, *, only: frozenset[int] | None = None
    ) -> dict[int, list[float]]:
        key = ("points", question.measure, *question.counted_in, axis.period, axis.granularity, only)
        return self.known.remembered.ask(key, lambda: points(session, question, axis, only=only))

    def _series(self, ranked: list[int], counted: Counted, before: _Before | None, lines: _Lines) -> dict[int, Series]:
        named = labels(self.session, counted.question, [one for one in ranked if one != OTHER])
        found = {}
        for one in ranked:
            is_other = one == OTHER
            key, label = ("", "Other machines, volumes and addresses") if is_other else named[one]
            found[one] = self._one(counted.at_list.get(one, Sum()), key=key, label=label, is_other=is_other, total=counted.value_of(one))
            found[one] = replace(
                found[one],
                points=tuple(lines.now.get(one, ())) if not is_other else (),
                previous_total=before.counted.value_of(one) if before else None,
                previous_points=tuple(lines.before.get(one, ())) if not is_other else (),
            )
        return found

    def _one(self, used: Sum, *, key: str, label: str, is_other: bool, total: Fraction) -> Series:
        return Series(
            key=key,
            label=label,
            total=total,
            list_cost=used.cost,
            machine_hours=Fraction(used.machine_seconds, 3600),
            is_unpriced=bool(used.unpriced),
            is_other=is_other,
        )

    def _drawn(
        self, ranked: list[int], top: list[int], series: dict[int, Series], found: tuple[Counted, _Before | None, _Lines]
    ) -> list[Series]:
        """The top series, and the rest as one."""
        drawn = [series[one] for one in top]
        if len(top) == len(ranked):
            return drawn
        counted, before, lines = found
        listed, rest = frozenset(top), [one for one in ranked if one not in top]
        is_peak = self.view.measure is Measure.RUNNING_PEAK
        label = "Other" if OTHER in rest else f"{len(rest)} others"
        total = Fraction(max(lines.now.get(OTHER, ()), default=0)) if is_peak else sum((counted.value_of(one) for one in rest), Fraction(0))
        other = self._one(other_than(counted, listed), key="", label=label, is_other=True, total=total)
        previous = None if before is None or is_peak else sum((before.counted.value_of(one) for one in rest), Fraction(0))
        points_now, points_before = tuple(lines.now.get(OTHER, ())), tuple(lines.before.get(OTHER, ()))
        return [*drawn, replace(other, points=points_now, previous_points=points_before, previous_total=previous)]
