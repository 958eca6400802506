"""The chooser of filters: the values of one dimension, searched. Blocks on the database; call it off the event loop.

It opens the organization anew from its slug: a handler may be called by anyone, with anything.
"""

from collections.abc import Mapping

from flyusage import clock, db
from flyusage.orgs.permissions import Permission
from flyusage.pricing import urls
from flyusage.pricing.explorer import history, values
from flyusage.pricing.view import Dimension
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import filter_on
from flyusage.ui.pages.explorer.rows import Choice, Listed
from flyusage.ui.pages.explorer.screen import filter_note
from flyusage.ui.pages.explorer.steps import dimension_of
from flyusage.ui.permitted import permitted_dimensions
from flyusage.ui.session import open_organization

LISTED_VALUES = 50


def first_filter(query: Mapping[str, str]) -> str:
    """The dimension the chooser opens at: the app, since that is what people look for."""
    return next((one.value for one in Dimension if one.value in query), Dimension.APP.value)


def filter_values(slug: str, query: Mapping[str, str], dimension_text: str, search: str) -> Listed:
    """The chooser at one dimension: its values matching `search`, those chosen first."""
    dimension = dimension_of(dimension_text) or Dimension.APP
    org = open_organization(slug, Permission.USAGE_READ)
    if org is not None and dimension is Dimension.MACHINE:
        org.require(Permission.MACHINES_READ)
    if org is None:
        return Listed(dimension.value, [], False, [], "", "")
    with db.transaction(org.id, apps=org.apps) as session:
        view, _ = urls.view_from_query(query, now=clock.now(), history=history(session, org.id))
        found = values(session, org.id, dimension, search=search, limit=LISTED_VALUES + 1)
    chosen = filter_on(view.filters, dimension)
    picked = chosen.values if chosen else ()
    listed = [Choice(visible(one.label), one.key, one.hint, one.key in picked) for one in found[:LISTED_VALUES]]
    if not search:
        listed = [Choice(visible(key), key, "", True) for key in picked if key not in {one.key for one in found}] + listed
    word = present.DIMENSIONS[dimension]
    return Listed(
        filter_dimension=dimension.value,
        filter_dimensions=[
            Choice(present.DIMENSIONS[one][0], one.value, is_current=one is dimension) for one in permitted_dimensions(org.permissions)
        ],
        filter_excludes=bool(chosen and chosen.is_exclusion),
        filter_values=sorted(listed, key=lambda one: not one.is_current),
        filter_placeholder=f"Search {word[1]}",
        filter_note=filter_note(view.filters, dimension, len(listed), len(found) > LISTED_VALUES),
    )
