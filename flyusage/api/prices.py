"""`/prices`: what things cost, and what past usage would have cost otherwise."""

from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import clock, db
from flyusage.api.answers import answer
from flyusage.api.auth import Caller, route
from flyusage.api.forms import AMOUNT, MOMENT, MONTH, RANGE_NAME
from flyusage.orgs.permissions import Permission
from flyusage.periods import Period, month_period
from flyusage.pricing.books import LIST, PriceBook, book_named, book_of
from flyusage.pricing.buying import book_on
from flyusage.pricing.errors import PeriodInvalid, VersionUnknown, ViewInvalid
from flyusage.pricing.explorer import history
from flyusage.pricing.plain_answer import exact
from flyusage.pricing.price_list import price_history, price_list
from flyusage.pricing.simulate import Reserved, WhatIf, simulate
from flyusage.pricing.urls import view_as_written
from flyusage.pricing.versions import Version, version_named, versions

router = APIRouter(tags=["prices"])

READ = Permission.PRICES_READ
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class Price(BaseModel):
    """A price in force: `amount` of the list's currency for one `unit`."""

    sku: str = Field(examples=["machine.shared-cpu-1x"])
    title: str
    scope: str = Field(description="global, an egress group, or a region's code.")
    amount: str
    unit: str = Field(examples=["machine-second"])
    thirty_days: str | None = Field(description="What 30 days of one unit cost; null where a unit is no time.")
    model: str
    terms: str = Field(description="What is beyond an amount per unit, in words.")
    note: str


class Prices(BaseModel):
    """What an organization buys at on a day."""

    book: str
    name: str = Field(description="The book's, for people.")
    currency: str
    on: date
    region: str | None
    data: list[Price]


@route(router, "GET", "/prices", needs=READ, problems=(404, 422), response_model=Prices, summary="Prices in force")
def prices(
    request: Request,
    bearer: Caller,
    region: Annotated[
        str | None, Query(max_length=40, description="A region's code: what each thing costs there.", examples=["fra"])
    ] = None,
    sku: Annotated[str, Query(max_length=100, description="Only skus that begin so.")] = "",
    on: Annotated[date | None, Query(description="The day, 2000-01-01 to 2099-12-31; today without it.")] = None,
) -> Response:
    """Of the book the organization buys from on that day, by sku."""
    day = on or clock.now().date()
    if not EARLIEST <= day < LATEST:
        raise PeriodInvalid(f"There are prices of days from {EARLIEST} on, before {LATEST}.")
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        book = book_on(session, bearer.org_id, day)
        found = [one for one in price_list(session, book.id, day, region=region) if one.sku.startswith(sku)]
    data = [
        Price(
            sku=one.sku,
            title=one.title,
            scope=one.scope,
            amount=f"{one.amount:f}",
            unit=one.unit,
            thirty_days=None if one.month is None else exact(one.month),
            model=str(one.model),
            terms=one.terms,
            note=one.note,
        )
        for one in found
    ]
    return answer(request, Prices(book=book.slug, name=book.name, currency=book.currency, on=day, region=region, data=data))


class PriceSpan(BaseModel):
    """What a sku cost in some regions from a day to another."""

    starts_on: date
    ends_on: date | None = Field(description="Exclusive; null: still.")
    regions: list[str]
    amount: str
    unit: str = Field(examples=["machine-second"])
    terms: str = Field(description="What is beyond an amount per unit, in words.")


class History(BaseModel):
    """What a sku has cost since when, oldest first, regions with the same price together."""

    book: str
    name: str = Field(description="The book's, for people.")
    currency: str
    sku: str
    data: list[PriceSpan]


class PublishedVersion(BaseModel):
    """A version of a price book, in force from a day on."""

    version: str = Field(description="BOOK@DATE.", examples=["list@2024-12-01"])
    book: str
    currency: str
    effective_from: date
    published_at: datetime
    prices: int = Field(description="How many there are in it.")
    note: str


