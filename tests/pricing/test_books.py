"""Price books: the published list to the last decimal, its history, and that what is published stays."""

import csv
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import resources

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.periods import Period, midnight
from flyusage.pricing import books
from flyusage.pricing.errors import PriceBookMissing
from flyusage.pricing.price_table import price_table, version_table
from flyusage.pricing.rating import rate


def published_rows() -> list[dict[str, str]]:
    with resources.files("flyusage.pricing").joinpath("facts", "prices.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def list_book(session: Session) -> int:
    book = books.book_named(session, "list")
    assert book is not None
    return book.id


def ids_by_code(session: Session) -> dict[str, int]:
    return dict(session.execute(sa.text("SELECT code, id FROM sku UNION ALL SELECT code, id FROM region")).all())


def price_on(session: Session, code: str, region: str, day: date) -> Decimal | None:
    return session.execute(
        sa.text(
            """SELECT amount FROM price_segment p JOIN sku k ON k.id = p.sku_id JOIN region r ON r.id = p.region_id
               WHERE book_id = :book AND k.code = :code AND r.code = :region AND starts_on <= :day AND ends_on > :day"""
        ),
        {"book": list_book(session), "code": code, "region": region, "day": day},
    ).scalar()


def test_the_last_version_is_the_published_list_row_by_row(database) -> None:
    with db.platform_transaction() as session:
        listed = {(one.sku, one.scope, one.effective_to): one for one in books.prices_of(session, list_book(session), date(2026, 11, 1))}
    rows = published_rows()
    assert len(rows) == 565
    for row in rows:
        end = date.fromisoformat(row["effective_to"]) if row["effective_to"] else None
        assert listed[row["sku"], row["scope"], end].amount == Decimal(row["usd"]), (row["sku"], row["scope"])


def test_the_lists_free_allowances_are_free(database) -> None:
    with db.platform_transaction() as session:
        listed = books.prices_of(session, list_book(session), date(2026, 11, 1))
    free = {one.sku: one.free_quantity for one in listed if one.free_quantity}
    assert free == {"volume_snapshot": 10, "cert.single": 10}
    snapshots = next(one for one in listed if one.sku == "volume_snapshot")
    assert rate(Fraction(12 * snapshots.per_quantity), snapshots.price).amount == Fraction("0.16")  # 2 GB for a month at 0.08


def test_regional_differences_came_in_quarters(database) -> None:
    # performance-1x in dfw: base 31.00 per 30 days, markup 1.25. Half of the markup: 31 × 1.125 / 2,592,000 s = 34.875 / 2,592,000
    # = 0.0000134548611… → 0.000013454861 at 12 decimals. None of it: 31 / 2,592,000 = 0.0000119598765… → 0.000011959877.
    with db.platform_transaction() as session:
        assert price_on(session, "machine.performance-1x", "dfw", date(2024, 7, 1)) == Decimal("0.000011959877")
        assert price_on(session, "machine.performance-1x", "dfw", date(2024, 9, 30)) == Decimal("0.000013454861")
        assert price_on(session, "machine.performance-1x", "dfw", date(2024, 11, 1)) == Decimal("0.000014949846")
        assert price_on(session, "machine.performance-1x", "dfw", date(2024, 6, 30)) is None


def test_a_price_that_stays_is_one_span(database) -> None:
    """iad has no markup, so nothing ever changed there."""
    with db.platform_transaction() as session:
        table = price_table(session, list_book(session))
        ids = ids_by_code(session)
        spans = {region: len(table.spans[ids["machine.performance-1x"], ids[region]]) for region in ("iad", "dfw")}
    assert spans == {"iad": 1, "dfw": 5}


def test_dates_inside_a_version_are_honoured(database) -> None:
    with db.platform_transaction() as session:
        assert price_on(session, "gpu.a10", "ord", date(2026, 2, 10)) == Decimal("1.50")
        assert price_on(session, "gpu.a10", "ord", date(2026, 2, 11)) == Decimal("0.75")
        assert price_on(session, "gpu.a10", "ord", date(2026, 8, 1)) is None
        assert price_on(session, "egress.public", "jnb", date(2024, 7, 17)) is None
        assert price_on(session, "egress.public", "jnb", date(2024, 7, 18)) == Decimal("0.12")


@pytest.mark.parametrize(
    ("machines", "gb", "days", "dollars"),
    [(3, 1, 30, "20.37"), (1, Fraction(1, 4), 30, "2.32"), (5, Fraction(1, 2), 15, "9.52")],
)
def test_the_documented_examples_come_out(database, machines: int, gb: Fraction, days: int, dollars: str) -> None:
    """shared-cpu-1x in sjc, whose preset holds a quarter of a GB; the documentation's own sums."""
    with db.platform_transaction() as session:
        table = price_table(session, list_book(session))
        ids = ids_by_code(session)
    seconds = machines * days * 86_400
    machine = table.on(ids["machine.shared-cpu-1x"], ids["sjc"], date(2026, 10, 1))
    memory = table.on(ids["machine.extra_ram"], ids["sjc"], date(2026, 10, 1))
    assert machine is not None and memory is not None
    cost = machine.cost(seconds) + memory.cost(seconds * (gb * 1024 - 256))
    assert round(float(cost), 2) == float(dollars)


def test_loading_again_changes_nothing(database) -> None:
    with db.platform_transaction() as session:
        before = session.execute(sa.text("SELECT (SELECT count(*) FROM price), (SELECT max(id) FROM price_book_version)")).one()
        books.load_list_prices(session)
        assert session.execute(sa.text("SELECT (SELECT count(*) FROM price), (SELECT max(id) FROM price_book_version)")).one() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE price SET amount = amount * 2",
        "DELETE FROM price",
        "TRUNCATE price",
        "INSERT INTO price (version_id, sku_id, scope, amount, per_quantity, unit) SELECT id, 1, 'global', 1, 1, 'x' FROM price_book_version LIMIT 1",
        "UPDATE price_book_version SET effective_from = '2020-01-01'",
        "DELETE FROM price_book_version",
    ],
)
def test_what_is_published_stays(database, statement: str) -> None:
    from flyusage import schema

    with pytest.raises(sa.exc.DatabaseError, match=r"published|only ever added"), schema.owner_session() as session:
        session.execute(sa.text(statement))


