"""The address holds the whole view, readable: `?show=list_cost&by=region&from=2026-10-01&to=2026-11-01&region=fra,gru&app=!app_22`.

`from` and `to` are UTC, `to` exclusive. A filter's values stand behind its dimension's name, separated by commas, an
excluded one behind `!`; a comma, `!` or backslash that belongs to a name has a backslash before it. `zone=05:30` tells a
chart's hours in UTC+5:30; it moves no range.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote, urlencode

from flyusage.periods import DAY, HOUR, Period, add_months, floor_day, floor_hour, month_period, month_start, next_month
from flyusage.pricing.errors import ViewInvalid
from flyusage.pricing.view import Chart, Comparison, Dimension, Filter, Granularity, Measure, View, granularities

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=366)
LONGEST_MONTHS = 61
MOST_VALUES = 500
NOTHING = "nothing"
KEYS = ("show", "by", "as", "range", "from", "to", "per", "vs", "as_of", "zone")
WESTMOST_MINUTES, EASTMOST_MINUTES, ZONE_STEP_MINUTES = -12 * 60, 14 * 60, 15
PLACES = (Dimension.REGION, Dimension.CONTINENT)
DIMENSIONS = {dimension.value for dimension in Dimension}
WORDS = {"show": "measure", "by": "grouping", "as": "chart", "per": "granularity", "vs": "comparison"}

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class Preset:
    """A named range. `key` is what the address says (`range=this-month`)."""

    key: str
    label: str
    period: Period


def view_from_query(params: Mapping[str, str | Sequence[str]], *, now: datetime, history: Period | None) -> tuple[View, tuple[str, ...]]:
    """The view an address asks for, and a sentence for everything in it that was not taken as written.

    Nothing asked gives `default_view`. `history` is the span of the organization's events.
    """
    reading = _Reading({key: [value] if isinstance(value, str) else list(value) for key, value in params.items()}, now, history)
    fallback = default_view(now=now, history=history)
    view = View(
        measure=reading.choice("show", Measure, fallback.measure),
        period=reading.period(fallback.period),
        group_by=reading.grouping(fallback.group_by),
        filters=reading.filters(),
        granularity=reading.optional("per", Granularity),
        comparison=reading.choice("vs", Comparison, fallback.comparison),
        chart=reading.choice("as", Chart, fallback.chart),
        as_of=reading.as_of(),
        zone_minutes=reading.zone(),
    )
    reading.refuse_unknown()
    corrected, notices = nearest_valid(view)
    return corrected, (*reading.notices, *notices)


def view_as_written(params: Mapping[str, str | Sequence[str]], *, now: datetime, history: Period | None) -> View:
    """The same for programs, which would take another question's numbers for theirs. Raises ViewInvalid where a page would correct."""
    view, notices = view_from_query(params, now=now, history=history)
    if notices:
        raise ViewInvalid(f"Not taken as it is written. The page would correct it: {' '.join(notices)} Ask for what is meant.")
    return view


def view_to_query(view: View) -> dict[str, str]:
    """The address's query for `view`, in reading order, defaults left out; `view_from_query` gives the same view back."""
    query = {"show": view.measure.value, "by": view.group_by.value if view.group_by else NOTHING}
    if view.chart is not Chart.AREA:
        query["as"] = view.chart.value
    query |= {"from": moment_text(view.period.start), "to": moment_text(view.period.end)}
    if view.granularity:
        query["per"] = view.granularity.value
    if view.comparison is not Comparison.NONE:
        query["vs"] = view.comparison.value
    for one in view.filters:
        written = ",".join(("!" if one.is_exclusion else "") + _escape(value) for value in one.values)
        present = query.get(one.dimension.value)
        query[one.dimension.value] = f"{present},{written}" if present else written
    if view.as_of:
        query["as_of"] = view.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if view.zone_minutes:
        query["zone"] = zone_text(view.zone_minutes)
    return query


def default_view(*, now: datetime, history: Period | None) -> View:
    """List cost by region over the last month with events."""
    last = min(history.end, now) if history else now
    return View(Measure.LIST_COST, month_period(last))


def presets(*, now: datetime, history: Period | None) -> tuple[Preset, ...]:
    """The ranges offered by name, shortest first; all but the last month's hold `now`. "All" appears once there is history."""
    hour, tomorrow = floor_hour(now) + HOUR, floor_day(now) + DAY
    this_month = month_start(now)
    offered = [
        Preset("24h", "Last 24 hours", Period(hour - DAY, hour)),
        Preset("7d", "Last 7 days", Period(tomorrow - 7 * DAY, tomorrow)),
        Preset("30d", "Last 30 days", Period(tomorrow - 30 * DAY, tomorrow)),
        Preset("this-month", "This month", month_period(now)),
        Preset("last-month", "Last month", month_period(this_month - HOUR)),
        Preset("3-months", "Last 3 months", Period(add_months(this_month, -2), next_month(now))),
        Preset("13-months", "Last 13 months", Period(add_months(this_month, -12), next_month(now))),
    ]
    if history and history.start < offered[-1].period.start:
        first = max(month_start(history.start), add_months(next_month(now), -LONGEST_MONTHS))
        offered.append(Preset("all", "All", Period(first, next_month(now))))
    return tuple(offered)