class Book(BaseModel):
    """A price book that the organization buys from, or could."""

    book: str
    name: str
    currency: str
    is_synthetic: bool = Field(description="Invented prices, for demonstration.")
    is_own: bool = Field(description="The one that the organization buys from today.")
    versions: list[PublishedVersion] = Field(description="The oldest first.")


class Books(BaseModel):
    """By name."""

    data: list[Book]


@route(router, "GET", "/prices/history", needs=READ, problems=(404,), response_model=History, summary="What a price has been")
def prices_since(
    request: Request,
    bearer: Caller,
    sku: Annotated[str, Query(max_length=100, description="The whole of its name.", examples=["machine.shared-cpu-1x"])],
    region: Annotated[str | None, Query(max_length=40, description="A region's code.", examples=["fra"])] = None,
    book: Annotated[str | None, Query(max_length=60, description="`list` in place of the organization's own.", examples=[LIST])] = None,
) -> Response:
    """Of the book that the organization buys from today."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        chosen = next((one for one in _open_books(session, bearer.org_id) if book in (None, one.slug)), None)
        if chosen is None:
            raise VersionUnknown(
                f"There is no price book {(book or '')[:60]!r} that this organization buys from. `/prices/books` names them."
            )
        found = price_history(session, chosen.id, sku, region=region)
    data = [
        PriceSpan(
            starts_on=one.starts_on,
            ends_on=one.ends_on,
            regions=list(one.regions),
            amount=f"{one.amount:f}",
            unit=one.unit,
            terms=one.terms,
        )
        for one in found
    ]
    return answer(request, History(book=chosen.slug, name=chosen.name, currency=chosen.currency, sku=sku, data=data))


@route(router, "GET", "/prices/books", needs=READ, response_model=Books, summary="Price books and their versions")
def price_books(request: Request, bearer: Caller) -> Response:
    """The list, and the organization's own. Drafts are not told."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        known = _open_books(session, bearer.org_id)
        data = [
            Book(
                book=one.slug,
                name=one.name,
                currency=one.currency,
                is_synthetic=one.is_synthetic,
                is_own=one == known[0],
                versions=[_published(each) for each in versions(session, book=one.slug) if each.published_at is not None],
            )
            for one in sorted(known, key=lambda each: each.slug)
        ]
    return answer(request, Books(data=data))


class Reservation(BaseModel):
    """A reservation that could be taken on one region's machines of one CPU kind."""

    model_config = {"extra": "forbid"}

    region: str = Field(min_length=1, max_length=40)
    cpu_kind: Literal["shared", "performance"]
    upfront: str = Field(pattern=AMOUNT, description="For the whole term.", examples=["144"])
    monthly_credit: str = Field(pattern=AMOUNT, description="In the currency the organization buys in.", examples=["20"])
    months: int = Field(default=12, ge=1, le=60)


