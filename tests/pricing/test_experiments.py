"""Experiments: who takes part, which prices hold on which day, what is due to whom, and back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from factories import ingest, volume_created
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices.drafting import draft as drafted
from flyusage.invoices.statement import LineKind
from flyusage.metering.rollups import catch_up
from flyusage.orgs import audit
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, OrganizationUnknown
from flyusage.orgs.models import Role
from flyusage.periods import Period, midnight
from flyusage.pricing import agreements, books, drafts, experiments, versions
from flyusage.pricing.buying import BUCKETS, book_on, bucket, spells_of, table_of, takes_part
from flyusage.pricing.cohort_revenue import cohort_revenue
from flyusage.pricing.errors import ExperimentRefused, ExperimentUnknown
from flyusage.pricing.experiments import Experiment, Plan
from flyusage.pricing.explorer import explore
from flyusage.pricing.price_table import PriceTable
from flyusage.pricing.simulate import WhatIf, simulate
from flyusage.pricing.terms import RecurringFee
from flyusage.pricing.versions import version_named
from flyusage.pricing.view import Dimension, Measure, View

NOW = datetime(2026, 11, 15, 10, 40, tzinfo=UTC)
BEGINS, ENDS = date(2026, 11, 20), date(2026, 11, 25)
LATER = datetime(2026, 11, 28, 3, 20, tzinfo=UTC)
BY = system("test")
ORGS = ("prism", "rival", "third", "fourth", "fifth")
HUNDRED_GB_DAY = Fraction("0.15") * 100 / 30
PLAN = Plan("cheap-volumes", "half", BEGINS, ENDS, orgs=("prism",))


@pytest.fixture(scope="module")
def orgs(shared_database) -> dict[str, int]:
    """Five organizations with a volume of 100 GB each since Oct 1; the book `half` sells volumes at half the list's price."""
    with clock.freeze(NOW):
        ingest([volume_created("v", "2026-10-01T00:00:00Z", gb=100, org=org) for org in ORGS])
        with db.platform_transaction() as session:
            draft = drafts.new_draft(session, "half", date(2026, 11, 16), source=version_named(session, "list"), by=BY)
            drafts.scale_prices(session, draft, Fraction(-50), pattern="volume", by=BY)
            drafts.publish_draft(session, draft, by=BY)
            ids = dict(session.execute(sa.text("SELECT slug, id FROM organization")).all())
    with clock.freeze(LATER):
        for org_id in ids.values():
            catch_up(org_id)
    return ids


@pytest.fixture
def session(orgs: dict[str, int]) -> Iterator[Session]:
    """Nothing of a test is kept; it is Nov 15."""
    with clock.freeze(NOW), db.platform_transaction() as session, session.begin_nested() as made:
        yield session
        made.rollback()


def list_cost(session: Session, org_id: int, first: date, end: date) -> Fraction:
    view = View(Measure.LIST_COST, Period(midnight(first), midnight(end)), group_by=Dimension.SKU)
    return explore(session, org_id, view, now=LATER).total


def prices_of(session: Session, org_id: int) -> PriceTable:
    base = books.book_of(session, org_id).id
    return table_of(session, base, spells_of(session, org_id, base))


def start(session: Session, plan: Plan = PLAN) -> Experiment:
    return experiments.start(session, plan, by=BY)


def test_prices_hold_from_its_first_midnight_to_its_last(session: Session, orgs: dict[str, int]) -> None:
    start(session)
    days = [BEGINS - timedelta(days=1), BEGINS, ENDS - timedelta(days=1), ENDS]
    assert [book_on(session, orgs["prism"], day).slug for day in days] == ["list", "half", "half", "list"]
    assert {book_on(session, orgs["rival"], day).slug for day in days} == {"list"}
    ids = dict(session.execute(sa.text("SELECT code, id FROM sku UNION ALL SELECT code, id FROM region")).all())
    table = prices_of(session, orgs["prism"])
    found = [table.on(ids["volume"], ids["dfw"], day) for day in days]
    assert [one.amount for one in found if one] == [Decimal("0.15"), Decimal("0.075"), Decimal("0.075"), Decimal("0.15")]
    assert {BEGINS, ENDS} <= table.steps(Period(midnight(date(2026, 11, 1)), midnight(date(2026, 12, 1))))


