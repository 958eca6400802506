"""What the page of terms asks and does, and how it is printed. Blocks; call it off the event loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices.queries import months_billed
from flyusage.metering.catalog import region_ids
from flyusage.metering.models import Region, sku
from flyusage.money import CURRENCIES
from flyusage.orgs import queries as orgs
from flyusage.orgs.queries import OrganizationEntry
from flyusage.orgs.staff import StaffPermission
from flyusage.periods import add_months, midnight
from flyusage.pricing import agreements, grants
from flyusage.pricing.agreed_words import CREDIT, NAMES, WORDS, credit_words, end_day, first_day, what, withdrawn_words
from flyusage.pricing.agreements import GLOBAL, Agreement, agreed, billing_profile_of
from flyusage.pricing.books import PriceBook, all_books, book_of
from flyusage.pricing.terms import Credit
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.audit.address import Choice as AuditChoice
from flyusage.ui.pages.audit.address import audit_href
from flyusage.ui.pages.billing.address import Choice, billing_href
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.staff.terms.agreeing import AGREE, FIELDS, Form, day_of
from flyusage.ui.pages.staff.terms.rows import OrgRow, Screen, TermRow
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import TERMS

MOST_FOUND = 50
TITLES = {
    "price": "Price", "discount": "Discount", "credit": "Credit", "fee": "Fee", "charge": "Charge", "reservation": "Reservation",
    "limit": "Minimum or maximum", "book": "Price book", "tax": "Tax",
}  # fmt: skip
SAYS = {
    "price": "Holds in place of its book's price. One of the same sku and place ends the day this begins; one that would begin later never does.",
    "discount": "Off each month's usage and fees, after reservations. Whole months only.",
    "credit": "What expires first is used first; what a month does not need is carried over.",
    "fee": "Charged each month by the days it holds, both ends counted.",
    "charge": "Charged once, in the month of its day.",
    "reservation": "Paid once in the month it begins. What a month leaves of its credit is gone.",
    "limit": "What usage and fees of a month come to at least or at most. It replaces what is agreed before, and what would begin later.",
    "book": "Every month that is not billed yet is priced by it. Issued invoices stay as they are.",
    "tax": "Holds from the next invoice on.",
}  # fmt: skip
ENDING = (Agreement.PRICE, Agreement.FEE, Agreement.LIMIT)


@dataclass(frozen=True)
class Told:
    """What the page of one organization is printed from. `billed`: the first days of its billed months, oldest first."""

    org: OrganizationEntry
    book: PriceBook
    tax: str
    agreed: Mapping[Agreement, Sequence[Mapping[str, Any]]]
    credits: Sequence[Credit]
    billed: Sequence[date]
    today: date


def terms_href(slug: str, kind: str = "") -> str:
    """The page of an organization's terms, with the form of a kind."""
    return f"{TERMS}?{urlencode({name: value for name, value in (('org', slug), ('agree', kind)) if value})}"


def ask(slug: str, kind: str, search: str) -> Screen:
    """The terms of `slug` and the form of `kind`; without a slug the organizations that hold `search`.

    Raises NotPermitted and OrganizationUnknown.
    """
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        if not slug:
            return _choosing(orgs.find_organizations(session, search, limit=MOST_FOUND + 1), search)
        org = orgs.organization_by_slug(session, slug)
        return _with_choices(session, screen(_told(session, org), kind if kind in AGREE else next(iter(AGREE))))


def agree(slug: str, kind: str, texts: Mapping[str, str]) -> None:
    """Agree what the form of `kind` says. Raises NotPermitted, and what the verb of that kind raises."""
    by = staff(StaffPermission.TERMS_AGREE)
    with db.platform_transaction() as session:
        org_id = orgs.organization_by_slug(session, slug).id
        trimmed = {name: texts.get(name, "").replace("\0", "").strip() for name in FIELDS}
        AGREE[kind](Form(session, org_id, CURRENCIES[book_of(session, org_id).currency], by, trimmed))


def end(slug: str, key: str, last_day: str) -> None:
    """Let an agreement hold up to and with `last_day`. Raises NotPermitted, TermsUnknown and TermsInvalid."""
    by = staff(StaffPermission.TERMS_AGREE)
    kind, number = _keyed(key)
    day = day_of(last_day, "The last day")
    if kind in NAMES:
        with db.platform_transaction() as session:
            agreements.end(session, orgs.organization_by_slug(session, slug).id, NAMES[kind], number, day, by=by)


