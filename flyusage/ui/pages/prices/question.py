"""The prices page's questions to the database, answered ready to print. Blocks; call it off the event loop."""

from datetime import date, datetime, timedelta

from sqlmodel import Session

from flyusage import clock, db
from flyusage.orgs.permissions import Permission
from flyusage.periods import midnight, month_period
from flyusage.pricing.buying import book_on
from flyusage.pricing.errors import SkuUnknown
from flyusage.pricing.price_list import PriceSpan, price_history, price_list
from flyusage.pricing.reference import reference
from flyusage.pricing.terms import PriceOverride, terms_of
from flyusage.pricing.versions import versions
from flyusage.ui.pages.prices.address import Choice
from flyusage.ui.pages.prices.rows import Screen
from flyusage.ui.pages.prices.screen import Told, screen
from flyusage.ui.session import open_organization

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


def ask(slug: str, choice: Choice) -> Screen | None:
    """The page; None where there is no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.PRICES_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        return screen(_told(session, org.id, org.slug, choice, clock.now()))


def _told(session: Session, org_id: int, slug: str, choice: Choice, now: datetime) -> Told:
    regions = list(reference(session).regions.values())
    region = choice.region if choice.region in {one.code for one in regions} else ""
    on = choice.on if choice.on is None or FIRST_DAY <= choice.on <= LAST_DAY else None
    day = on or now.date()
    book = book_on(session, org_id, day)
    spans = _history(session, book.id, choice.sku, region or None) if choice.sku else None
    published = [one for one in versions(session, book=book.slug) if one.published_at is not None]
    return Told(
        slug=slug,
        choice=choice.with_(region=region, on=on, sku=choice.sku if spans is not None else ""),
        today=now.date(),
        book=book,
        versions=published,
        regions=regions,
        entries=price_list(session, book.id, day, region=region or None),
        overrides=_overrides(session, org_id, day),
        history=spans,
    )


def _history(session: Session, book_id: int, sku: str, region: str | None) -> list[PriceSpan] | None:
    """None for what is not sold."""
    try:
        return price_history(session, book_id, sku, region=region)
    except SkuUnknown:
        return None


def _overrides(session: Session, org_id: int, day: date) -> list[PriceOverride]:
    agreed = terms_of(session, org_id, month_period(midnight(day))).overrides
    until = day + timedelta(days=1)
    return [one for one in agreed if one.starts_on < until and (one.ends_on is None or one.ends_on > day)]
