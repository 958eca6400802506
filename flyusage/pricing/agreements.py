"""The verbs that agree terms with an organization: checked, written and audited in the caller's transaction.

A member edits the billing profile; everything else is the platform's to give (`db.platform_transaction`). A verb returns the
agreement's id. Terms never change an issued invoice, which holds its own copy of what it printed.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage.metering.catalog import region_ids
from flyusage.metering.models import Region, sku
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission
from flyusage.pricing import terms_models as tables
from flyusage.pricing.books import EXTRA_MEMORY, PriceBook, book_named, book_of, subscribe
from flyusage.pricing.errors import TermsInvalid, TermsUnknown
from flyusage.pricing.grants import credits_of
from flyusage.pricing.listed import price_of
from flyusage.pricing.models import price_book_version
from flyusage.pricing.tax import BillingProfile, Seller, TaxTreatment
from flyusage.pricing.terms import Discount, OneOffCharge, PriceOverride, RecurringFee, Reservation, SpendLimit
from flyusage.pricing.vat import checked

Columns = Mapping[str, Any]

GLOBAL = "global"
MOST_MONTHS = 120  # of a term that is told in months
LAST_YEAR = 9900  # no term may end beyond what a calendar has
WHOLE_PERIODS = "A maximum holds for whole billing periods: let it begin and end on the first of a month."


class Agreement(StrEnum):
    """The kinds of terms that can be ended or withdrawn."""

    PRICE = "price_override"
    DISCOUNT = "discount"
    RESERVATION = "reservation"
    FEE = "recurring_fee"
    CHARGE = "one_off_charge"
    LIMIT = "spend_limit"


_TABLES = {
    Agreement.PRICE: tables.price_override,
    Agreement.DISCOUNT: tables.discount,
    Agreement.RESERVATION: tables.reservation,
    Agreement.FEE: tables.recurring_fee,
    Agreement.CHARGE: tables.one_off_charge,
    Agreement.LIMIT: tables.spend_limit,
}
_LAST = {Agreement.PRICE: "ends_on", Agreement.LIMIT: "ends_on", Agreement.FEE: "last_day"}
_FIRST = {Agreement.PRICE: "starts_on", Agreement.LIMIT: "starts_on", Agreement.FEE: "first_day"}


def set_billing_profile(session: Session, org_id: int, profile: BillingProfile, *, by: Actor) -> BillingProfile:
    """Make invoices out to `profile` from the next one on; as kept, its VAT number written together.

    A member needs billing.edit, and leaves the tax treatment as it is. Raises VatNumberInvalid and TermsInvalid.
    """
    by.may(Permission.BILLING_EDIT)
    _refuse_incomplete(profile)
    kept = replace(profile, vat_number=checked(profile.country, profile.vat_number) if profile.vat_number else None)
    before = billing_profile_of(session, org_id)
    was = (before.tax_treatment, before.tax_reason) if before else (TaxTreatment.STANDARD, "")
    if (kept.tax_treatment, kept.tax_reason) != was:
        by.is_no_member("Tax exemptions are entered")
    values = {**asdict(kept), "address_lines": list(kept.address_lines), "emails": list(kept.emails)}
    put = insert(tables.billing_profile).values(org_id=org_id, **values)
    session.execute(put.on_conflict_do_update(index_elements=["org_id"], set_=values))
    changed = {key: _plain(value) for key, value in values.items() if before is None or value != _listed(getattr(before, key))}
    audit.record(session, org_id, actor=by.name, action="billing.edit", subject="billing_profile", detail=changed)
    return kept


def billing_profile_of(session: Session, org_id: int) -> BillingProfile | None:
    """Who the organization's invoices are made out to; None until that is entered."""
    row = session.execute(sa.select(tables.billing_profile).where(tables.billing_profile.c.org_id == org_id)).mappings().first()
    if row is None:
        return None
    kept = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items() if key != "org_id"}
    return BillingProfile(**{**kept, "tax_treatment": TaxTreatment(kept["tax_treatment"])})