def test_every_chart_and_the_draft_invoice_honour_it_by_date(session: Session, orgs: dict[str, int]) -> None:
    """Nov 1 to 27: 27 days at 0.15 per GB and 30 days, 5 of them at half."""
    start(session)
    with clock.freeze(LATER):
        first, end = date(2026, 11, 1), date(2026, 11, 28)
        assert list_cost(session, orgs["prism"], first, end) == 22 * HUNDRED_GB_DAY + 5 * HUNDRED_GB_DAY / 2
        assert list_cost(session, orgs["rival"], first, end) == 27 * HUNDRED_GB_DAY
        assert list_cost(session, orgs["prism"], BEGINS, ENDS) == 5 * HUNDRED_GB_DAY / 2
        statement = drafted(session, orgs["prism"], first, as_of=midnight(end))
        assert statement.usage_exact == 22 * HUNDRED_GB_DAY + 5 * HUNDRED_GB_DAY / 2
        assert [line.period.start.date() for line in statement.lines] == [first, BEGINS, ENDS]
        assert simulate(session, orgs["prism"], Period(midnight(first), midnight(end)), WhatIf()).before == statement.usage_exact


def test_fees_without_an_amount_of_their_own_cost_what_the_experiments_book_says(session: Session, orgs: dict[str, int]) -> None:
    """Standard support is 29 a month and 58 in the book that is tried: 25 of November's 30 days at 29, and 5 at 58."""
    dear = drafts.new_draft(session, "dear", BEGINS, source=version_named(session, "list"), by=BY)
    drafts.scale_prices(session, dear, Fraction(100), pattern="support.standard", by=BY)
    drafts.publish_draft(session, dear, by=BY)
    start(session, replace(PLAN, book="dear"))
    agreements.add_fee(session, orgs["prism"], RecurringFee("Support", date(2026, 1, 1), sku="support.standard"), by=BY)
    with clock.freeze(LATER):
        fees = [line for line in drafted(session, orgs["prism"], date(2026, 11, 1)).lines if line.kind is LineKind.FEE]
        assert sum((line.exact for line in fees), Fraction(0)) == Fraction(29 * 25 + 58 * 5, 30)


def test_a_members_transaction_prices_its_own_organization_alike(orgs: dict[str, int]) -> None:
    with clock.freeze(NOW), db.platform_transaction() as session:
        begun = start(session, replace(PLAN, slug="kept", orgs=("fifth",)))
    with clock.freeze(LATER):
        with db.transaction(orgs["fifth"]) as session:
            assert list_cost(session, orgs["fifth"], BEGINS, ENDS) == 5 * HUNDRED_GB_DAY / 2
        with db.transaction(orgs["rival"]) as session:
            assert list_cost(session, orgs["rival"], BEGINS, ENDS) == 5 * HUNDRED_GB_DAY
            assert session.scalar(sa.text("SELECT count(*) FROM price_experiment_member")) == 0
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                session.execute(sa.text("UPDATE price_experiment SET percent = 100"))
            session.rollback()
    with clock.freeze(NOW), db.platform_transaction() as session:
        experiments.end(session, begun.slug, by=BY)


def test_a_percentage_is_drawn_by_a_stable_hash(session: Session, orgs: dict[str, int]) -> None:
    begun = start(session, replace(PLAN, orgs=(), percent=Decimal(50)))
    part, rest = experiments.cohorts(session, begun)
    assert sorted(part + rest) == sorted(orgs.values())
    assert {org_id: book_on(session, org_id, BEGINS).slug for org_id in part} == dict.fromkeys(part, "half")
    assert {org_id: book_on(session, org_id, BEGINS).slug for org_id in rest} == dict.fromkeys(rest, "list")
    assert [bucket("cheap-volumes", org_id) for org_id in (1, 2, 3)] == [2640, 3110, 3123]  # the same for ever, on every machine


def test_everybody_and_nobody_and_names_go_before_the_hash(session: Session, orgs: dict[str, int]) -> None:
    begun = start(session, replace(PLAN, orgs=(), percent=Decimal(100), left_out=("rival",)))
    part, rest = experiments.cohorts(session, begun)
    assert (len(part), rest) == (4, [orgs["rival"]])


