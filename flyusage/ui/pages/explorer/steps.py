"""A person's steps from one view to the next: each leads to an address. Blocks on the database; call it off the event loop.

What a step holds comes from a browser: it is parsed here, and leads nowhere when it makes no sense.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices.costs import explore
from flyusage.orgs.permissions import Permission
from flyusage.periods import DAY, HOUR, Period, floor_hour, midnight
from flyusage.pricing import urls
from flyusage.pricing.explorer import history
from flyusage.pricing.view import Dimension
from flyusage.ui.charts.text import is_own_uid, key_of
from flyusage.ui.pages.explorer.paths import Place, filter_on
from flyusage.ui.permitted import require_for
from flyusage.ui.session import OpenOrganization, open_organization

FIRST_YEAR, LAST_YEAR = 1970, 9000


@dataclass(frozen=True)
class Follow:
    """Down into the series with this key."""

    series: str


@dataclass(frozen=True)
class Brush:
    """To a brushed stretch, as the chart writes moments."""

    start: str
    end: str


@dataclass(frozen=True)
class Days:
    """To whole days, the last included, as a date field writes them."""

    first: str
    last: str


@dataclass(frozen=True)
class Toggle:
    """A value into or out of the filter on a dimension."""

    dimension: str
    value: str
    excludes: bool


@dataclass(frozen=True)
class Exclude:
    """Turn the filter on a dimension into all but its values, or back."""

    dimension: str
    excludes: bool


Step: TypeAlias = Follow | Brush | Days | Toggle | Exclude


def lead(slug: str, query: Mapping[str, str], step: Step) -> str:
    """The address a step leads to from the view that `query` asks for; empty where it leads nowhere."""
    org = open_organization(slug, Permission.USAGE_READ)
    if org is None:
        return ""
    with db.transaction(org.id, apps=org.apps) as session:
        view, _ = urls.view_from_query(query, now=clock.now(), history=history(session, org.id))
        place = Place(slug, view)
        if isinstance(step, Follow):
            return _followed(session, org, place, step.series)
    if isinstance(step, Brush):
        ahead = timedelta(minutes=view.zone_minutes) if view.has_hours else timedelta(0)
        return _between(place, _moment(step.start, ahead), _moment(step.end, ahead))
    if isinstance(step, Days):
        last = _day(step.last)
        return _between(place, _day(step.first), last + DAY if last else None)
    dimension = dimension_of(step.dimension)
    if dimension is None:
        return ""
    if isinstance(step, Toggle):
        return place.toggled(dimension, step.value, excludes=step.excludes)
    present_filter = filter_on(view.filters, dimension)
    return place.filtered(dimension, present_filter.values, excludes=step.excludes) if present_filter else ""


def _followed(session: Session, org: OpenOrganization, place: Place, series: str) -> str:
    """Down into a series; into what is folded into "other" by leaving out what is drawn by itself."""
    if not series or is_own_uid(series):
        return ""
    key = key_of(series)
    if key or place.view.group_by is None:
        return place.down(key)
    require_for(org, place.view)
    drawn = explore(session, org.id, place.view).drawn
    return place.beyond([one.key for one in drawn if one.key]) if any(one.is_other for one in drawn) else ""


def _between(place: Place, start: datetime | None, end: datetime | None) -> str:
    """The view over whole hours from `start` to `end`, whichever way round they came."""
    if start is None or end is None:
        return ""
    start, end = min(start, end), max(start, end)
    return place.href(period=Period(floor_hour(start), max(floor_hour(end + HOUR - timedelta(seconds=1)), floor_hour(start) + HOUR)))


def _moment(text: str, ahead: timedelta) -> datetime | None:
    """A moment as Plotly writes it (`2026-10-01 04:12:33.1`) on an axis that is `ahead` of UTC."""
    try:
        moment = _known(datetime.fromisoformat(text.strip()[:19].rstrip(".")).replace(tzinfo=UTC))
        return moment and moment - ahead
    except ValueError:
        return None


def _day(text: str) -> datetime | None:
    try:
        return _known(midnight(date.fromisoformat(text)))
    except ValueError:
        return None


def _known(moment: datetime) -> datetime | None:
    """`moment` if there is room to count on from it: no usage is older than computers or younger than the calendar."""
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


def dimension_of(text: str) -> Dimension | None:
    """The dimension of that name, if there is one."""
    return next((one for one in Dimension if one.value == text), None)