def preset_named(key: str | None, *, now: datetime, history: Period | None) -> Preset | None:
    """The range that an address calls `key`; None where none is called so. A history of a year is all in the last 13 months."""
    offered = presets(now=now, history=history)
    return next((one for one in offered if one.key == key), offered[-1] if key == "all" else None)


def nearest_valid(view: View) -> tuple[View, tuple[str, ...]]:
    """`view` with what cannot go together put right, and a sentence for each correction."""
    notices = []
    offered = granularities(view.period)
    if view.granularity and view.granularity not in offered:
        notices.append("Hours are shown for ranges up to 62 days; this one is longer, so it is shown in wider steps.")
        view = replace(view, granularity=None)
    if view.chart is Chart.MAP and view.group_by not in PLACES:
        notices.append("A map shows places, so it is grouped by region.")
        view = replace(view, group_by=Dimension.REGION)
    if view.chart is Chart.HEATMAP and Granularity.HOUR not in offered:
        notices.append("A heat map shows hours, for ranges up to 62 days; this one is longer, so it is drawn as an area.")
        view = replace(view, chart=Chart.AREA)
    return view, tuple(notices)


def is_holdable(text: str) -> bool:
    """Whether a database takes it: no NUL, no half of a pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def parse_moment(text: str) -> datetime | None:
    """A UTC moment from `2026-10`, `2026-10-01` or `2026-10-01T14:00` (with a zone or without); None for anything else."""
    written = text.strip()
    try:
        moment = datetime.fromisoformat(f"{written}-01" if re.fullmatch(r"\d{4}-\d{2}", written) else written)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(1000)  # a close writes the same month's ends a million times
def moment_text(moment: datetime) -> str:
    """`2026-10-01` for a midnight, `2026-10-01T14:00` for another hour; UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc == floor_day(utc) else f"{utc:%Y-%m-%dT%H:%M}"


def parse_zone(text: str) -> int | None:
    """Minutes east of UTC from `05:30`, `-03:00` or `utc`; None for what is no offset that clocks have."""
    written = text.strip().lower().removeprefix("utc") or "0"
    found = re.fullmatch(r"([+-]?)(\d{1,2})(?::?(\d\d))?", written, re.ASCII)
    if found is None:
        return None
    minutes = (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)
    return minutes if WESTMOST_MINUTES <= minutes <= EASTMOST_MINUTES and minutes % ZONE_STEP_MINUTES == 0 else None


def zone_text(minutes: int) -> str:
    """`05:30`, `-03:00`: without the plus, which an address would turn into a space."""
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def quoted(text: str) -> str:
    """Someone else's text inside a sentence of ours: shortened, in quotes, control characters made visible."""
    shown = "".join(one if one.isprintable() else "·" for one in text)
    return f"“{shown[:39]}…”" if len(shown) > 40 else f"“{shown}”"


