"""What one organization agreed beside its price book, for one billing period, as frozen values.

`terms_of` reads it; `agreements.py` and `grants.py` hold the verbs that change it. Nothing here rates anything.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.money import CURRENCIES, Currency
from flyusage.periods import DAY, Period, add_months, midnight
from flyusage.pricing.books import LIST, PriceBook
from flyusage.pricing.errors import PriceBookMissing, SellerMissing
from flyusage.pricing.tax import BillingProfile, Seller, TaxKey, TaxRate, TaxTreatment, tax_of


class CreditKind(StrEnum):
    """Promotional credits lower the net before tax; prepaid ones pay the gross."""

    PREPAID = "prepaid"
    PROMOTIONAL = "promotional"


class CpuKind(StrEnum):
    """What a reservation is for."""

    SHARED = "shared"
    PERFORMANCE = "performance"


@dataclass(frozen=True)
class PriceOverride:
    """A negotiated price: `amount` for `per_quantity` base units of `sku` where `scope` says, in `[starts_on, ends_on)`.

    `scope` is `global`, an egress group or a region's code. `model` holds a price of another model, as price books store it.
    `sku_id` and `region_ids` are what sku and scope stand for, once agreed.
    """

    sku: str
    scope: str
    amount: Decimal
    per_quantity: int
    unit: str
    starts_on: date
    ends_on: date | None = None
    model: Mapping[str, Any] | None = None
    note: str = ""
    id: int = 0
    sku_id: int = field(default=0, compare=False)
    region_ids: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(frozen=True)
class Discount:
    """Percent or amount off, for `periods` billing periods from `first_month` on (None: until withdrawn); `sku` None: off everything."""

    description: str
    first_month: date
    percent: Decimal | None = None
    amount_minor: int | None = None
    currency: str | None = None
    periods: int | None = None
    sku: str | None = None
    id: int = 0
    sku_id: int | None = field(default=None, compare=False)

    def holds_in(self, month: date) -> bool:
        """Whether it is one of the discount's periods."""
        passed = (month.year - self.first_month.year) * 12 + month.month - self.first_month.month
        return passed >= 0 and (self.periods is None or passed < self.periods)


@dataclass(frozen=True)
class Reservation:
    """`upfront_minor` for a credit of `monthly_credit_minor` on one region's machines of one CPU kind, each month; nothing rolls over."""

    region_id: int
    cpu_kind: CpuKind
    upfront_minor: int
    monthly_credit_minor: int
    currency: str
    starts_on: date
    months: int
    id: int = 0

    @property
    def term(self) -> Period:
        """From the midnight it starts with to that of its last month's end."""
        return Period(midnight(self.starts_on), add_months(midnight(self.starts_on), self.months))


@dataclass(frozen=True)
class Credit:
    """A credit grant with what is left of it."""

    id: int
    kind: CreditKind
    description: str
    left_minor: int
    currency: str
    granted_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class RecurringFee:
    """`quantity` of something each month, from `first_day` to `last_day`, both charged. `unit_amount` None: the book's price of `sku`."""

    description: str
    first_day: date
    last_day: date | None = None
    unit_amount: Decimal | None = None
    currency: str | None = None
    quantity: Decimal = Decimal(1)
    sku: str | None = None
    id: int = 0
    sku_id: int | None = field(default=None, compare=False)

    @property
    def term(self) -> Period:
        """Its days as a period; one that goes on ends with the calendar."""
        return Period(midnight(self.first_day), midnight(self.last_day or LAST_DAY) + DAY)


@dataclass(frozen=True)
class OneOffCharge:
    """An amount that is charged once, in the period that holds `charged_on`."""

    description: str
    amount_minor: int
    currency: str
    charged_on: date
    id: int = 0


@dataclass(frozen=True)
class SpendLimit:
    """What usage and fees come to at least, and at most, in a billing period, while `[starts_on, ends_on)` holds.

    A minimum is prorated by the days it holds in a period; a maximum begins and ends with months.
    """

    currency: str
    starts_on: date
    ends_on: date | None = None
    minimum_minor: int | None = None
    maximum_minor: int | None = None
    id: int = 0


