"""Prices of every model as rows and as JSON: what is stored rates as what was said, and nonsense is refused twice."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from hypothesis import given
from pricing.test_rating import STEPS, prices

from flyusage import db
from flyusage.pricing import books
from flyusage.pricing.errors import InputInvalid, PriceInvalid, SkuUnknown
from flyusage.pricing.listed import ListedPrice, listed_amount, listed_from, price_of, terms_json, tiers_from
from flyusage.pricing.price_table import price_table
from flyusage.pricing.rating import Model, Price, Tier, rate

VOLUME = ListedPrice("volume", "global", Decimal("0.15"), 1024 * 2_592_000, "GB-month(30d)")
EVERY = (
    VOLUME,
    replace(VOLUME, free_quantity=Decimal(10), minimum=Decimal("1.5"), maximum=Decimal(100)),
    replace(VOLUME, model=Model.GRADUATED, tiers=STEPS),
    replace(VOLUME, model=Model.VOLUME, tiers=(Tier(Fraction("0.5"), Fraction("0.000000779247")), Tier(None))),
    replace(VOLUME, model=Model.PACKAGE, package_size=Decimal(10)),
    replace(VOLUME, model=Model.GRADUATED, tiers=(Tier(Fraction(4), Fraction(1)), Tier(None, Fraction(7), package_size=Fraction("2.5")))),
    replace(VOLUME, model=Model.PERCENTAGE, rate_percent=Decimal("2.9"), amount=Decimal(0), per_quantity=1),
    replace(VOLUME, model=Model.PERCENTAGE, tiers=(Tier(None, rate_percent=Fraction(3)),), amount=Decimal(0), per_quantity=1),
    replace(VOLUME, model=Model.FLAT, per_quantity=1),
    replace(VOLUME, model=Model.ONE_OFF, per_quantity=1),
)


@pytest.fixture(scope="module")
def session(shared_database):
    with db.platform_transaction() as session:
        yield session
        session.rollback()


@pytest.mark.parametrize(
    "listed",
    EVERY,
    ids=lambda listed: (
        f"{listed.model}{'-tiers' if listed.tiers else ''}{'-free' if listed.free_quantity else ''}"
        f"{'-packages' if any(tier.package_size for tier in listed.tiers) else ''}"
    ),
)
def test_every_model_comes_back_from_the_database_as_it_went_in(session, listed: ListedPrice) -> None:
    with session.begin_nested() as made:
        book = books.create_book(session, slug="kept", name="Kept", currency="USD")
        version = books.draft(session, book, date(2026, 10, 1), prices=[listed])
        (found,) = books.version_prices(session, version)
        assert found == listed.checked()
        books.publish(session, book)
        (span,) = next(iter(price_table(session, book).spans.values()))
        quantity = Fraction(12 * 1024 * 2_592_000)
        assert rate(quantity, span.price).amount == rate(quantity, listed.checked().price).amount
        made.rollback()


def test_the_list_price_of_tiers_is_that_of_the_first_that_costs_and_of_a_package_its_share(session) -> None:
    with session.begin_nested() as made:
        book = books.create_book(session, slug="kept", name="Kept", currency="USD")
        graduated = replace(VOLUME, model=Model.GRADUATED, tiers=STEPS)  # flat, flat, then 5 each
        package = replace(VOLUME, sku="ipv4.dedicated", model=Model.PACKAGE, package_size=Decimal(10), per_quantity=2_592_000)
        books.draft(session, book, date(2026, 10, 1), prices=[graduated, package])
        books.publish(session, book)
        rows = session.execute(sa.text("SELECT sku_id, amount, per_quantity FROM price_segment WHERE book_id = :book"), {"book": book})
        found = {row.sku_id: row for row in rows}
        ids = dict(session.execute(sa.text("SELECT code, id FROM sku")).all())
        assert (found[ids["volume"]].amount, found[ids["volume"]].per_quantity) == (5, VOLUME.per_quantity)
        assert (found[ids["ipv4.dedicated"]].amount, found[ids["ipv4.dedicated"]].per_quantity) == (Decimal("0.15"), 25_920_000)
        made.rollback()


def test_a_price_of_another_model_is_another_span(session) -> None:
    """The same amount, but free units from the second version on."""
    with session.begin_nested() as made:
        book = books.create_book(session, slug="kept", name="Kept", currency="USD")
        books.draft(session, book, date(2026, 10, 1), prices=[VOLUME])
        books.draft(session, book, date(2026, 11, 1), prices=[replace(VOLUME, free_quantity=Decimal(10))])
        books.draft(session, book, date(2026, 12, 1), prices=[replace(VOLUME, free_quantity=Decimal("10.0"))])
        books.publish(session, book)
        spans = next(iter(price_table(session, book).spans.values()))
        assert [(span.since, span.price.free_quantity) for span in spans] == [(date(2026, 10, 1), 0), (date(2026, 11, 1), 10)]
        made.rollback()


TIER = '{"up_to": "5", "unit_amount": "1"}'


@pytest.mark.parametrize(
    "columns",
    [
        "model = 'sometimes'",
        "model = 'graduated'",
        f"tiers = '[{TIER}]'",
        "model = 'package'",
        "package_size = 10",
        "model = 'package', package_size = 1.5",
        "model = 'package', package_size = 0",
        "free_quantity = -1",
        "rate_percent = -1",
        "minimum = -1",
        "minimum = 2, maximum = 1",
        "model = 'volume', tiers = '[]'",
        "model = 'volume', tiers = '{}'",
        "model = 'volume', tiers = '[7]'",
        f"model = 'volume', tiers = '[{TIER}, {TIER}]'",
        'model = \'volume\', tiers = \'[{"up_to": null}, {"up_to": "5"}]\'',
        "model = 'volume', tiers = '[{\"up_to\": 5}]'",
        "model = 'volume', tiers = '[{\"up_to\": \"0\"}]'",
        'model = \'volume\', tiers = \'[{"up_to": "5", "unit_amount": "-1"}]\'',
        'model = \'volume\', tiers = \'[{"up_to": "5", "flat_amount": 0.1}]\'',
        "model = 'volume', tiers = '[{\"up_to\": \"5; DROP\"}]'",
        "model = 'volume', tiers = '[{\"package_size\": \"0\"}]'",
        "model = 'volume', tiers = '[{\"package_size\": 10}]'",
    ],
)
def test_the_database_refuses_a_price_that_could_not_rate(session, columns: str) -> None:
    with session.begin_nested() as made:
        book = books.create_book(session, slug="kept", name="Kept", currency="USD")
        version = books.draft(session, book, date(2026, 10, 1), prices=[VOLUME])
        with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"), session.begin_nested():
            session.execute(
                sa.text(f"UPDATE price SET {columns.replace(':', chr(92) + ':')} WHERE version_id = :version"), {"version": version}
            )
        made.rollback()


def test_what_is_not_sold_and_what_cannot_rate_is_refused(session) -> None:
    with session.begin_nested() as made:
        book = books.create_book(session, slug="kept", name="Kept", currency="USD")
        with pytest.raises(SkuUnknown, match="no sku 'moon'"):
            books.draft(session, book, date(2026, 10, 1), prices=[replace(VOLUME, sku="moon")])
        with pytest.raises(PriceInvalid, match="whole number of units"):
            books.draft(session, book, date(2026, 10, 2), prices=[replace(VOLUME, model=Model.PACKAGE, package_size=Decimal("1.5"))])
        with pytest.raises(PriceInvalid, match="fewer than 2\\^63"):
            books.draft(session, book, date(2026, 10, 3), prices=[replace(VOLUME, model=Model.PACKAGE, package_size=Decimal(10) ** 10)])
        made.rollback()


def test_tiers_as_people_write_them() -> None:
    assert tiers_from([{"up_to": 5, "unit": "7", "flat": 1}, {"up_to": None, "unit": "6"}], Model.GRADUATED) == (
        Tier(Fraction(5), Fraction(7), Fraction(1)),
        Tier(None, Fraction(6)),
    )
    assert tiers_from([{"up_to": 100, "rate_pct": "2"}, {"rate_pct": 1, "flat": 5}], Model.PERCENTAGE) == (
        Tier(Fraction(100), rate_percent=Fraction(2)),
        Tier(None, flat_amount=Fraction(5), rate_percent=Fraction(1)),
    )
    (packed,) = tiers_from([{"unit": "7", "package_size": 3}], Model.VOLUME)
    assert packed == Tier(None, Fraction(7), package_size=Fraction(3))
    # 10 units are four packages: 28, and stay so in a price that is kept; a unit's list price is 7 / 3
    kept = price_of(Decimal(0), 1, terms_json(Price(Model.VOLUME, tiers=(packed,))))
    assert rate(Fraction(10), kept).amount == 28
    assert listed_amount(Decimal(0), 1, terms_json(kept)) == (Decimal("2.333333333333"), 1)
    with pytest.raises(PriceInvalid, match=r"tiers\[0\].colour is nothing that a tier of this model has"):
        tiers_from([{"up_to": 5, "unit": 1, "colour": 1}], Model.VOLUME)
    for model, one in ((Model.VOLUME, {"rate_pct": 2, "unit": 1}), (Model.PERCENTAGE, {"unit": 2, "rate_pct": 1})):
        with pytest.raises((PriceInvalid, InputInvalid)):
            tiers_from([one], model)


@pytest.mark.parametrize(
    "terms", [{"tiers": []}, {"model": "moon"}, {"model": "volume", "tiers": [7]}, {"model": "per_unit", "minimum": "x"}]
)
def test_terms_that_are_none_are_refused(terms: dict) -> None:
    with pytest.raises(PriceInvalid):
        price_of(Decimal(1), 1, terms)


def test_a_third_has_no_decimal() -> None:
    with pytest.raises(PriceInvalid, match="no end as a decimal"):
        terms_json(Price(Model.PER_UNIT, Fraction(1), minimum=Fraction(1, 3)))


@given(prices())
def test_json_says_the_same_price(price: Price) -> None:
    written = terms_json(price)
    assert written is None or all(value is None or isinstance(value, str | list) for value in written.values())
    found = price_of(price.unit_amount, price.per_quantity, written)
    assert rate(Fraction(7), found).amount == rate(Fraction(7), price).amount
    assert rate(Fraction(10**6), found).amount == rate(Fraction(10**6), price).amount
    assert terms_json(found) == written


def test_columns_make_a_listed_price() -> None:
    row = {**{name: getattr(VOLUME, name) for name in vars(VOLUME)}, "model": "per_unit", "tiers": None}
    assert listed_from(row) == VOLUME
