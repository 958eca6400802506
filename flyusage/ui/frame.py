"""What the frame around every page says: which organization is open, and how fresh its figures are."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlencode

import reflex as rx
import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering.queries import freshness
from flyusage.money import CURRENCIES, format_money
from flyusage.orgs.permissions import Permission
from flyusage.pricing.asking import know
from flyusage.pricing.overview import resting_cost
from flyusage.ui import browser, live, present
from flyusage.ui.session import OpenOrganization, open_organization, open_organizations, present_person, slug_in

STALE_AFTER = timedelta(hours=6)
PERMITTED_PAGES = {
    "": Permission.USAGE_READ,
    "/usage": Permission.USAGE_READ,
    "/views": Permission.USAGE_READ,
    "/machines": Permission.MACHINES_READ,
    "/billing": Permission.INVOICES_READ,
    "/budgets": Permission.USAGE_READ,
    "/alerts": Permission.USAGE_READ,
    "/prices": Permission.PRICES_READ,
    "/what-if": Permission.PRICES_READ,
    "/members": Permission.MEMBERS_READ,
    "/provisioning": Permission.SIGN_IN_MANAGE,
    "/audit": Permission.AUDIT_READ,
    "/tokens": Permission.TOKENS_MANAGE,
}


@dataclass(frozen=True)
class OrganizationChoice:
    """One entry of the organization menu."""

    slug: str
    name: str
    note: str


@dataclass(frozen=True)
class Header:
    """The frame's display strings. `tone` is live, stale or empty; moments are ISO 8601.

    `pages` are those that need a permission which the reader has, as what follows /orgs/{slug}; `role` is theirs. `granted` are the
    ids of the apps granted to them, empty where that is all; `scope_notice` says so in words.
    """

    slug: str = ""
    name: str = ""
    note: str = ""
    mark: str = ""
    tone: str = ""
    freshness: str = ""
    last_event_at: str = ""
    closed_hours: str = ""
    now: str = ""
    stale_notice: str = ""
    visit_notice: str = ""
    scope_notice: str = ""
    role: str = ""
    granted: str = ""
    pages: list[str] = field(default_factory=list)


class Frame(rx.State):
    """The open organization's header. Every page loads it before its own content."""

    header: Header = Header()
    organizations: list[OrganizationChoice] = []
    is_missing: bool = False
    reader: str = ""
    is_staff: bool = False
    _connection: str = ""

    @rx.event
    async def load(self):
        """Show the organization in the address, or that there is none, and keep its freshness fresh.

        Where the watch keeps that organization's header fresh already, there is nothing to load: a page's own content need
        not wait for it. A document that is loaded anew, however, shows what is true now: it comes by a connection of its own.
        """
        slug, connection = slug_in(self.router.url.path), self.router.session.session_id
        if slug and slug == self.header.slug and connection == self._connection and live.is_watched(self):
            return None
        self._connection = connection
        person = await asyncio.to_thread(present_person)
        self.reader, self.is_staff = person.name, bool(person.staff_roles)
        self.organizations = await _choices()
        header = await _header(slug)
        if header is not None and header.slug != slug:  # the address says one that was left
            here = self.router.url
            rest = here.path.removeprefix(f"/orgs/{slug}")
            query = urlencode(dict(here.query_parameters))
            return browser.leave(f"/orgs/{header.slug}{rest}" + (f"?{query}" if query else ""))
        self.is_missing = header is None
        self.header = header or Header(name="flyusage", mark="f")
        return None if live.is_watched(self) else browser.start(Frame.watch)

    @rx.event(background=True)
    async def watch(self):
        """Follow the organization's roll-ups, and which organizations there are, while the tab is open."""
        async for _ in live.changes(self, on_any_page=True):
            slug = slug_in(self.router.url.path)
            choices, header = await _choices(), await _header(slug)
            async with self:
                if choices != self.organizations:
                    self.organizations = choices
                if slug == slug_in(self.router.url.path) == self.header.slug:  # else its load is on the way
                    if header is None or (header.role, header.granted) != (
                        self.header.role,
                        self.header.granted,
                    ):  # no longer the reader's to see
                        self._get_root_state().reset()
                        yield browser.leave(f"/orgs/{slug}")
                        return
                    self.header = header