def take_back(slug: str, key: str) -> None:
    """Withdraw an agreement, or take back what is left of a credit. Raises NotPermitted, TermsUnknown and CreditSpent."""
    by = staff(StaffPermission.TERMS_AGREE)
    kind, number = _keyed(key)
    with db.platform_transaction() as session:
        org_id = orgs.organization_by_slug(session, slug).id
        if kind == CREDIT:
            grants.revoke(session, org_id, number, by=by)
        elif kind in NAMES:
            agreements.withdraw(session, org_id, NAMES[kind], number, by=by)


def screen(told: Told, kind: str) -> Screen:
    """The page of one organization, printed. Pure."""
    found = [_row(one, each, told) for one, rows in told.agreed.items() for each in rows]
    found += [_credit(one) for one in told.credits]
    first = told.today.replace(day=1)
    tax = told.tax.replace("_", " ") or "not known, as it has no billing profile"
    return Screen(
        slug=told.org.slug,
        name=visible(told.org.name),
        summary=f"Buys from {visible(told.book.name)}, in {told.book.currency}. Tax: {tax}.",
        billed=f"Billed to {told.billed[-1]:%B %Y}." if told.billed else "Nothing is billed yet.",
        billing_href=billing_href(told.org.slug, Choice()),
        audit_href=audit_href(told.org.slug, AuditChoice()),
        rows=found,
        kinds=[Choosing(title, terms_href(told.org.slug, one), one == kind) for one, title in TITLES.items()],
        agree=kind,
        says=SAYS[kind],
        currency=told.book.currency,
        today=f"{told.today}",
        month=f"{first:%Y-%m}",
        next_month=f"{add_months(midnight(first), 1).date()}",
        book=told.book.slug,
        tax=told.tax,
    )


def _told(session: Session, org: OrganizationEntry) -> Told:
    profile = billing_profile_of(session, org.id)
    return Told(
        org,
        book_of(session, org.id),
        profile.tax_treatment.value if profile else "",
        agreed(session, org.id),
        grants.credits_of(session, org.id),
        months_billed(session, org.id),
        clock.now().date(),
    )


def _with_choices(session: Session, shown: Screen) -> Screen:
    codes = session.scalars(sa.select(sku.c.code).order_by(sku.c.code))
    groups = session.scalars(sa.select(Region.egress_group).distinct().order_by(Region.egress_group))
    regions = sorted(region_ids(session))
    return replace(
        shown, books=[one.slug for one in all_books(session)], skus=list(codes), scopes=[GLOBAL, *groups, *regions], regions=regions
    )


def _choosing(found: Sequence[OrganizationEntry], search: str) -> Screen:
    rows = [OrgRow(one.slug, visible(one.name), terms_href(one.slug)) for one in found[:MOST_FOUND]]
    note = f"the first {MOST_FOUND}; search for others" if len(found) > MOST_FOUND else present.plural(len(rows), "organization")
    return Screen(search=search, orgs=rows, orgs_note=note)


def _row(kind: Agreement, one: Mapping[str, Any], told: Told) -> TermRow:
    name, until = WORDS[kind], end_day(one)
    since = first_day(one)
    return TermRow(
        key=f"{name} {one['id']}",
        kind=TITLES[name],
        what=visible(what(kind, one)),
        since=present.date_text(since),
        until=present.date_text(until) if until else "",
        tone="quiet" if until is not None and until <= told.today else "open" if since > told.today else "ok",
        can_end=kind in ENDING,
        undo="Withdraw it",
        undo_says=withdrawn_words(told.billed, since, until),
    )


def _credit(one: Credit) -> TermRow:
    return TermRow(
        key=f"{CREDIT} {one.id}",
        kind=TITLES[CREDIT],
        what=visible(credit_words(one)),
        since=present.date_text(one.granted_at.date()),
        until=present.date_text(one.expires_at.date()) if one.expires_at else "",
        tone="ok" if one.left_minor and (one.expires_at is None or one.expires_at > clock.now()) else "quiet",
        can_end=False,
        undo="Take back what is left" if one.left_minor else "",
        undo_says="What invoices took of it stays theirs; the rest is gone.",
    )


def _keyed(key: str) -> tuple[str, int]:
    kind, _, number = key.partition(" ")
    return kind, int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else 0
