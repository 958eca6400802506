"""Drafts: begun, changed, compared, published or discarded, and all of it logged."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.pricing import books, drafts, versions
from flyusage.pricing.errors import DraftRefused, PriceBookPublished, PriceInvalid, SkuUnknown, VersionUnknown
from flyusage.pricing.listed import ListedPrice
from flyusage.pricing.price_list import price_history, price_list, terms_told
from flyusage.pricing.price_table import price_table
from flyusage.pricing.rating import Model, Tier
from flyusage.pricing.versions import Version, version_named

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NEW_YEAR = date(2027, 1, 1)
BY = system("test")
VOLUME = ListedPrice("volume", "global", Decimal("0.20"), 1024 * 2_592_000, "GB-month(30d)")


@pytest.fixture
def session(shared_database) -> Iterator[Session]:
    """Nothing of a test is kept."""
    with clock.freeze(NOW), db.platform_transaction() as session, session.begin_nested() as made:
        yield session
        made.rollback()


@pytest.fixture
def draft(session: Session) -> Version:
    return drafts.new_draft(session, "list", NEW_YEAR, source=version_named(session, "list"), by=BY)


def price_in(session: Session, version: Version, sku: str, scope: str) -> list[ListedPrice]:
    return [one for one in books.version_prices(session, version.id) if (one.sku, one.scope) == (sku, scope)]


def test_a_draft_begins_with_the_prices_it_is_made_from(session: Session, draft: Version) -> None:
    assert (draft.name, draft.published_at, draft.price_count) == ("list@2027-01-01", None, 565)
    found = versions.compare(session, version_named(session, "list"), draft)
    assert (found.before.name, found.changed, found.added, found.removed) == ("list@2024-11-01", (), (), ())


def test_a_new_book_is_made_as_that_it_begins_from(session: Session) -> None:
    made = drafts.new_draft(session, "spring", NEW_YEAR, source=version_named(session, "list@2024-07-01"), by=BY)
    assert (made.book.slug, made.book.currency) == ("spring", "USD")
    with pytest.raises(DraftRefused, match="no book 'autumn'"):
        drafts.new_draft(session, "autumn", NEW_YEAR, by=BY)


def test_a_day_is_taken_once_and_currencies_are_not_converted(session: Session, draft: Version) -> None:
    with pytest.raises(DraftRefused, match="has a version of 2027-01-01 already"):
        drafts.new_draft(session, "list", NEW_YEAR, by=BY)
    drafts.new_book(session, "euro", currency="EUR", by=BY)
    with pytest.raises(DraftRefused, match=r"list@2027-01-01 is in USD, the book euro in EUR"):
        drafts.new_draft(session, "euro", NEW_YEAR, source=draft, by=BY)


@pytest.mark.parametrize(
    ("slug", "currency", "words"), [("A b", "USD", "no name"), ("list", "USD", "already"), ("x", "DOGE", "no currency")]
)
def test_books_have_names_and_currencies(session: Session, slug: str, currency: str, words: str) -> None:
    with pytest.raises(DraftRefused, match=words):
        drafts.new_book(session, slug, currency=currency, by=BY)


def test_setting_a_price_replaces_the_one_of_its_place(session: Session, draft: Version) -> None:
    drafts.set_price(session, draft, VOLUME, by=BY)
    drafts.set_price(session, draft, replace(VOLUME, scope="fra", amount=Decimal("0.25")), by=BY)
    assert [one.amount for one in price_in(session, draft, "volume", "global")] == [Decimal("0.20")]
    found = versions.compare(session, version_named(session, "list"), draft)
    assert [(one.sku, one.scope, one.percent) for one in found.changed] == [("volume", "global", Fraction(100, 3))]
    assert [(one.sku, one.scope, one.percent) for one in found.added] == [("volume", "fra", None)]
    assert found.removed == ()


def test_dated_prices_replace_those_they_overlap(session: Session, draft: Version) -> None:
    first = replace(VOLUME, effective_to=date(2027, 3, 1))
    later = replace(VOLUME, effective_from=date(2027, 3, 1), amount=Decimal("0.30"))
    for one in (VOLUME, later, first):  # the first has no end, so the second takes its place
        drafts.set_price(session, draft, one, by=BY)
    assert {one.amount for one in price_in(session, draft, "volume", "global")} == {Decimal("0.20"), Decimal("0.30")}
    drafts.set_price(session, draft, VOLUME, by=BY)
    assert len(price_in(session, draft, "volume", "global")) == 1


def test_a_price_of_another_model_has_no_percentage(session: Session, draft: Version) -> None:
    tiered = replace(VOLUME, model=Model.GRADUATED, tiers=(Tier(Fraction(10), Fraction("0.1")), Tier(None, Fraction("0.2"))))
    drafts.set_price(session, draft, tiered, by=BY)
    (change,) = versions.compare(session, version_named(session, "list"), draft).changed
    assert (change.percent, change.after and change.after.amount) == (None, Decimal("0.1"))
    assert terms_told(tiered.price) == "graduated: to 10 0.1; beyond 0.2"


def test_scaling_rounds_once_at_12_decimals(session: Session, draft: Version) -> None:
    # shared-cpu-1x in ams: 0.000000779247 × 1.05 = 0.00000081820935 → 0.000000818209
    assert drafts.scale_prices(session, draft, Fraction(5), pattern="machine.shared-cpu-1x", by=BY) == 35
    assert price_in(session, draft, "machine.shared-cpu-1x", "ams")[0].amount == Decimal("0.000000818209")
    assert drafts.scale_prices(session, draft, Fraction(-50), pattern="volume", scope="global", by=BY) == 1
    assert price_in(session, draft, "volume", "global")[0].amount == Decimal("0.075")
    found = versions.compare(session, version_named(session, "list"), draft)
    assert len(found.changed) == 36
    assert {round(float(one.percent or 0), 3) for one in found.changed} == {5.0, -50.0}


def test_removing_a_price_leaves_its_sku_unpriced_there(session: Session, draft: Version) -> None:
    drafts.remove_price(session, draft, "volume", "global", by=BY)
    (gone,) = versions.compare(session, version_named(session, "list"), draft).removed
    assert (gone.sku, gone.after) == ("volume", None)


def test_publishing_takes_effect_on_its_day_alone_and_publishes_no_other_draft(session: Session, draft: Version) -> None:
    other = drafts.new_draft(session, "list", date(2027, 2, 1), source=version_named(session, "list"), by=BY)
    drafts.set_price(session, draft, VOLUME, by=BY)
    before = price_table(session, draft.book.id)
    drafts.publish_draft(session, draft, by=BY)
    assert [one.name for one in versions.versions(session, only_drafts=True)] == [other.name]
    table = price_table(session, draft.book.id)
    volume = session.scalar(sa.text("SELECT id FROM sku WHERE code = 'volume'"))
    key = next(key for key in before.spans if key[0] == volume)
    assert [table.on(*key, day).amount for day in (date(2026, 12, 31), NEW_YEAR)] == [Decimal("0.15"), Decimal("0.20")]  # type: ignore[union-attr]
    unchanged = {key: spans for key, spans in before.spans.items() if spans[0].unit == "machine-second"}
    assert all(table.spans[key] == spans for key, spans in unchanged.items())


def test_what_is_published_cannot_be_drafted_any_more(session: Session, draft: Version) -> None:
    drafts.publish_draft(session, draft, by=BY)
    for change in (
        lambda: drafts.set_price(session, draft, VOLUME, by=BY),
        lambda: drafts.remove_price(session, draft, "volume", "global", by=BY),
        lambda: drafts.scale_prices(session, draft, Fraction(1), by=BY),
        lambda: drafts.publish_draft(session, draft, by=BY),
        lambda: drafts.discard_draft(session, draft, by=BY),
    ):
        with pytest.raises(PriceBookPublished, match="list@2027-01-01 is published and stays"):
            change()
    for statement in ("UPDATE price SET free_quantity = 5", "UPDATE price SET tiers = NULL", "UPDATE price SET model = 'flat'"):
        with pytest.raises(sa.exc.DatabaseError, match="published"), session.begin_nested():
            session.execute(sa.text(f"{statement} WHERE version_id = :version"), {"version": draft.id})


def test_days_that_are_over_keep_their_prices_unless_told(session: Session) -> None:
    past = drafts.new_draft(session, "list", date(2026, 11, 24), source=version_named(session, "list"), by=BY)
    with pytest.raises(DraftRefused, match="would change prices of days that are over. Draft it for 2026-11-25 or later"):
        drafts.publish_draft(session, past, by=BY)
    drafts.publish_draft(session, past, may_be_past=True, by=BY)


def test_an_empty_draft_is_not_published(session: Session) -> None:
    empty = drafts.new_draft(session, "list", NEW_YEAR, by=BY)
    with pytest.raises(DraftRefused, match="has no prices"):
        drafts.publish_draft(session, empty, by=BY)


def test_discarding_leaves_nothing_but_the_log(session: Session, draft: Version) -> None:
    drafts.discard_draft(session, draft, by=BY)
    with pytest.raises(VersionUnknown, match=r"Known: list@2024-07-01, .*list@2024-11-01"):
        version_named(session, draft.name)
    with pytest.raises(VersionUnknown, match="was discarded meanwhile"):
        drafts.publish_draft(session, draft, by=BY)
    (event, *_) = versions.events(session, subject=draft.name)
    assert (event.action, event.actor, len(event.detail["prices"])) == ("price_draft.discard", "system:test", 565)


def test_everything_done_is_logged_with_what_was_before(session: Session, draft: Version) -> None:
    drafts.set_price(session, draft, VOLUME, by=BY)
    drafts.scale_prices(session, draft, Fraction(5), pattern="machine.*", by=BY)
    drafts.publish_draft(session, draft, by=BY)
    found = versions.events(session, subject=draft.name)
    assert [one.action for one in found] == ["price_book.publish", "price_draft.scale", "price_draft.set", "price_draft.create"]
    assert found[2].detail["price"] == {"amount": "0.20", "per_quantity": 2_654_208_000, "unit": "GB-month(30d)"}
    assert found[2].detail["before"][0]["amount"] == "0.15"
    with pytest.raises(sa.exc.DatabaseError), session.begin_nested():
        session.execute(sa.text("DELETE FROM price_book_event"))


def test_nonsense_is_refused_with_the_next_step(session: Session, draft: Version) -> None:
    with pytest.raises(DraftRefused, match="'mars' is no region, egress group or `global`"):
        drafts.set_price(session, draft, replace(VOLUME, scope="mars"), by=BY)
    with pytest.raises(SkuUnknown, match="no sku 'moon'"):
        drafts.set_price(session, draft, replace(VOLUME, sku="moon"), by=BY)
    with pytest.raises(PriceInvalid):
        drafts.set_price(session, draft, replace(VOLUME, model=Model.GRADUATED), by=BY)
    with pytest.raises(PriceInvalid):
        drafts.scale_prices(session, draft, Fraction(-101), by=BY)
    with pytest.raises(VersionUnknown, match="has no price of moon"):
        drafts.scale_prices(session, draft, Fraction(1), pattern="moon.*", by=BY)
    with pytest.raises(VersionUnknown, match="has no price of volume in fra"):
        drafts.remove_price(session, draft, "volume", "fra", by=BY)
    with pytest.raises(VersionUnknown):
        version_named(session, "nothing")


def test_prices_are_the_platforms_to_make(session: Session, draft: Version) -> None:
    owner = member(1, Role.OWNER)
    for change in (
        lambda: drafts.new_draft(session, "list", date(2028, 1, 1), by=owner),
        lambda: drafts.new_book(session, "mine", currency="USD", by=owner),
        lambda: drafts.set_price(session, draft, VOLUME, by=owner),
        lambda: drafts.publish_draft(session, draft, by=owner),
    ):
        with pytest.raises(NotPermitted):
            change()


def test_a_members_transaction_can_read_prices_and_change_none(shared_database) -> None:
    with db.transaction(1) as session:
        assert versions.versions(session)
        for statement in ("INSERT INTO price_book (slug, name, currency) VALUES ('mine', 'Mine', 'USD')", "SELECT * FROM price_book_event"):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), session.begin_nested():
                session.execute(sa.text(statement))


def test_the_list_in_a_region_takes_the_narrowest_price(session: Session, draft: Version) -> None:
    book = draft.book.id
    everywhere = price_list(session, book, date(2026, 11, 1))
    assert len(everywhere) == len([one for one in books.prices_of(session, book, date(2026, 11, 1)) if one.effective_to is None])
    fra = {one.sku: one for one in price_list(session, book, date(2026, 11, 1), region="fra")}
    assert (fra["egress.public"].scope, fra["egress.public"].amount) == ("na_eu", Decimal("0.02"))
    assert (fra["volume"].scope, fra["machine.performance-1x"].scope) == ("global", "fra")
    sjc = {one.sku: one for one in price_list(session, book, date(2026, 11, 1), region="sjc")}
    assert sjc["machine.shared-cpu-1x"].month == Fraction("2.319039072")
    with pytest.raises(VersionUnknown, match="no region 'mars'"):
        price_list(session, book, date(2026, 11, 1), region="mars")


def test_history_keeps_the_phases_of_2024(session: Session, draft: Version) -> None:
    # performance-1x in dfw rose by a quarter of 31.00's quarter each month; see test_books.
    spans = price_history(session, draft.book.id, "machine.performance-1x", region="dfw")
    assert [(one.starts_on.isoformat(), f"{one.amount:f}") for one in spans] == [
        ("2024-07-01", "0.000011959877"),
        ("2024-08-01", "0.000012707369"),
        ("2024-09-01", "0.000013454861"),
        ("2024-10-01", "0.000014202353"),
        ("2024-11-01", "0.000014949846"),
    ]
    assert spans[-1].ends_on is None
    together = price_history(session, draft.book.id, "volume")
    assert [(one.starts_on, len(one.regions)) for one in together] == [(date(2024, 7, 1), 35)]
    with pytest.raises(SkuUnknown):
        price_history(session, draft.book.id, "moon")
