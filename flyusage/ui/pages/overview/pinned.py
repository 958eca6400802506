"""The overview's tiles of saved views: each says what the explorer says at its address."""

import asyncio

from flyusage import db
from flyusage.alerts import saved_views
from flyusage.alerts.saved_views import Reader, SavedView
from flyusage.orgs.permissions import Permission
from flyusage.pricing import urls
from flyusage.pricing.view import Answer
from flyusage.ui import live, present
from flyusage.ui.charts.sparkline import sparkline
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.pages.overview.rows import Pinned
from flyusage.ui.session import OpenOrganization, open_organization

LINE_PX, LINE_HIGH_PX = 220, 44


async def ask(slug: str) -> list[Pinned]:
    """The tiles of the present reader; none for an unknown organization. Raises NotPermitted."""
    org = await asyncio.to_thread(open_organization, slug, Permission.USAGE_READ)
    if org is None:
        return []
    return await live.shared(org, ("pinned", org.by.user_id), lambda: _answer(org))


def _answer(org: OpenOrganization) -> list[Pinned]:
    with db.transaction(org.id, apps=org.apps) as session:
        return [tile(org.slug, *one) for one in saved_views.pinned(session, org.id, Reader(org.by, org.permissions))]


def tile(slug: str, saved: SavedView, answer: Answer) -> Pinned:
    """A view's tile. Pure."""
    view = answer.view
    named = urls.preset_named(saved.query.get("range"), now=answer.as_of, history=None)
    change, tone = "", "same"
    if answer.previous_total is not None:
        change = f"{present.percent_change_text(answer.previous_total, answer.total)} against {present.COMPARISONS[view.comparison]}"
        tone = present.tone(answer.total - answer.previous_total)
    return Pinned(
        name=visible(saved.name),
        href=usage_href(slug, saved.query),
        figure=present.amount_text(view.measure, answer.total, answer.currency) if answer.series else "Nothing",
        unit="" if view.measure.is_money else present.MEASURES[view.measure].unit,
        shows=visible(present.view_text(saved.view, range_label=named.label if named else "")),
        change=change,
        tone=tone,
        line=sparkline(_whole(answer), width=LINE_PX, height=LINE_HIGH_PX),
        line_label=f"per {present.GRANULARITIES[answer.granularity]}, UTC",
    )


def _whole(answer: Answer) -> list[float | None]:
    """A value per bucket, None for one that is not over: it would look like a fall."""
    sums = [float(sum(column)) for column in zip(*(series.points for series in answer.drawn), strict=True)]
    ends = [*answer.buckets[1:], answer.view.period.end]
    return [None if end > answer.as_of else value for end, value in zip(ends, sums, strict=True)]