def set_tax_treatment(session: Session, org_id: int, treatment: TaxTreatment, reason: str = "", *, by: Actor) -> BillingProfile:
    """Tax the organization by the rules, or as the tax office lets it be; from the next invoice on. Raises TermsInvalid."""
    profile = billing_profile_of(session, org_id)
    if profile is None:
        raise TermsInvalid("The organization has no billing profile yet. An owner or admin enters it on its settings page.")
    stated = "" if treatment is TaxTreatment.STANDARD else reason.strip()
    return set_billing_profile(session, org_id, replace(profile, tax_treatment=treatment, tax_reason=stated), by=by)


def buy_from(session: Session, org_id: int, slug: str, *, by: Actor) -> PriceBook:
    """Let the organization buy from the book `slug`: every month that is not billed yet is priced by it. The book.

    Raises TermsInvalid for a book without a published version, and for one of another currency once anything is agreed in the
    present one: an amount in another currency than the book's would never be billed, and a credit never be used.
    """
    _staff(session, org_id, by, "Price books are chosen")
    new, before = book_named(session, slug), book_of(session, org_id)
    if new is None:
        raise TermsInvalid(f"There is no price book {slug[:60]!r}. `flyusage prices books` lists them.")
    published = sa.select(sa.func.count()).where(price_book_version.c.book_id == new.id, price_book_version.c.published_at.is_not(None))
    if not session.scalar(published):
        raise TermsInvalid(f"{new.slug} has no published version, so nothing in it has a price. Publish one first.")
    if new.currency != before.currency and (count := sum(len(found) for found in agreed(session, org_id).values())):
        raise TermsInvalid(
            f"{new.slug} is in {new.currency}, and {count} agreed amounts are in {before.currency}. Withdraw them, or make another organization."
        )
    if count := sum(one.left_minor > 0 and one.currency != new.currency for one in credits_of(session, org_id)):
        said = f"{count} credits in {before.currency} have" if count > 1 else f"1 credit in {before.currency} has"
        raise TermsInvalid(
            f"{new.slug} is in {new.currency}, and {said} something left. Revoke what is left, or make another organization."
        )
    subscribe(session, org_id, new.id)
    audit.record(session, org_id, actor=by.name, action="subscription.change", subject=new.slug, detail={"before": before.slug})
    return new


def agreed(session: Session, org_id: int) -> dict[Agreement, list[Columns]]:
    """Everything agreed, past and future too, by kind and id: the columns, with `sku` and `region` as codes. Kinds without any are left out."""
    found: dict[Agreement, list[Columns]] = {}
    for kind, table in _TABLES.items():
        named = [sku.c.code.label("sku")] if "sku_id" in table.c else []
        query = sa.select(table, *named).where(table.c.org_id == org_id).order_by(table.c.id)
        if named:
            query = query.select_from(table.outerjoin(sku, sku.c.id == table.c.sku_id))
        if rows := session.execute(query).mappings().all():
            codes = _region_codes(session) if "region_id" in table.c else {}
            found[kind] = [_told(row, codes) for row in rows]
    return found


def agree_price(session: Session, org_id: int, override: PriceOverride, *, by: Actor) -> int:
    """Negotiate a price; one for the same sku and scope ends the day this begins.

    Raises TermsInvalid for an unknown sku or scope, PriceInvalid for a price that could not rate.
    """
    _staff(session, org_id, by, "Prices are negotiated")
    price_of(override.amount, override.per_quantity, override.model)  # raises for one that could not rate
    _refuse_term(override.starts_on, override.ends_on)
    sku_id = _sku_id(session, override.sku)
    if session.scalar(sa.select(sku.c.meter).where(sku.c.id == sku_id)) is None:
        raise TermsInvalid(f"{override.sku} is not metered. Agree a fee with an amount of its own instead.")
    scopes = session.scalars(sa.select(Region.code).union(sa.select(Region.egress_group)))  # type: ignore[call-overload]
    if override.scope != GLOBAL and override.scope not in set(scopes):
        raise TermsInvalid(f"{override.scope[:40]!r} is no region, egress group or `global`.")
    same = (tables.price_override.c.sku_id == sku_id) & (tables.price_override.c.scope == override.scope)
    _make_room(session, org_id, tables.price_override, same, override.starts_on)
    return _add(session, org_id, Agreement.PRICE, {**_values(override, "sku", "region_ids"), "sku_id": sku_id}, by)