@given(st.integers(1, 2**31), st.text("abc-", min_size=1, max_size=8), st.integers(0, 100), st.integers(0, 100))
def test_a_larger_percentage_only_adds(org_id: int, slug: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert takes_part(slug, Decimal(low), org_id, None) <= takes_part(slug, Decimal(high), org_id, None)
    assert takes_part(slug, Decimal(100), org_id, None)
    assert not takes_part(slug, None, org_id, None)


def test_the_hash_spreads_evenly() -> None:
    # 10,000 draws of 30 %: 3,000 expected, and 46 is a standard deviation.
    assert abs(sum(takes_part("even", Decimal(30), org_id, None) for org_id in range(BUCKETS)) - 3000) < 5 * 46


def test_who_comes_later_is_drawn_too(session: Session) -> None:
    start(session, replace(PLAN, orgs=(), percent=Decimal(100)))
    later = session.execute(
        sa.text("INSERT INTO organization (slug, name, created_at) VALUES ('late', 'Late', now()) RETURNING id")
    ).scalar_one()
    assert book_on(session, later, BEGINS).slug == "half"


def test_who_buys_from_another_book_is_left_alone(session: Session, orgs: dict[str, int]) -> None:
    start(session, replace(PLAN, orgs=(), percent=Decimal(100)))
    half = books.book_named(session, "half")
    assert half is not None
    books.subscribe(session, orgs["rival"], half.id)
    assert prices_of(session, orgs["rival"]).others == ()
    with pytest.raises(ExperimentRefused, match="rival does not buy from List prices"):
        start(session, replace(PLAN, slug="other", orgs=("rival",), starts_on=date(2027, 1, 1), ends_on=None))


def test_one_command_returns_everybody_at_the_next_midnight(session: Session, orgs: dict[str, int]) -> None:
    start(session, replace(PLAN, ends_on=None))
    with clock.freeze(datetime(2026, 11, 22, 8, tzinfo=UTC)):
        ended = experiments.end(session, PLAN.slug, by=BY)
        assert ended.ends_on == date(2026, 11, 23)
        assert [book_on(session, orgs["prism"], date(2026, 11, day)).slug for day in (22, 23)] == ["half", "list"]
        with pytest.raises(ExperimentRefused, match="ends on 2026-11-23 already"):
            experiments.end(session, PLAN.slug, on=date(2026, 12, 1), by=BY)
        with pytest.raises(ExperimentRefused, match="Prices of days that have begun stay. End it on 2026-11-23 or later"):
            experiments.end(session, PLAN.slug, on=date(2026, 11, 21), by=BY)
    with clock.freeze(LATER), pytest.raises(ExperimentRefused, match="has ended on 2026-11-23"):
        experiments.end(session, PLAN.slug, by=BY)


def test_one_that_has_not_begun_never_does(session: Session, orgs: dict[str, int]) -> None:
    start(session)
    assert experiments.end(session, PLAN.slug, by=BY).was_cancelled
    assert book_on(session, orgs["prism"], BEGINS).slug == "list"
    assert experiments.due_notices(session) == []  # nobody was told


def test_notices_are_due_before_each_change_and_handed_over_once(session: Session, orgs: dict[str, int]) -> None:
    start(session, replace(PLAN, notice_days=3))
    assert experiments.due_notices(session) == []
    with clock.freeze(datetime(2026, 11, 17, tzinfo=UTC)):
        (due,) = experiments.due_notices(session)
        assert (due.org_id, due.kind, due.changes_on, due.due_on) == (orgs["prism"], "begins", BEGINS, date(2026, 11, 17))
        experiments.hand_over(session, [due])
        assert experiments.due_notices(session) == []
        experiments.end(session, PLAN.slug, by=BY)  # who was told that it begins is told that it does not
        (due,) = experiments.due_notices(session)
        assert (due.kind, due.changes_on) == ("ends", BEGINS)


def test_an_end_that_comes_earlier_is_told_anew(session: Session) -> None:
    start(session, replace(PLAN, notice_days=0, ends_on=date(2027, 1, 1)))
    with clock.freeze(datetime(2026, 11, 22, 8, tzinfo=UTC)):
        experiments.hand_over(session, experiments.due_notices(session))
        experiments.end(session, PLAN.slug, by=BY)
        (due,) = experiments.due_notices(session)
        assert (due.kind, due.changes_on, due.due_on) == ("ends", date(2026, 11, 23), date(2026, 11, 22))


def test_it_is_logged_and_in_the_audit_of_whoever_takes_part(session: Session, orgs: dict[str, int]) -> None:
    start(session)
    experiments.end(session, PLAN.slug, by=BY)
    found = versions.events(session, subject=PLAN.slug)
    assert [(one.action, one.detail["organizations"]) for one in found] == [("price_experiment.end", 1), ("price_experiment.start", 1)]
    assert [one.action for one in audit.entries(session, orgs["prism"])][:2] == ["price_experiment.end", "price_experiment.start"]
    assert [one.action for one in audit.entries(session, orgs["rival"]) if one.action.startswith("price_experiment")] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slug": "A b"}, "is no name for an experiment"),
        ({"book": "none"}, "There is no price book 'none'"),
        ({"book": "list"}, "needs another book"),
        ({"book": "euro"}, "amounts are never converted"),
        ({"starts_on": date(2026, 11, 15)}, "Start it on 2026-11-16 or later"),
        ({"ends_on": BEGINS}, "ends after it starts"),
        ({"percent": Decimal(0)}, "above 0"),
        ({"percent": Decimal("100.5")}, "at most 100"),
        ({"notice_days": -1}, "before prices change"),
        ({"orgs": ()}, "Nobody would take part"),
        ({"left_out": ("prism",)}, "cannot be named to take part and to be left out"),
        ({"book": "empty"}, "has no published prices on 2026-11-20"),
    ],
)
def test_what_cannot_be_is_refused_with_the_next_step(session: Session, changes: dict, words: str) -> None:
    drafts.new_book(session, "euro", currency="EUR", by=BY)
    drafts.new_book(session, "empty", currency="USD", by=BY)
    with pytest.raises(ExperimentRefused, match=words):
        start(session, replace(PLAN, **changes))