async def _choices() -> list[OrganizationChoice]:
    choices = await asyncio.to_thread(open_organizations)
    return [OrganizationChoice(each.slug, each.name, "synthetic data" if each.is_synthetic else "") for each in choices]


async def _header(slug: str) -> Header | None:
    organization = await asyncio.to_thread(open_organization, slug)
    if organization is None:
        return None
    return await live.shared(organization, "header", partial(header_of, organization))


def header_of(organization: OpenOrganization) -> Header:
    """The frame's content for `organization`, from the roll-ups. Blocks on the database."""
    with db.transaction(organization.id, apps=organization.apps) as session:
        connection = session.connection()
        apps, regions, running = connection.execute(sa.text(_COUNTS if organization.apps is None else _COUNTS_OF_GRANTED)).one()
        state = connection.execute(sa.text("SELECT rolled_through, last_event_at FROM rollup_state")).one_or_none()
        now = clock.now()
        last = state.last_event_at if state else None
        rolled = state.rolled_through if state else None
        is_stale = last is not None and now - last > STALE_AFTER
        notice = _stale_notice(session, organization.id, last, int(running)) if is_stale and last else ""
    return Header(
        slug=organization.slug,
        name=organization.name,
        note="synthetic data" if organization.is_synthetic else f"{present.plural(apps, 'app')} · {present.plural(regions, 'region')}",
        mark=organization.name[:1].upper(),
        tone="empty" if last is None else "stale" if is_stale else "live",
        freshness=_freshness(last, is_stale=is_stale),
        last_event_at=last.isoformat() if last else "",
        closed_hours=f"Hours added up to {rolled:%b} {rolled.day}, {rolled:%H:%M} UTC" if rolled else "",
        now=now.isoformat(),
        stale_notice=notice,
        visit_notice=f"You look at {organization.name} as staff: to read only, and their audit says so." if organization.is_visited else "",
        scope_notice=_scope_notice(organization, apps),
        role=organization.by.role or "",
        granted="" if organization.apps is None else f"only {','.join(map(str, sorted(organization.apps)))}",
        pages=[page for page, permission in PERMITTED_PAGES.items() if permission in organization.permissions]
        + (["/settings"] if organization.by.role else []),
    )


_COUNTS = """
SELECT (SELECT count(*) FROM app),
       (SELECT count(DISTINCT region_id) FROM usage_month_by_region),
       (SELECT coalesce(sum(running), 0) FROM open_cell JOIN sku ON sku.id = sku_id WHERE sku.meter = 'machine')
"""
_COUNTS_OF_GRANTED = _COUNTS.replace("usage_month_by_region", "usage_month")  # what every app adds to is not theirs to read


def _scope_notice(organization: OpenOrganization, count: int) -> str:
    """That a reader sees some apps only; how many others there are is not theirs to know."""
    if organization.apps is None:
        return ""
    if not count:
        return (
            f"No app of {organization.name} is granted to you, so there is nothing to see. Whoever manages its members can grant you some."
        )
    return f"You see the {present.plural(count, 'app')} granted to you. Every total on these pages is of {'it' if count == 1 else 'them'} alone."


def _freshness(last: datetime | None, *, is_stale: bool) -> str:
    if last is None:
        return "No events yet"
    moment = f"{last:%b} {last.day}, {last:%H:%M:%S} UTC" if is_stale else f"{last:%H:%M:%S} UTC"
    return f"{'Stale' if is_stale else 'Live'} · events to {moment}"


def _stale_notice(session: Session, org_id: int, last: datetime, running: int) -> str:
    since = f"No events since {last:%b} {last.day}, {last:%H:%M} UTC"
    if not running:
        return f"{since}; no machine is counted as running."
    known, fresh = know(session, org_id, None, clock.now()), freshness(session, org_id)
    if fresh is None or known.history is None:
        return f"{since}; {running:,} machines counted as running."
    resting = format_money(resting_cost(known, fresh), CURRENCIES[known.book.currency])
    return f"{since}; {running:,} machines counted as running; {resting} rests on that."