def give_discount(session: Session, org_id: int, given: Discount, *, by: Actor) -> int:
    """Percent or amount off for some billing periods. Raises TermsInvalid."""
    _staff(session, org_id, by, "Discounts are given")
    if given.sku == EXTRA_MEMORY:
        raise TermsInvalid("Extra memory is billed with its machine. Name the machine's size instead.")
    if (given.percent is None) == (given.amount_minor is None):
        raise TermsInvalid("A discount is either a percentage or an amount.")
    if given.percent is not None and not 0 < given.percent <= 100:
        raise TermsInvalid("A discount is above 0 and at most 100 percent.")
    if given.amount_minor is not None and given.amount_minor <= 0:
        raise TermsInvalid("A discount is above zero; to take more, charge an amount.")
    if given.first_month.day != 1:
        raise TermsInvalid("A discount begins with a billing period, on the first of a month.")
    if given.periods is not None and not 1 <= given.periods <= MOST_MONTHS:
        raise TermsInvalid(f"A discount holds for 1 to {MOST_MONTHS} billing periods, or until it is withdrawn.")
    _refuse_far(given.first_month)
    _refuse_currency(session, org_id, given.currency, needed=given.amount_minor is not None)
    sku_id = _sku_id(session, given.sku) if given.sku else None
    return _add(session, org_id, Agreement.DISCOUNT, {**_values(given, "sku", "sku_id"), "sku_id": sku_id}, by)


def reserve(session: Session, org_id: int, reserved: Reservation, *, by: Actor) -> int:
    """Sell a reservation: its upfront amount is charged in the period it starts in. Raises TermsInvalid."""
    _staff(session, org_id, by, "Reservations are sold")
    _refuse_currency(session, org_id, reserved.currency)
    if reserved.monthly_credit_minor <= 0 or reserved.upfront_minor < 0 or not 1 <= reserved.months <= MOST_MONTHS:
        raise TermsInvalid(f"A reservation gives a credit above zero for a month or more, {MOST_MONTHS} at most.")
    _refuse_far(reserved.starts_on)
    return _add(session, org_id, Agreement.RESERVATION, _values(reserved), by)


def add_fee(session: Session, org_id: int, fee: RecurringFee, *, by: Actor) -> int:
    """Charge a fee every month: a support plan, seats. Raises TermsInvalid."""
    _staff(session, org_id, by, "Fees are agreed")
    _refuse_currency(session, org_id, fee.currency, needed=fee.unit_amount is not None)
    if fee.unit_amount is None and fee.sku is None:
        raise TermsInvalid("A fee has an amount, or a sku with a price in the book.")
    if fee.quantity < 0 or (fee.unit_amount is not None and fee.unit_amount < 0):
        raise TermsInvalid("A fee is not below zero; to give money, grant a credit.")
    if fee.last_day is not None:
        _refuse_term(fee.first_day, fee.last_day + timedelta(days=1))
    sku_id = _sku_id(session, fee.sku) if fee.sku else None
    return _add(session, org_id, Agreement.FEE, {**_values(fee, "sku", "sku_id"), "sku_id": sku_id}, by)


def add_charge(session: Session, org_id: int, charge: OneOffCharge, *, by: Actor) -> int:
    """Charge an amount once. Raises TermsInvalid."""
    _staff(session, org_id, by, "Charges are made")
    _refuse_currency(session, org_id, charge.currency)
    if charge.amount_minor <= 0:
        raise TermsInvalid("A charge is above zero; to give money, grant a credit.")
    return _add(session, org_id, Agreement.CHARGE, _values(charge), by)


