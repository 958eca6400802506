"""What the settings' cost centres ask the database, and do there. Blocks; call it off the event loop."""

import io
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.metering import cost_centres, cost_centres_csv
from flyusage.metering.cost_centres import UNASSIGNED, Assignment, Held, HeldPage
from flyusage.metering.cost_centres_csv import Row
from flyusage.metering.errors import Refused
from flyusage.orgs import app_grants
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.permissions import Permission
from flyusage.periods import add_months, month_start
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.cost_centres.rows import AppRow, Imported, MonthOption, Screen
from flyusage.ui.session import OpenOrganization, open_organization

PAGE_LENGTH = 50
LONGEST_PASTE = 500_000
MOST_SAID = 50
MONTHS_BACK, MONTHS_AHEAD = 36, 12
FROM_PAGE = "settings"  # what the audit calls the origin of a change


class CentreUnnamed(FlyusageError):
    """A cost centre without a name, or with one that cannot be."""

    code = "cost_centre_unnamed"


class ListUnreadable(FlyusageError):
    """A pasted list of which nothing can be read."""

    code = "list_unreadable"


@dataclass(frozen=True)
class Choice:
    """Which apps, in which month (None: the present one)."""

    month: date | None = None
    find: str = ""
    page: int = 1


def ask(slug: str, choice: Choice) -> Screen | None:
    """A page of apps; the last one for a page beyond it. None where there is no such organization, or one that is deleted."""
    org = open_organization(slug)
    if org is None or Permission.USAGE_READ not in org.permissions:
        return None
    now = clock.now()
    month = choice.month or month_start(now).date()
    with db.transaction(org.id, apps=org.apps) as session:
        found = _page(session, org, month, choice)
        if not found.rows and found.total:
            choice = replace(choice, page=-(-found.total // PAGE_LENGTH))
            found = _page(session, org, month, choice)
        centres = cost_centres.names(session, org.id)
    pages = -(-found.total // PAGE_LENGTH)
    return Screen(
        month=f"{month:%Y-%m}",
        month_text=f"{month:%B %Y}",
        months=months(now, month),
        rows=[_row(one) for one in found.rows],
        centres=[visible(one) for one in centres],
        count=present.plural(found.total, "app"),
        empty="No app or cost centre has that in its name." if choice.find else "No app yet: one is known from its first event on.",
        page=choice.page,
        pages=f"Page {choice.page:,} of {pages:,}" if pages > 1 else "",
        has_next=choice.page < pages,
        can_edit=Permission.COST_CENTRES_EDIT in org.permissions,
    )


def assign(slug: str, app_ids: Collection[int], month: date, centre: str | None) -> int:
    """How many apps belong to `centre` (None: to none) from `month` on, who did not before. Raises NotPermitted and CentreUnnamed."""
    org = _open(slug)
    try:
        name = None if centre is None else cost_centres_csv.centre_named(centre)
    except Refused as refused:
        raise CentreUnnamed(refused.sentence) from refused
    if centre is not None and name is None:
        raise CentreUnnamed("Name the cost centre, or take the apps out of theirs with Unassign.")
    with db.transaction(org.id, apps=org.apps) as session:
        known = app_grants.app_names(session, org.id)
        wanted = [Assignment(known[one], month, name) for one in app_ids if one in known]
        return len(cost_centres.assign(session, org.id, wanted, actor=org.by.name, origin=FROM_PAGE).changed)


def take_in(slug: str, text: str) -> Imported:
    """Assign as a pasted list says: its good rows, while the others are told. Raises NotPermitted and ListUnreadable."""
    org = _open(slug)
    if len(text) > LONGEST_PASTE:
        raise ListUnreadable(f"A list is {LONGEST_PASTE:,} characters at most, and nothing was read. Paste it in parts.")
    try:
        rows = list(cost_centres_csv.read(io.StringIO(text, newline="")))
    except Refused as refused:
        raise ListUnreadable(refused.sentence) from refused
    wanted = [row.assignment for row in rows if isinstance(row, Row)]
    with db.transaction(org.id, apps=org.apps) as session:
        made = cost_centres.assign(session, org.id, wanted, actor=org.by.name, origin=FROM_PAGE)
    refused = cost_centres_csv.refusals(rows, made.unknown_apps, org.slug)
    told = [visible(f"line {row.line}: {row.sentence}") for row in refused[:MOST_SAID]]
    if len(refused) > MOST_SAID:
        told.append(f"… and {len(refused) - MOST_SAID:,} more.")
    new = f" New: {visible(', '.join(made.created))}." if made.created else ""
    return Imported(f"{len(made.changed):,} assigned, {made.unchanged:,} already so, {len(refused):,} refused.{new}", told)


def months(now: datetime, chosen: date) -> list[MonthOption]:
    """The months to choose from, the latest first, and the chosen one. Pure."""
    present_month = month_start(now)
    offered = {add_months(present_month, number).date() for number in range(-MONTHS_BACK, MONTHS_AHEAD + 1)} | {chosen}
    return [MonthOption(f"{one:%Y-%m}", f"{one:%B %Y}") for one in sorted(offered, reverse=True)]


def _open(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.COST_CENTRES_EDIT)
    if org is None:
        raise OrganizationUnknown("There is no organization under this address, or you no longer belong to it.")
    return org


def _page(session: Session, org: OpenOrganization, month: date, choice: Choice) -> HeldPage:
    first = (choice.page - 1) * PAGE_LENGTH
    return cost_centres.held_in(session, org.id, month, search=choice.find, first=first, most=PAGE_LENGTH)


def _row(one: Held) -> AppRow:
    since = f"since {one.since:%b %Y}" if one.since else ""
    then = f"then {visible(one.following or UNASSIGNED)} from {one.following_from:%b %Y}" if one.following_from else ""
    return AppRow(
        one.app_id,
        visible(one.app),
        visible(one.cost_centre or UNASSIGNED),
        one.cost_centre is not None,
        ", ".join(part for part in (since, then) if part),
    )