@dataclass(frozen=True)
class Terms:
    """Everything agreed that touches `period`. Rows in another currency than the book's do not apply and are counted in `misfits`.

    `tax` is that of a supply complete on the period's last day, the one the whole period is billed by.
    """

    org_id: int
    period: Period
    book: PriceBook
    currency: Currency
    seller: Seller
    profile: BillingProfile | None
    tax: TaxKey
    overrides: tuple[PriceOverride, ...] = ()
    discounts: tuple[Discount, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    promotional: tuple[Credit, ...] = ()
    prepaid: tuple[Credit, ...] = ()
    fees: tuple[RecurringFee, ...] = ()
    charges: tuple[OneOffCharge, ...] = ()
    limits: tuple[SpendLimit, ...] = ()
    misfits: int = 0


LAST_DAY = date(9998, 12, 31)


def terms_of(session: Session, org_id: int, period: Period) -> Terms:
    """What the organization agreed for `period`, a billing period. Raises PriceBookMissing and SellerMissing."""
    return terms_of_many(session, [org_id], period)[org_id]


def terms_of_many(session: Session, org_ids: Sequence[int], period: Period) -> dict[int, Terms]:
    """`terms_of` for several organizations, in two statements."""
    seller, rates = seller_on(session, (period.end - DAY).date()), tax_rates(session)
    rows: dict[int, dict[str, list[dict[str, Any]]]] = {org_id: {} for org_id in org_ids}
    binds = {"orgs": list(org_ids), "start": period.start, "end": period.end, "list": LIST}
    for org_id, kind, text in session.execute(sa.text(_TERMS), binds):
        rows[org_id].setdefault(kind, []).append(json.loads(text, parse_float=Decimal))
    return {org_id: _terms(org_id, period, found, seller, rates) for org_id, found in rows.items()}


def overrides_of(session: Session, org_ids: Sequence[int], period: Period) -> dict[int, tuple[PriceOverride, ...]]:
    """The negotiated prices that touch `period`, of those organizations that have any."""
    rows: dict[int, list[dict[str, Any]]] = {}
    binds = {"orgs": list(org_ids), "start": period.start, "end": period.end}
    for org_id, _, text in session.execute(sa.text(_OVERRIDES), binds):
        rows.setdefault(org_id, []).append(json.loads(text, parse_float=Decimal))
    return {org_id: tuple(_dated(PriceOverride, found)) for org_id, found in rows.items()}


def seller_on(session: Session, day: date) -> Seller:
    """Who sells on `day`. Raises SellerMissing."""
    row = session.execute(sa.text("SELECT * FROM seller WHERE starts_on <= :day ORDER BY starts_on DESC LIMIT 1"), {"day": day}).mappings()
    found = row.first()
    if found is None:
        first = session.scalar(sa.text("SELECT min(starts_on) FROM seller"))
        what = f"The first begins on {first:%b %-d, %Y}" if first else "Run `flyusage db upgrade`, which brings the demo's"
        raise SellerMissing(f"No seller is known for {day:%b %-d, %Y}. {what}; `flyusage seller set` sets yours.")
    return Seller(**{**found, "address_lines": tuple(found["address_lines"])})


def sellers(session: Session) -> list[Seller]:
    """Every seller there was or will be, by the day each begins."""
    rows = session.execute(sa.text("SELECT * FROM seller ORDER BY starts_on")).mappings()
    return [Seller(**{**row, "address_lines": tuple(row["address_lines"])}) for row in rows]


def tax_rates(session: Session) -> list[TaxRate]:
    """Every country's standard rates, by country and date."""
    rows = session.execute(sa.text("SELECT country, percent, starts_on, ends_on, name FROM tax_rate ORDER BY country, starts_on"))
    return [TaxRate(*row) for row in rows]


def _terms(org_id: int, period: Period, rows: dict[str, list[dict[str, Any]]], seller: Seller, rates: Sequence[TaxRate]) -> Terms:
    if not rows.get("book"):
        raise PriceBookMissing("No price book is loaded. Run `flyusage db upgrade`, which loads the list prices.")
    book = PriceBook(**rows["book"][0])
    fitting = {kind: [row for row in found if row.get("currency") in (None, book.currency)] for kind, found in rows.items()}
    fitting["book"] = rows["book"]
    profile = _profile(rows["billing_profile"][0]) if rows.get("billing_profile") else None
    grants = sorted((_credit(row) for row in fitting.get("credit_grant", ())), key=_expiring_first)
    return Terms(
        org_id=org_id,
        period=period,
        book=book,
        currency=CURRENCIES[book.currency],
        seller=seller,
        profile=profile,
        tax=tax_of(seller, profile, rates, (period.end - DAY).date()),
        overrides=tuple(_dated(PriceOverride, fitting.get("price_override", ()))),
        discounts=tuple(one for one in _dated(Discount, fitting.get("discount", ())) if one.holds_in(period.start.date())),
        reservations=tuple(_dated(Reservation, fitting.get("reservation", ()))),
        promotional=tuple(one for one in grants if one.kind is CreditKind.PROMOTIONAL),
        prepaid=tuple(one for one in grants if one.kind is CreditKind.PREPAID),
        fees=tuple(_dated(RecurringFee, fitting.get("recurring_fee", ()))),
        charges=tuple(_dated(OneOffCharge, fitting.get("one_off_charge", ()))),
        limits=tuple(_dated(SpendLimit, fitting.get("spend_limit", ()))),
        misfits=sum(map(len, rows.values())) - sum(map(len, fitting.values())),
    )


def _expiring_first(credit: Credit) -> tuple[bool, datetime, datetime, int]:
    """The order in which credits are used: what expires first, then the oldest."""
    return credit.expires_at is None, credit.expires_at or credit.granted_at, credit.granted_at, credit.id


def _profile(row: dict[str, Any]) -> BillingProfile:
    kept = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items() if key != "org_id"}
    return BillingProfile(**{**kept, "tax_treatment": TaxTreatment(kept["tax_treatment"])})