def limit_spend(session: Session, org_id: int, limit: SpendLimit, *, by: Actor) -> int:
    """Agree what a billing period costs at least or at most; what was agreed before ends that day. Raises TermsInvalid."""
    _staff(session, org_id, by, "Spending limits are agreed")
    _refuse_currency(session, org_id, limit.currency)
    days = [day for day in (limit.starts_on, limit.ends_on) if day]
    if limit.maximum_minor is not None and any(day.day != 1 for day in days):
        raise TermsInvalid(WHOLE_PERIODS)
    if min(limit.minimum_minor or 0, limit.maximum_minor or 0) < 0:
        raise TermsInvalid("A limit is not below zero.")
    _refuse_term(limit.starts_on, limit.ends_on)
    _refuse_cut(session, org_id, limit.starts_on)
    _make_room(session, org_id, tables.spend_limit, sa.true(), limit.starts_on)
    return _add(session, org_id, Agreement.LIMIT, _values(limit), by)


def end(session: Session, org_id: int, kind: Agreement, agreement_id: int, last_day: date, *, by: Actor) -> None:
    """Let a price, a fee or a limit hold up to and with `last_day`. Raises TermsUnknown and TermsInvalid."""
    _staff(session, org_id, by, "Terms are ended")
    if kind not in _LAST:
        raise TermsInvalid(f"A {kind.value.replace('_', ' ')} has its term from the start; withdraw it instead.")
    table, column = _TABLES[kind], _LAST[kind]
    until = last_day if column == "last_day" else last_day + timedelta(days=1)
    mine = (table.c.org_id == org_id) & (table.c.id == agreement_id)
    begins = session.scalar(sa.select(table.c[_FIRST[kind]]).where(mine).with_for_update())
    if begins is None:
        raise TermsUnknown(f"There is no {kind.value.replace('_', ' ')} {agreement_id}.")
    if last_day < begins:
        raise TermsInvalid(f"It begins on {begins}. Withdraw it, if it is to hold on no day.")
    if kind is Agreement.LIMIT and until.day != 1 and session.scalar(sa.select(table.c.maximum_minor).where(mine)) is not None:
        raise TermsInvalid(WHOLE_PERIODS)
    session.execute(sa.update(table).where(mine).values({column: until}))
    detail = {"last_day": last_day.isoformat()}
    audit.record(session, org_id, actor=by.name, action=f"{kind.value}.end", subject=f"{kind.value}:{agreement_id}", detail=detail)


def withdraw(session: Session, org_id: int, kind: Agreement, agreement_id: int, *, by: Actor) -> None:
    """Take an agreement back as if it had never been; the audit keeps what it said. Raises TermsUnknown."""
    _staff(session, org_id, by, "Terms are withdrawn")
    table = _TABLES[kind]
    gone = sa.delete(table).where(table.c.org_id == org_id, table.c.id == agreement_id)
    row = session.execute(gone.returning(*table.c)).mappings().first()
    if row is None:
        raise TermsUnknown(f"There is no {kind.value.replace('_', ' ')} {agreement_id}.")
    detail = {key: _plain(value) for key, value in row.items() if key != "org_id"}
    audit.record(session, org_id, actor=by.name, action=f"{kind.value}.withdraw", subject=f"{kind.value}:{agreement_id}", detail=detail)


def set_seller(session: Session, new: Seller) -> Seller:
    """Let `new` issue the invoices of supplies complete from `new.starts_on` on; as kept. Raises VatNumberInvalid."""
    kept = replace(new, vat_number=checked(new.country, new.vat_number) if new.vat_number else None)
    values = {**asdict(kept), "address_lines": list(kept.address_lines)}
    put = insert(tables.seller).values(**values)
    session.execute(put.on_conflict_do_update(index_elements=["starts_on"], set_=values))
    return kept


def _staff(session: Session, org_id: int, by: Actor, deed: str) -> None:
    """Only the platform's side passes; agreements of one organization are made one after the other."""
    by.is_no_member(deed)
    session.execute(sa.text("SELECT id FROM organization WHERE id = :org FOR UPDATE"), {"org": org_id})