def test_nobody_takes_part_in_two_at_once(session: Session) -> None:
    start(session)
    with pytest.raises(ExperimentRefused, match="There is an experiment cheap-volumes already"):
        start(session)
    with pytest.raises(ExperimentRefused, match="cheap-volumes runs then, and some would take part in both"), session.begin_nested():
        start(session, replace(PLAN, slug="second"))
    start(session, replace(PLAN, slug="third", orgs=("rival",)))
    start(session, replace(PLAN, slug="fourth", starts_on=ENDS, ends_on=None))


def test_prices_of_two_that_follow_each_other(session: Session, orgs: dict[str, int]) -> None:
    draft = drafts.new_draft(session, "quarter", BEGINS, source=version_named(session, "half@2026-11-16"), by=BY)
    drafts.scale_prices(session, draft, Fraction(-50), pattern="volume", by=BY)
    drafts.publish_draft(session, draft, by=BY)
    start(session)
    start(session, replace(PLAN, slug="second", book="quarter", starts_on=ENDS, ends_on=None))
    with clock.freeze(LATER):
        found = list_cost(session, orgs["prism"], date(2026, 11, 19), date(2026, 11, 28))
        assert found == HUNDRED_GB_DAY * (1 + Fraction(5, 2) + Fraction(3, 4))


def test_revenue_by_cohort_and_month(session: Session, orgs: dict[str, int]) -> None:
    begun = start(session)
    with clock.freeze(LATER):
        found = {(one.month.month, one.is_in): one for one in cohort_revenue(session, begun)}
        assert sorted({month for month, _ in found}) == [8, 9, 10, 11]
        assert (found[8, True].organizations, found[8, True].mean) == (0, 0)
        assert (found[10, True].organizations, found[10, True].revenue) == (1, 31 * HUNDRED_GB_DAY)
        assert (found[10, False].organizations, found[10, False].mean) == (4, 31 * HUNDRED_GB_DAY)
        assert found[11, True].revenue == 22 * HUNDRED_GB_DAY + 5 * HUNDRED_GB_DAY / 2
        assert found[11, False].revenue == 4 * 27 * HUNDRED_GB_DAY
        assert [found[month, True].is_open for month in (10, 11)] == [False, True]


def test_experiments_are_the_platforms(session: Session) -> None:
    with pytest.raises(NotPermitted):
        experiments.start(session, PLAN, by=member(1, Role.OWNER))
    with pytest.raises(NotPermitted):
        experiments.end(session, PLAN.slug, by=member(1, Role.OWNER))
    with pytest.raises(ExperimentUnknown):
        experiments.end(session, "none", by=BY)
    with pytest.raises(OrganizationUnknown):
        start(session, replace(PLAN, orgs=("nobody",)))
