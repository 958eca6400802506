"""What the command palette finds: saved views, apps, machines, regions, sizes and cost centres by a part of their name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import saved_views
from flyusage.alerts.saved_views import Reader
from flyusage.orgs.permissions import Permission
from flyusage.pricing import explorer, urls
from flyusage.pricing.view import Dimension, Value, View
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import Place, machine_href, usage_href
from flyusage.ui.session import OpenOrganization, open_organization

SOUGHT = (Dimension.APP, Dimension.REGION, Dimension.MACHINE, Dimension.VM_SIZE, Dimension.COST_CENTRE)
FINDS_EACH = 6


@dataclass(frozen=True)
class Find:
    """A line of the palette: `label` as shown, `title` the whole name, `href` where it leads."""

    kind: str
    label: str
    title: str
    hint: str
    href: str


def find(slug: str, text: str) -> list[Find]:
    """What holds `text` in its name, a few of each kind; nothing for an empty text or an unknown organization.

    Blocks on the database.
    """
    wanted = text.replace("\0", "").strip()
    org = open_organization(slug, Permission.USAGE_READ) if wanted else None
    if org is None:
        return []
    with db.transaction(org.id, apps=org.apps) as session:
        view = urls.default_view(now=clock.now(), history=explorer.history(session, org.id))
        return list(_finds(session, org, view, wanted))


def _finds(session: Session, org: OpenOrganization, view: View, wanted: str) -> Iterator[Find]:
    saved = saved_views.views(session, org.id, Reader(org.by, org.permissions))
    for one in [one for one in saved if wanted.casefold() in one.name.casefold()][:FINDS_EACH]:
        label = visible(one.name)
        yield Find("Saved views", label, label, "shared" if one.is_shared else "yours", usage_href(org.slug, one.query))
    for dimension in SOUGHT:
        kind = present.DIMENSIONS[dimension][1]
        if dimension is Dimension.MACHINE and Permission.MACHINES_READ not in org.permissions:
            continue
        for value in explorer.values(session, org.id, dimension, search=wanted, limit=FINDS_EACH):
            yield _find(kind[:1].upper() + kind[1:], dimension, value, Place(org.slug, view))


def _find(kind: str, dimension: Dimension, value: Value, place: Place) -> Find:
    label = visible(value.label)
    if dimension is Dimension.MACHINE:
        return Find(kind, label, label, value.hint, machine_href(place.slug, value.key, zone_minutes=place.view.zone_minutes))
    href = Place(place.slug, replace(place.view, group_by=dimension)).down(value.key)
    shown = f"{value.key} · {label}" if dimension is Dimension.REGION and label != value.key else label
    return Find(kind, shown, label, value.hint, href)