def test_a_wider_price_holds_on_the_days_that_a_regions_own_leaves(database) -> None:
    """fra has a price of its own from Oct 10 to Oct 19; before and after it pays what everybody pays, published or tried."""
    with db.platform_transaction() as session:
        book = books.create_book(session, slug="summer", name="Summer", currency="USD", is_synthetic=True)
        wide = books.ListedPrice("volume", "global", Decimal("0.15"), 1024 * 2_592_000, "GB-month(30d)")
        own = replace(wide, scope="fra", amount=Decimal("0.1"), effective_from=date(2026, 10, 10), effective_to=date(2026, 10, 20))
        version = books.draft(session, book, date(2026, 1, 1), prices=[wide, own])
        tried = version_table(session, version)
        books.publish(session, book)
        ids = ids_by_code(session)
        days = [date(2026, 10, 9), date(2026, 10, 10), date(2026, 10, 19), date(2026, 10, 20)]
        for table in (price_table(session, book), tried):
            found = {region: [table.on(ids["volume"], ids[region], day) for day in days] for region in ("fra", "iad")}
            assert [one and one.amount for one in found["fra"]] == [Decimal(n) for n in ("0.15", "0.1", "0.1", "0.15")]
            assert [one and one.amount for one in found["iad"]] == [Decimal("0.15")] * 4


def test_a_price_that_is_rated_over_many_places_is_the_same_one_wherever_and_since_whenever_it_holds(database) -> None:
    """10 GB are free everywhere. fra has its own terms until the second version, gru from then on, though the same as everybody's."""
    with db.platform_transaction() as session:
        book = books.create_book(session, slug="joined", name="Joined", currency="USD", is_synthetic=True)
        wide = books.ListedPrice("volume", "global", Decimal("0.15"), 1024 * 2_592_000, "GB-month(30d)", free_quantity=Decimal(10))
        books.draft(session, book, date(2026, 1, 1), prices=[wide, replace(wide, scope="fra", free_quantity=Decimal(3))])
        books.draft(session, book, date(2026, 10, 1), prices=[wide, replace(wide, scope="gru")])
        books.publish(session, book)
        table, ids = price_table(session, book), ids_by_code(session)
        spans = {region: [(one.since, one.price_id) for one in table.spans[ids["volume"], ids[region]]] for region in ("iad", "fra", "gru")}
        ((since, everybodys),) = spans["iad"]
        assert (since, spans["fra"][1]) == (date(2026, 1, 1), (date(2026, 10, 1), everybodys))
        assert spans["gru"][0] == (date(2026, 1, 1), everybodys)
        assert spans["gru"][1][0] == date(2026, 10, 1)
        assert spans["gru"][1][1] != everybodys


def test_a_later_version_takes_over_on_its_day_alone(database) -> None:
    with db.platform_transaction() as session:
        book = books.create_book(session, slug="dearer", name="Dearer", currency="USD", is_synthetic=True)
        listed = books.prices_of(session, list_book(session), date(2026, 1, 1))
        books.draft(session, book, date(2026, 1, 1), prices=listed)
        assert price_table(session, book).spans == {}  # a draft rates nothing
        dearer = [books.ListedPrice(**{**vars(one), "amount": one.amount * 2}) for one in listed if one.sku == "volume"]
        books.draft(session, book, date(2026, 10, 17), prices=dearer)
        books.publish(session, book)
        table = price_table(session, book)
        ids = ids_by_code(session)
        amounts = [table.on(ids["volume"], ids["iad"], day) for day in (date(2026, 10, 16), date(2026, 10, 17))]
        assert [one.amount for one in amounts if one] == [Decimal("0.15"), Decimal("0.30")]
        assert table.steps(Period(midnight(date(2026, 10, 1)), midnight(date(2026, 11, 1)))) == {date(2026, 10, 17)}


def test_organizations_buy_from_the_list_unless_they_subscribe(database, cast) -> None:
    with db.platform_transaction() as session:
        assert books.book_of(session, cast.prism.id).slug == "list"
        books.subscribe(session, cast.prism.id, books.create_book(session, slug="own", name="Own", currency="EUR"))
    with db.transaction(cast.prism.id) as session:
        assert books.book_of(session, cast.prism.id).currency == "EUR"
    with db.transaction(cast.rival.id) as session:
        assert books.book_of(session, cast.rival.id).slug == "list"


def test_no_book_at_all_says_what_to_do(database, cast) -> None:
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE price_book SET slug = 'gone'"))
        with pytest.raises(PriceBookMissing, match="flyusage db upgrade"):
            books.book_of(session, cast.prism.id)
