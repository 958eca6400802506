"""Who pays more and who less: every organization against its own what-if."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from factories import ingest, started, stopped, volume_created
from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.orgs.acting import system
from flyusage.periods import Period, midnight
from flyusage.pricing import agreements, books, drafts
from flyusage.pricing.errors import SimulationRefused
from flyusage.pricing.simulate import WhatIf, simulate
from flyusage.pricing.terms import PriceOverride
from flyusage.pricing.versions import Version, version_named
from flyusage.pricing.winners import winners

NOW = datetime(2026, 11, 15, 10, 40, tzinfo=UTC)
RANGE = Period(midnight(date(2026, 10, 20)), midnight(date(2026, 11, 11)))
BY = system("test")
ORGS = ("prism", "rival", "quiet", "elsewhere", "haggler")


@pytest.fixture(scope="module")
def orgs(shared_database) -> dict[str, int]:
    """Prism runs machines, Rival has volumes, Quiet used nothing then, Elsewhere buys from another book, Haggler negotiated."""
    with clock.freeze(NOW):
        ingest(
            [
                started("m", "2026-10-01T09:00:00Z", vm_size="performance-2x", memory_mb=8192),
                stopped("m", "2026-11-05T09:30:00Z"),
                volume_created("v", "2026-10-25T00:00:00Z", gb=100, org="rival"),
                started("m", "2026-10-01T00:00:00Z", org="quiet"),
                stopped("m", "2026-10-02T00:00:00Z", org="quiet"),
                started("m", "2026-10-25T00:00:00Z", org="elsewhere"),
                volume_created("v", "2026-10-25T00:00:00Z", gb=100, org="haggler"),
            ]
        )
        with db.platform_transaction() as session:
            ids = dict(session.execute(sa.text("SELECT slug, id FROM organization")).all())
            listed = books.book_named(session, "list")
            assert listed is not None
            other = books.create_book(session, slug="other", name="Other", currency="USD")
            books.draft(session, other, date(2024, 1, 1), prices=books.prices_of(session, listed.id, date(2026, 1, 1)))
            books.publish(session, other)
            books.subscribe(session, ids["elsewhere"], other)
            override = PriceOverride("volume", "global", Decimal("0.05"), 1024 * 2_592_000, "GB-month", date(2026, 1, 1))
            agreements.agree_price(session, ids["haggler"], override, by=BY)
        for org_id in ids.values():
            catch_up(org_id)
    return ids


@pytest.fixture
def session(orgs: dict[str, int]) -> Iterator[Session]:
    with clock.freeze(NOW), db.platform_transaction() as session, session.begin_nested() as made:
        yield session
        made.rollback()


@pytest.fixture
def draft(session: Session) -> Version:
    """Machines 10 % dearer, volumes at half."""
    made = drafts.new_draft(session, "list", date(2027, 1, 1), source=version_named(session, "list"), by=BY)
    drafts.scale_prices(session, made, Fraction(10), pattern="machine.performance-*", by=BY)
    drafts.scale_prices(session, made, Fraction(-50), pattern="volume", by=BY)
    return made


def test_each_organization_is_what_its_own_what_if_says(session: Session, orgs: dict[str, int], draft: Version) -> None:
    found = winners(session, RANGE, draft)
    assert [one.org for one in found.outcomes] == ["prism", "haggler", "rival"]
    for one in found.outcomes:
        alone = simulate(session, orgs[one.org], RANGE, WhatIf(draft))
        assert (one.before, one.after) == (alone.before, alone.after)
    assert [one.org for one in found.losing] == ["prism"]
    assert [one.org for one in found.winning] == ["rival"]
    # 100 GB from Oct 25 to Nov 11: 17 of 30 days at 0.15; half of it is saved.
    assert found.winning[0].difference == -(Fraction("0.15") * 100 * 17 / 30) / 2
    assert (found.before, found.after) == (sum(one.before for one in found.outcomes), sum(one.after for one in found.outcomes))


def test_another_books_buyers_can_be_asked_about(session: Session, orgs: dict[str, int], draft: Version) -> None:
    other = books.book_named(session, "other")
    assert other is not None
    found = winners(session, RANGE, draft, book_id=other.id)
    assert [one.org for one in found.outcomes] == ["elsewhere"]
    assert found.outcomes[0].difference > 0
    assert found.losing == found.outcomes


def test_what_is_not_whole_days_or_not_over_is_refused(session: Session, draft: Version) -> None:
    for period, words in (
        (Period(RANGE.start, datetime(2026, 11, 11, 1, tzinfo=UTC)), "whole days"),
        (Period(RANGE.start, RANGE.start), "whole days"),
        (Period(RANGE.start, midnight(date(2026, 11, 16))), "not over yet. End it at 2026-11-15"),
    ):
        with pytest.raises(SimulationRefused, match=words):
            winners(session, period, draft)
    drafts.new_book(session, "euro", currency="EUR", by=BY)
    euro = drafts.new_draft(session, "euro", date(2027, 1, 1), by=BY)
    listed = books.book_named(session, "list")
    assert listed is not None
    with pytest.raises(SimulationRefused, match="never converted"):
        winners(session, RANGE, euro, book_id=listed.id)


def test_it_takes_as_many_statements_for_many_as_for_few(session: Session, orgs: dict[str, int], draft: Version) -> None:
    winners(session, RANGE, draft)  # what is kept between questions is known from here on
    counted: list[str] = []
    sa.event.listen(session.connection(), "before_cursor_execute", lambda *args: counted.append(args[2]))
    winners(session, RANGE, draft)
    few = len(counted)
    rows = [{"slug": f"more-{number}", "now": NOW} for number in range(50)]
    session.execute(sa.text("INSERT INTO organization (slug, name, created_at) VALUES (:slug, 'More', :now)"), rows)
    counted.clear()
    winners(session, RANGE, draft)
    assert len(counted) == few


def test_a_members_transaction_sees_its_own_organization_only(orgs: dict[str, int]) -> None:
    with clock.freeze(NOW), db.transaction(orgs["prism"]) as session:
        found = winners(session, RANGE, version_named(session, "list"))
        assert [one.org for one in found.outcomes] == ["prism"]
