"""The small lines beside the table's rows: alike whether the chart draws the series or not."""

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from flyusage.periods import floor_day
from flyusage.pricing.outlines import outline_granularity
from flyusage.pricing.points import Buckets, buckets
from flyusage.pricing.view import Answer, Granularity, Measure, Series
from flyusage.ui.charts.sparkline import sparkline

MOST_VIEWS, MOST_LINES = 100, 200


class KeptLines:
    """Lines of views seen lately, so that a table that is shown again has its lines at once and they do not flicker."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, dict[str, str]] = {}

    def of(self, view: Hashable) -> Mapping[str, str]:
        """What is known of `view`'s lines, by series."""
        return self._lines.get(view, {})

    def keep(self, view: Hashable, lines: Mapping[str, str]) -> None:
        """Keep `lines` beside those known, within bounds; the view longest unseen goes."""
        known = self._lines.pop(view, {})
        self._lines[view] = {**(known if len(known) < MOST_LINES else {}), **lines}
        while len(self._lines) > MOST_VIEWS:
            del self._lines[next(iter(self._lines))]


def drawn_line(answer: Answer, series: Series) -> str:
    """The SVG path of a series that the chart draws, empty for one it does not: hours of a long stretch are taken together by day."""
    if not series.points:
        return ""
    axis = _axis(answer)
    if axis.granularity is answer.granularity:
        return _path(answer, axis, series.points)
    one_of = max if answer.view.measure is Measure.RUNNING_PEAK else _mean
    return _path(answer, axis, [one_of(series.points[first:last]) for first, last in _stretches(answer.buckets, axis.starts)])


def other_lines(answer: Answer, outlines: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Paths by key of series that the chart does not draw, from what `pricing.outlines` gives of them."""
    axis = _axis(answer)
    return {key: _path(answer, axis, points) for key, points in outlines.items()}


@lru_cache(maxsize=8)  # the same for every row of a table
def _stretches(buckets: tuple[datetime, ...], starts: tuple[datetime, ...]) -> list[tuple[int, int]]:
    """Which of the ordered `buckets` lie in the stretch that each of `starts` begins."""
    firsts = [bisect_left(buckets, start) for start in starts]
    return list(pairwise([*firsts, len(buckets)]))


def _axis(answer: Answer) -> Buckets:
    period = answer.view.period
    return buckets(period, outline_granularity(answer.granularity, period))


def _path(answer: Answer, axis: Buckets, points: Sequence[float]) -> str:
    """Of whole buckets: one that is cut, or still fills, would read as a fall."""
    period = answer.view.period
    by_day = axis.granularity is Granularity.DAY
    first = int(by_day and period.start != floor_day(period.start))
    ends = [*axis.starts[1:], period.end]
    last = sum(end <= answer.as_of for end in ends) - int(by_day and period.end != floor_day(period.end) and period.end <= answer.as_of)
    return sparkline(points[first:last] or points[:last])


def _mean(points: Sequence[float]) -> float:
    return sum(points) / max(1, len(points))