def _credit(row: dict[str, Any]) -> Credit:
    return Credit(
        id=row["id"],
        kind=CreditKind(row["kind"]),
        description=row["description"],
        left_minor=row["amount_minor"] - row["used_minor"] - row["revoked_minor"],
        currency=row["currency"],
        granted_at=datetime.fromisoformat(row["granted_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]) if row["expires_at"] else None,
    )


DATES = ("starts_on", "ends_on", "first_month", "first_day", "last_day", "charged_on")
NUMBERS = ("amount", "percent", "unit_amount", "quantity")


def _dated(kind: Any, rows: Iterable[dict[str, Any]]) -> list[Any]:
    """Rows as values of `kind`, by id; dates and decimals as such."""
    made = []
    for row in sorted(rows, key=lambda row: row["id"]):
        values = {key: value for key, value in row.items() if key in kind.__dataclass_fields__}
        values |= {key: date.fromisoformat(values[key]) for key in DATES if values.get(key) is not None}
        values |= {key: Decimal(values[key]) for key in NUMBERS if values.get(key) is not None}
        if kind is Reservation:
            values["cpu_kind"] = CpuKind(values["cpu_kind"])
        if kind is PriceOverride:
            values["region_ids"] = frozenset(values["region_ids"] or ())
        made.append(kind(**values))
    return made


def _agreed(table: str, touching: str, columns: str = "to_jsonb(t)") -> str:
    return f"SELECT t.org_id, '{table}', CAST({columns} AS text) FROM {table} t WHERE t.org_id = ANY (:orgs) AND {touching}"


_WITH_SKU = "to_jsonb(t) || jsonb_build_object('sku', (SELECT code FROM sku WHERE sku.id = t.sku_id))"
_WITH_REGIONS = f"""{_WITH_SKU} || jsonb_build_object('region_ids',
  (SELECT jsonb_agg(r.id) FROM region r WHERE t.scope IN ('global', r.egress_group, r.code)))"""
_OVERRIDES = _agreed("price_override", "starts_on < :end AND (ends_on IS NULL OR ends_on > :start)", _WITH_REGIONS)
_TERMS = " UNION ALL ".join(
    (
        """SELECT o.id, 'book', CAST(to_jsonb(b) AS text) FROM unnest(CAST(:orgs AS int[])) AS o (id)
           JOIN price_book b ON b.id = coalesce((SELECT price_book_id FROM subscription s WHERE s.org_id = o.id),
                                                (SELECT id FROM price_book WHERE slug = :list))""",
        _agreed("billing_profile", "true"),
        _OVERRIDES,
        _agreed("discount", "first_month < :end", _WITH_SKU),
        _agreed("reservation", "starts_on < :end AND starts_on + make_interval(months => months) > :start"),
        _agreed(
            "credit_grant",
            "used_minor + revoked_minor < amount_minor AND granted_at < :end AND (expires_at IS NULL OR expires_at > :start)",
        ),
        _agreed("recurring_fee", "first_day < :end AND (last_day IS NULL OR last_day >= :start)", _WITH_SKU),
        _agreed("one_off_charge", "charged_on >= :start AND charged_on < :end"),
        _agreed("spend_limit", "starts_on < :end AND (ends_on IS NULL OR ends_on > :start)"),
    )
)