@dataclass
class _Reading:
    """One pass over a query; every value not taken as written leaves a notice."""

    params: dict[str, list[str]]
    now: datetime
    history: Period | None
    notices: list[str] = field(default_factory=list)

    def choice(self, key: str, kind: type[Choice], fallback: Choice) -> Choice:
        return self.optional(key, kind) or fallback

    def optional(self, key: str, kind: type[Choice]) -> Choice | None:
        """The member written under `key`, the nearest one to a misspelt word, or None."""
        written = self._one(key)
        if not written or (key == "per" and written == "auto"):
            return None
        known = [member.value for member in kind]
        if written in known:
            return kind(written)
        near = difflib.get_close_matches(written.strip().lower().replace("-", "_").replace(" ", "_"), known, 1)
        taken = f"{near[0].replace('_', ' ')} is shown" if near else "the usual one is shown"
        self.notices.append(f"There is no {WORDS[key]} called {quoted(written)}; {taken}.")
        return kind(near[0]) if near else None

    def grouping(self, fallback: Dimension | None) -> Dimension | None:
        if self._one("by") in (NOTHING, "none"):
            return None
        return self.optional("by", Dimension) or fallback

    def period(self, fallback: Period) -> Period:
        """From `from` and `to`, else from `range` (a preset's key or a month, `2026-10`), else `fallback`."""
        if self._one("from") or self._one("to"):
            start, end = self._moment("from"), self._moment("to")
            if start is None and end is None:
                return fallback
            return self._bounded(start or add_months(end or self.now, -1), end or floor_hour(self.now) + HOUR)
        written = self._one("range")
        if not written:
            return fallback
        named = preset_named(written, now=self.now, history=self.history)
        month = parse_moment(written) if re.fullmatch(r"\d{4}-\d{2}", written) else None
        if named is None and (month is None or not EARLIEST <= month <= self.now + FURTHEST_AHEAD):
            self.notices.append(f"There is no range called {quoted(written)}; the last month with events is shown.")
            return fallback
        return named.period if named else month_period(month or self.now)

    def filters(self) -> tuple[Filter, ...]:
        """One filter for the included and one for the excluded values of each dimension, in the address's order."""
        found = []
        for key in self.params:
            if key not in DIMENSIONS:
                continue
            values = list(_split(",".join(self.params[key])))
            for is_exclusion in (False, True):
                named = tuple(dict.fromkeys(value for excluded, value in values if excluded is is_exclusion and value))
                if len(named) > MOST_VALUES:
                    self.notices.append(f"A filter takes {MOST_VALUES} values; the first {MOST_VALUES} of {len(named):,} are used.")
                if named:
                    found.append(Filter(Dimension(key), named[:MOST_VALUES], is_exclusion))
        return tuple(found)

    def as_of(self) -> datetime | None:
        """The pinned moment, to the second; one in the future would be a promise, so it is left out."""
        written = self._one("as_of")
        if not written:
            return None
        moment = parse_moment(written.replace(" ", "+"))
        if moment is None or moment > self.now or moment < EARLIEST:
            self.notices.append(f"{quoted(written)} is not a moment up to now, so the numbers are those of now.")
            return None
        return moment.replace(microsecond=0)

    def zone(self) -> int:
        """Minutes east of UTC that a chart's hours are told in."""
        written = self._one("zone")
        minutes = parse_zone(written) if written else 0
        if minutes is None:
            self.notices.append(f"{quoted(written)} is no offset from UTC, such as 05:30 or -03:00, so hours are UTC's.")
        return minutes or 0

    def refuse_unknown(self) -> None:
        for key in self.params:
            if key not in KEYS and key not in DIMENSIONS:
                self.notices.append(f"{quoted(key)} is not part of a view and was left out.")

    def _bounded(self, start: datetime, end: datetime) -> Period:
        """Hour-aligned, in order, not empty, not beyond what is kept; each repair said once."""
        if start > end:
            start, end = end, start
            self.notices.append("The range ended before it began; its two ends were swapped.")
        latest = floor_day(self.now) + FURTHEST_AHEAD
        first, last = max(start, EARLIEST), min(end, latest)
        if (first, last) != (start, end):
            self.notices.append(f"The range was cut to {EARLIEST:%Y} – {latest:%Y}.")
        first, last = min(first, latest - HOUR), max(last, EARLIEST + HOUR)
        begins, ends = floor_hour(first), floor_hour(last + HOUR - timedelta(microseconds=1))
        if (begins, ends) != (first, last):
            self.notices.append("Ranges begin and end on full hours (UTC); this one was widened to them.")
        if begins == ends:
            ends = begins + DAY
            self.notices.append("The range was empty; one day is shown.")
        if add_months(begins, LONGEST_MONTHS) < ends:
            begins = add_months(ends, -LONGEST_MONTHS)
            self.notices.append(f"A range holds up to {LONGEST_MONTHS} months; the last {LONGEST_MONTHS} are shown.")
        return Period(begins, ends)

    def _moment(self, key: str) -> datetime | None:
        written = self._one(key)
        if not written:
            return None
        moment = parse_moment(written.replace(" ", "+"))
        if moment is None:
            self.notices.append(f"{quoted(written)} is not a date; write 2026-10-01 or 2026-10-01T14:00.")
        return moment

    def _one(self, key: str) -> str:
        return next(iter(self.params.get(key, ())), "")


def usage_path(slug: str, query: Mapping[str, str]) -> str:
    """The explorer's address inside an installation for a view's query."""
    asked = urlencode(query, quote_via=quote, safe=":,!")
    return f"/orgs/{quote(slug)}/usage{'?' + asked if asked else ''}"


def _escape(value: str) -> str:
    """`value` with its own backslashes and commas, and a leading `!`, marked by a backslash."""
    escaped = value.replace("\\", "\\\\").replace(",", "\\,")
    return f"\\{escaped}" if escaped.startswith("!") else escaped


def _split(text: str) -> Iterable[tuple[bool, str]]:
    """(is excluded, value) of each comma-separated part."""
    for part in re.findall(r"(?:\\.|[^\\,]|\\$)+", text, re.DOTALL):
        is_exclusion = part.startswith("!")
        yield is_exclusion, re.sub(r"\\(.)", r"\1", part[1:] if is_exclusion else part, flags=re.DOTALL)