class Question(BaseModel):
    """What if. Everything may be left out, and then nothing changes."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"month": "2026-10", "moves": {"gru": "iad"}, "resizes": {"performance-8x": "performance-4x"}}]},
    }

    month: str | None = Field(
        default=None, pattern=MONTH, description="The month that is re-priced; without it or a range, the last one with events."
    )
    range: str | None = Field(default=None, pattern=RANGE_NAME, description="In place of a month, as `/usage` takes it.", examples=["30d"])
    starts: str | None = Field(
        default=None, alias="from", pattern=MOMENT, max_length=30, description="The first moment, in place of a range."
    )
    ends: str | None = Field(default=None, alias="to", pattern=MOMENT, max_length=30, description="The moment after the last.")
    version: str | None = Field(default=None, max_length=100, description="BOOK@DATE: that published version's prices, on every day.")
    moves: dict[str, str] = Field(default={}, max_length=50, description="Region to region: this one's usage in that one.")
    resizes: dict[str, str] = Field(default={}, max_length=50, description="VM size to VM size.")
    reservations: list[Reservation] = Field(default=[], max_length=20)


class SimulatedLine(BaseModel):
    """A sku in the region it was used in."""

    sku: str
    title: str
    region: str
    quantity: str = Field(
        default="0", description="In the meter's smallest unit: machine-seconds, bytes, MiB-seconds.", examples=["2678400"]
    )
    before: str | None = Field(description="Null: it has no price.")
    after: str | None
    difference: str


class Simulation(BaseModel):
    """Past usage, as it is and as asked; before discounts, credits and tax. The lines and `reserved` add up to the totals."""

    currency: str
    starts_at: datetime
    ends_at: datetime = Field(description="Exclusive.")
    as_of: datetime
    before: str
    after: str
    difference: str
    reserved: str = Field(description="What reservations add: their share of what is paid up front, less the credit they give.")
    lines: list[SimulatedLine] = Field(description="The largest difference first.")
    notices: list[str]


@route(router, "POST", "/prices/simulate", needs=READ, problems=(404, 422), response_model=Simulation, summary="Re-price past usage")
def simulate_prices(request: Request, bearer: Caller, question: Question) -> Response:
    """Nothing is changed and nothing is kept, so it may be asked again and again."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        period = _period(question, history(session, bearer.org_id))
        version = version_named(session, question.version) if question.version else None
        if version is not None and not _is_open_to(version, book_of(session, bearer.org_id)):
            raise VersionUnknown(f"There is no published version {question.version!r} that this organization could buy at.")
        reserved = [
            Reserved(one.region, one.cpu_kind, Fraction(one.upfront), Fraction(one.monthly_credit), one.months)
            for one in question.reservations
        ]
        what = WhatIf(version, question.moves, question.resizes, tuple(reserved))
        found = simulate(session, bearer.org_id, period, what)
    lines = [
        SimulatedLine(
            sku=one.sku,
            title=one.title,
            region=one.region,
            quantity=str(one.quantity),
            before=_text(one.before),
            after=_text(one.after),
            difference=exact(one.difference),
        )
        for one in found.lines
    ]
    told = Simulation(
        currency=found.currency,
        starts_at=found.period.start,
        ends_at=found.period.end,
        as_of=found.as_of,
        before=exact(found.before),
        after=exact(found.after),
        difference=exact(found.difference),
        reserved=exact(found.reserved),
        lines=lines,
        notices=list(found.notices),
    )
    return answer(request, told)


def _period(question: Question, held: Period | None) -> Period:
    """Raises ViewInvalid for what could not be taken as written."""
    others = question.range or question.starts or question.ends
    if question.month and others:
        raise ViewInvalid("Name a `month`, or a `range`, or `from` and `to`; not two of them.")
    asked = {"range": question.range or question.month, "from": question.starts, "to": question.ends}
    now = clock.now()
    if not any(asked.values()):
        return month_period(min(now, held.end) if held else now)
    return view_as_written({name: one for name, one in asked.items() if one}, now=now, history=held).period


def _open_books(session: Session, org_id: int) -> list[PriceBook]:
    """The book that the organization buys from today, and the list."""
    own = book_on(session, org_id, clock.now().date())
    listed = book_named(session, LIST)
    return [own] if listed is None or listed == own else [own, listed]


def _published(one: Version) -> PublishedVersion:
    assert one.published_at is not None
    return PublishedVersion(
        version=one.name,
        book=one.book.slug,
        currency=one.book.currency,
        effective_from=one.effective_from,
        published_at=one.published_at,
        prices=one.price_count,
        note=one.note,
    )


def _is_open_to(version: Version, book: PriceBook) -> bool:
    """Whether members may see a version: drafts are the platform's own, and other customers' books theirs."""
    return version.published_at is not None and version.book.slug in (book.slug, LIST)


def _text(value: Fraction | None) -> str | None:
    return None if value is None else exact(value)