def _add(session: Session, org_id: int, kind: Agreement, values: Mapping[str, Any], by: Actor) -> int:
    table = _TABLES[kind]
    made = session.execute(sa.insert(table).values(org_id=org_id, **values).returning(table.c.id)).scalar_one()
    detail = {key: _plain(value) for key, value in values.items() if value is not None}
    audit.record(session, org_id, actor=by.name, action=f"{kind.value}.agree", subject=f"{kind.value}:{made}", detail=detail)
    return made


def _make_room(session: Session, org_id: int, table: sa.Table, same: sa.ColumnElement[bool], starts_on: date) -> None:
    """What is replaced ends on `starts_on`; what would have begun later never does."""
    mine = (table.c.org_id == org_id) & same
    session.execute(sa.delete(table).where(mine, table.c.starts_on >= starts_on))
    goes_on = table.c.ends_on.is_(None) | (table.c.ends_on > starts_on)
    session.execute(sa.update(table).where(mine, goes_on).values(ends_on=starts_on))


def _refuse_cut(session: Session, org_id: int, starts_on: date) -> None:
    """Raise TermsInvalid where what begins inside a month would end a maximum inside it."""
    found = tables.spend_limit.c
    holds = (found.starts_on < starts_on) & (found.ends_on.is_(None) | (found.ends_on > starts_on))
    held = sa.select(found.id).where(found.org_id == org_id, found.maximum_minor.is_not(None), holds)
    if starts_on.day != 1 and (number := session.scalar(held)) is not None:
        raise TermsInvalid(
            f"Limit {number} holds a maximum, for whole billing periods. Let what replaces it begin on the first of a month."
        )


def _refuse_term(starts_on: date, ends_on: date | None) -> None:
    if ends_on is not None and ends_on <= starts_on:
        raise TermsInvalid("What is agreed ends after it begins; it would hold on no day.")


def _refuse_far(starts_on: date) -> None:
    if starts_on.year > LAST_YEAR:
        raise TermsInvalid(f"What is agreed for some months begins in the year {LAST_YEAR} at the latest.")


def _values(agreed: Any, *left_out: str) -> dict[str, Any]:
    return {key: value for key, value in asdict(agreed).items() if key not in ("id", *left_out)}


def _region_codes(session: Session) -> dict[int, str]:
    return {number: code for code, number in region_ids(session).items()}


def _told(row: Mapping[Any, Any], codes: Mapping[int, str]) -> Columns:
    kept = {key: value for key, value in row.items() if key not in ("org_id", "sku_id", "region_id")}
    return {**kept, "region": codes[row["region_id"]]} if "region_id" in row else kept


def _sku_id(session: Session, code: str) -> int:
    found = session.scalar(sa.select(sku.c.id).where(sku.c.code == code))
    if found is None:
        raise TermsInvalid(f"There is no sku {code[:60]!r}.")
    return found


def _refuse_currency(session: Session, org_id: int, currency: str | None, *, needed: bool = True) -> None:
    book = book_of(session, org_id)
    if needed and currency != book.currency:
        raise TermsInvalid(f"The organization buys in {book.currency}; an amount in {currency or 'no currency'} would never be billed.")


def _refuse_incomplete(profile: BillingProfile) -> None:
    named = {"a legal name": profile.legal_name, "an address": "".join(profile.address_lines), "a city": profile.city}
    missing = [what for what, text in named.items() if not text.strip()]
    if missing:
        raise TermsInvalid(f"An invoice needs {' and '.join(missing)}.")
    if not (len(profile.country) == 2 and profile.country.isascii() and profile.country.isupper()):
        raise TermsInvalid("Name the country by its two letters (ISO 3166): DE, FR, US.")
    if profile.tax_treatment is TaxTreatment.EXEMPT and not profile.tax_reason.strip():
        raise TermsInvalid("An exemption says why, on every invoice. Give its reason.")
    if any("@" not in address or any(map(str.isspace, address)) for address in profile.emails):
        raise TermsInvalid("Billing contacts are mail addresses, such as billing@example.com.")
    if not 0 <= profile.payment_terms_days <= 365:
        raise TermsInvalid("Payment is due within 0 to 365 days.")


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value
