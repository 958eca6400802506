"""Billed cost in the explorer: what the invoice says, by anything, to the cent; and in words where it cannot be told."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from billing_world import BY, NOVEMBER, NOW, OCTOBER, acting, bill_to, bill_world, billed, take_in, volume
from conftest import Begun, Database
from factories import started, stopped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from usage_world import NOW as WORLD_NOW
from usage_world import World, make_world

from flyusage import clock, db
from flyusage.invoices.amortizing import Upfront
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.costs import explore, export_csv, told
from flyusage.invoices.crediting import credit
from flyusage.invoices.drafting import draft
from flyusage.invoices.settlement import void
from flyusage.invoices.storing import Issued
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing import agreements
from flyusage.pricing.terms import CpuKind, Discount, RecurringFee, Reservation
from flyusage.pricing.view import Answer, Chart, Comparison, Dimension, Filter, Granularity, Measure, View

WHOLE = month_period(midnight(OCTOBER))
DECEMBER = datetime(2026, 12, 2, 9, tzinfo=UTC)


def ask(
    org_id: int, measure: Measure = Measure.BILLED_COST, *, at: datetime = NOW, by: Dimension | None = Dimension.APP, **changes
) -> Answer:
    view = View(measure, changes.pop("period", WHOLE), by, **changes)  # type: ignore[arg-type]
    with clock.freeze(at), db.transaction(org_id) as session:
        return explore(session, org_id, view)


def dollars(answer: Answer) -> dict[str, str]:
    return {one.key or one.label: f"{float(one.total):.2f}" for one in answer.series}


def prisms_story() -> int:
    """October's invoice: web's 600 GB in dfw, $90.00, api's 400 GB in fra, $60.00, a fee of $29.00; 10 % off: −9.00 −6.00 −2.90."""
    org_id = take_in(*volume("v1", 600), *volume("v2", 400, app="api", region="fra"), *volume("r", 100, org="rival"))["prism"]
    bill_to(org_id)
    with acting() as session:
        agreements.give_discount(session, org_id, Discount("Launch", OCTOBER, percent=Decimal(10), periods=1), by=BY)
        agreements.add_fee(session, org_id, RecurringFee("Support", OCTOBER, date(2026, 10, 31), Decimal(29), "USD"), by=BY)
    billed(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


@pytest.mark.parametrize(
    ("by", "nowhere", "names"),
    [
        (Dimension.APP, "No app", ("web", "api")),
        (Dimension.REGION, "No region", ("dfw", "fra")),
        (Dimension.CONTINENT, "No region", ("North America", "Europe")),
    ],
)
def test_october_is_what_its_invoice_says_by_hand(prism: int, by: Dimension, nowhere: str, names: tuple[str, str]):
    answer = ask(prism, by=by)
    assert dollars(answer) == {names[0]: "81.00", names[1]: "54.00", nowhere: "26.10"}  # 90 − 9, 60 − 6, 29 − 2.90
    assert answer.total == Fraction("161.10")
    assert answer.totals.list_cost == 150
    assert [one.list_cost for one in answer.series] == [90, 60, 0]
    assert answer.notices == (
        "Billed by PRISM-000001, net of tax.",
        "The month: usage $150.00, fees and other charges $29.00, reductions −$17.90.",
    )


def test_a_filter_leaves_what_belongs_to_no_app_out_and_days_are_split_as_the_invoice_splits_them(prism: int):
    only = (Filter(Dimension.APP, ("web",)),)
    assert dollars(ask(prism, filters=only)) == {"web": "81.00"}
    assert dollars(ask(prism, filters=(Filter(Dimension.APP, ("web",), True),))) == {"api": "54.00", "No app": "26.10"}
    # 15 of the 30 days that were used: 40.50 and 27.00. The fee's 2900 over 31 days is 17 × 94 + 14 × 93: 15 × 94 = 14.10;
    # its discount's 290 is 11 × 10 + 20 × 9: 11 × 10 + 4 × 9 = 1.46.
    half = ask(prism, period=Period(WHOLE.start, WHOLE.start + timedelta(days=15)))
    assert dollars(half) == {"web": "40.50", "api": "27.00", "No app": "12.64"}
    assert half.total == Fraction("80.14")


def test_machines_and_what_is_no_machine(prism: int):
    answer = ask(prism, by=Dimension.MACHINE)
    assert [(one.label, one.total, one.is_other) for one in answer.series] == [
        ("Other machines, volumes and addresses", Fraction("161.10"), True)
    ]  # volumes and a fee
    assert answer.granularity is Granularity.MONTH


def test_a_month_that_is_not_issued_is_a_draft_so_far(prism: int):
    take_in(*volume("n1", 200, month=11, days=9), at=datetime(2026, 11, 10, tzinfo=UTC))
    november = ask(prism, at=datetime(2026, 11, 10, tzinfo=UTC), period=month_period(midnight(NOVEMBER)))
    assert dollars(november) == {"web": "9.00"}  # 200 GB × 9 of 30 days × 0.15
    assert november.notices == ("November 2026 is not issued yet: a draft, so far.",)
    both = ask(prism, at=datetime(2026, 11, 10, tzinfo=UTC), period=Period(WHOLE.start, datetime(2026, 12, 1, tzinfo=UTC)))
    assert both.total == Fraction("170.10")
    assert both.notices == ("Billed by PRISM-000001, net of tax.", "November 2026 is not issued yet: a draft, so far.")


def test_an_open_month_is_compared_with_all_of_the_one_before_and_says_so(prism: int):
    take_in(*volume("n1", 200, month=11, days=9), at=datetime(2026, 11, 10, tzinfo=UTC))
    period = month_period(midnight(NOVEMBER))
    answer = ask(prism, at=datetime(2026, 11, 10, tzinfo=UTC), period=period, comparison=Comparison.PREVIOUS)
    assert (answer.total, answer.previous_total) == (9, Fraction("161.10"))
    assert answer.notices[-1] == "What is billed so far is compared with all of Oct 1, 2026 to Oct 31, 2026."
    assert sum(sum(one.previous_points) for one in answer.drawn) == pytest.approx(161.10, abs=1)  # the 31st is not in November
    before = ask(prism, comparison=Comparison.PREVIOUS)
    assert before.previous_total is None
    assert before.notices[-1] == "History begins Oct 1, 2026, so there is nothing before to compare with."


def test_credit_notes_lower_it_and_a_void_invoice_counts_no_more(prism: int):
    with acting() as session:
        id_ = session.execute(sa.text("SELECT id FROM invoice WHERE org_id = :org"), {"org": prism}).scalar_one()
        credit(session, prism, id_, net_minor=1611, reason="goodwill", by=BY)
    answer = ask(prism)
    assert answer.total == Fraction("144.99")
    assert sum(one.total for one in answer.series) == answer.total
    assert answer.notices[0] == "Billed by PRISM-000001, PRISM-C000001, net of tax."


def test_a_void_invoice_leaves_a_draft(prism: int):
    with acting() as session:
        id_ = session.execute(sa.text("SELECT id FROM invoice WHERE org_id = :org"), {"org": prism}).scalar_one()
        void(session, prism, id_, reason="wrong buyer", by=BY)
    answer = ask(prism)
    assert answer.total == Fraction("161.10")
    assert answer.notices[0] == "October 2026 is not issued yet: a draft."


def test_a_draft_of_a_month_that_is_over_is_anew_with_every_change(prism: int):
    with acting() as session:
        id_ = session.execute(sa.text("SELECT id FROM invoice WHERE org_id = :org"), {"org": prism}).scalar_one()
        void(session, prism, id_, reason="wrong buyer", by=BY)
    first_days = Period(WHOLE.start, WHOLE.start + timedelta(days=15))
    assert [ask(prism).total, ask(prism).total, ask(prism, period=first_days).total] == [
        Fraction("161.10"),
        Fraction("161.10"),
        Fraction("80.14"),
    ]
    take_in(*volume("more", 100, days=15))  # $7.50 in the first half, less 10 %
    assert [ask(prism).total, ask(prism, period=first_days).total] == [Fraction("167.85"), Fraction("86.89")]
    with acting() as session:
        agreements.add_fee(session, prism, RecurringFee("Seats", OCTOBER, date(2026, 10, 31), Decimal(10), "USD"), by=BY)
    assert ask(prism).total == Fraction("176.85")


def test_late_usage_counts_in_the_month_that_it_is_billed_with(prism: int):
    take_in(*volume("late", 100, app="api"), *volume("n1", 200, month=11, days=29), at=DECEMBER)
    period = month_period(midnight(NOVEMBER))
    draft = ask(prism, at=DECEMBER, period=period)
    # 100 GB more in October, $15.00 less the 10 % of that month; November's 200 GB for 29 of 30 days, $29.00.
    assert dollars(draft) == {"web": "29.00", "api": "13.50"}
    billed(prism, NOVEMBER, at=DECEMBER)
    issued = ask(prism, at=DECEMBER, period=period)
    assert dollars(issued) == dollars(draft)
    assert dict(zip(issued.buckets, next(one for one in issued.series if one.key == "api").points, strict=True))[period.start] == 13.5


def reserved(monthly_minor: int) -> int:
    """web's performance-1x in dfw for all of October, 744 h: $40.04; a reservation for a year from Oct 1, $36.50: 10 cents a day."""
    run = [started("m", "2026-10-01T00:00:00Z", region="dfw"), stopped("m", "2026-11-01T00:00:00Z", region="dfw")]
    org_id = take_in(*run)["prism"]
    bill_to(org_id)
    with acting() as session:
        dfw = session.execute(sa.text("SELECT id FROM region WHERE code = 'dfw'")).scalar_one()
        agreements.reserve(session, org_id, Reservation(dfw, CpuKind.PERFORMANCE, 3650, monthly_minor, "USD", OCTOBER, 12), by=BY)
    return org_id


@pytest.mark.parametrize("is_issued", [False, True])
@pytest.mark.parametrize(
    ("monthly_minor", "web", "elsewhere"),
    [
        # All of $20.00 is used: 40.04 − 20.00, and October's 31 × 0.10 beside it.
        (2000, ("20.04", "23.14"), ("36.50", None)),
        # $40.04 of $80.00 are: of 3.10 web has 310 × 4004 / 8000 = 155.155, no app 154.845, so 1.55 each.
        (8000, ("0.00", "1.55"), ("36.50", "1.55")),
    ],
)
def test_upfront_amounts_are_spread_over_their_term_by_hand(database, is_issued, monthly_minor, web, elsewhere):
    org_id = reserved(monthly_minor)
    if is_issued:
        billed(org_id)
    for place, measure in enumerate((Measure.BILLED_COST, Measure.EFFECTIVE_COST)):
        answer = ask(org_id, measure)
        found = {key: amount for key, amount in (("web", web[place]), ("No app", elsewhere[place])) if amount}
        assert dollars(answer) == found
        assert answer.total == sum(Fraction(amount) for amount in found.values())
        assert dollars(ask(org_id, measure, by=Dimension.REGION)) == {"dfw": f"{float(answer.total):.2f}"}
        assert ask(org_id, measure, by=Dimension.MACHINE).total == answer.total
    assert answer.notices[-1] == "Paid up front for reservations: $36.50, spread over their terms; $3.10 of it in the months shown."


def test_what_was_paid_up_front_counts_in_months_that_use_nothing(database):
    org_id = reserved(2000)
    billed(org_id)
    november = ask(org_id, Measure.EFFECTIVE_COST, at=datetime(2026, 11, 10, tzinfo=UTC), period=month_period(midnight(NOVEMBER)))
    assert dollars(november) == {"No app": "3.00"}


starts = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(starts, st.integers(1, 24), st.integers(0, 10**7))
def test_the_months_of_a_term_sum_to_what_was_paid(starts_on: date, months: int, amount: int):
    term = Reservation(1, CpuKind.SHARED, amount, 1, "USD", starts_on, months).term
    one = Upfront("reservation/1", 1, starts_on, term.end.date(), amount)
    shares = [one.share(month) for month in Period(midnight(date(2025, 1, 1)), midnight(date(2030, 1, 1))).months()]
    assert sum(shares) == amount
    assert min(shares) >= 0
    assert [share for share in shares if share] == [one.share(month) for month in term.months() if one.share(month)]


def test_another_organization_sees_nothing_of_it(prism: int):
    with acting() as session:
        rival = session.execute(sa.text("SELECT id FROM organization WHERE slug = 'rival'")).scalar_one()
    answer = ask(rival)
    assert dollars(answer) == {"web": "15.00"}  # its own draft
    with db.transaction(rival) as session:
        assert explore(session, prism, View(Measure.BILLED_COST, WHOLE)).total == 0


def test_the_export_adds_up_to_the_cent(prism: int):
    with clock.freeze(NOW), db.transaction(prism) as session:
        lines = list(export_csv(session, prism, View(Measure.BILLED_COST, WHOLE, Dimension.APP)))
    assert "app,name,billed_cost_usd,list_cost_usd,machine_hours\r\n" in lines
    assert [line.split(",")[2] for line in lines[-4:]] == ["81.000000000000", "54.000000000000", "26.100000000000", "161.100000000000"]
    assert ",No app,26.100000000000," in lines[-2]


def test_what_invoices_cannot_tell_is_widened_in_words():
    hours = Period(datetime(2026, 10, 5, 14, tzinfo=UTC), datetime(2026, 10, 7, 3, tzinfo=UTC))
    view, said = told(View(Measure.BILLED_COST, hours, granularity=Granularity.HOUR))
    assert view.period == Period(datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC))
    assert view.drawn_granularity is Granularity.DAY
    assert said == (
        "Invoices are split down to days, not hours, so billed cost is shown from Oct 5, 2026 to Oct 7, 2026.",
        "Invoices are split down to days, not hours, so billed cost is shown by day or longer.",
    )
    _, by_day = told(View(Measure.BILLED_COST, WHOLE, Dimension.MACHINE, granularity=Granularity.DAY))
    assert by_day == ("Invoices are split down to machines month by month, so billed cost is shown by month.",)
    by_machine, said = told(View(Measure.BILLED_COST, hours, Dimension.MACHINE))
    assert (by_machine.period, by_machine.drawn_granularity) == (WHOLE, Granularity.MONTH)
    assert said == ("Invoices are split down to machines month by month, so billed cost is shown from Oct 1, 2026 to Oct 31, 2026.",)
    heat, said = told(View(Measure.BILLED_COST, WHOLE, chart=Chart.HEATMAP, granularity=Granularity.HOUR))
    assert (heat.chart, heat.drawn_granularity) == (Chart.BARS, Granularity.DAY)
    assert said == ("A heat map is of hours, which invoices do not know, so bars are drawn.",)
    assert told(View(Measure.BILLED_COST, WHOLE)) == (View(Measure.BILLED_COST, WHOLE), ())


@pytest.fixture(scope="module")
def world(shared_database: Database) -> Iterator[tuple[World, Issued]]:
    made = make_world()
    issued = bill_world(made)
    with clock.freeze(WORLD_NOW):
        yield made, issued


GROUPS = [*Dimension, None]
NAMES = {By.REGION: Dimension.REGION, By.APP: Dimension.APP, By.COST_CENTRE: Dimension.COST_CENTRE, By.SKU: Dimension.SKU}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    months=st.sampled_from([(9, 10), (10, 11), (9, 11)]),
    by=st.sampled_from(GROUPS),
    granularity=st.none() | st.sampled_from(list(Granularity)),
    cut=st.sampled_from([None, Dimension.APP, Dimension.REGION, Dimension.SKU, Dimension.MACHINE]),
    measure=st.sampled_from([Measure.BILLED_COST, Measure.EFFECTIVE_COST]),
    data=st.data(),
)
def test_any_grouping_and_any_two_parts_sum_to_the_invoices_net(world, months, by, granularity, cut, measure, data):
    made, issued = world
    period = Period(datetime(2026, months[0], 1, tzinfo=UTC), datetime(2026, months[1], 1, tzinfo=UTC))
    net = Fraction(sum(one.net_minor for month, one in issued.items() if midnight(month) in period), 100)
    if measure is Measure.EFFECTIVE_COST:  # $91.00 less in September, and the share of each month more
        net += {(9, 10): 30 - 91, (10, 11): 31, (9, 11): 61 - 91}[months]

    def shown(filters: tuple[Filter, ...] = ()) -> Answer:
        with db.transaction(made.org_id) as session:
            return explore(session, made.org_id, View(measure, period, by, filters, granularity))

    answer = shown()
    assert answer.total == net == sum((one.total for one in answer.series), Fraction(0)) == sum(one.total for one in answer.drawn)
    assert sum(sum(one.points) for one in answer.drawn) == pytest.approx(float(net))
    if cut is not None:
        values = {Dimension.APP: ("web", "api"), Dimension.REGION: ("fra",), Dimension.SKU: ("volume",), Dimension.MACHINE: ("m03", "m07")}[
            cut
        ]
        chosen = data.draw(st.sampled_from(values))
        assert sum(shown((Filter(cut, (chosen,), is_out),)).total for is_out in (False, True)) == net


@pytest.mark.parametrize("by", NAMES)
def test_parts_are_those_of_the_invoices_own_breakdown(world, by: By):
    made, issued = world
    with db.transaction(made.org_id) as session:
        answer = explore(session, made.org_id, View(Measure.BILLED_COST, WHOLE, NAMES[by]))
        parts = breakdown(session, made.org_id, issued[OCTOBER].id, by)
    assert {one.key: one.total * 100 for one in answer.series if one.total} == {part.key: part.amount_minor for part in parts}


def test_days_are_those_of_the_invoices_own_breakdown(world):
    made, issued = world
    with db.transaction(made.org_id) as session:
        answer = explore(session, made.org_id, View(Measure.BILLED_COST, WHOLE, None, granularity=Granularity.DAY))
        parts = {part.key: part.amount_minor for part in breakdown(session, made.org_id, issued[OCTOBER].id, By.DAY)}
    (series,) = answer.series
    assert {f"{day:%Y-%m-%d}": round(amount * 100) for day, amount in zip(answer.buckets, series.points, strict=True) if amount} == parts


def test_an_open_month_is_its_statement(world):
    made, _ = world
    november = month_period(midnight(NOVEMBER))
    with db.transaction(made.org_id) as session:
        statement = draft(session, made.org_id, NOVEMBER)
        for by in GROUPS:
            answer = explore(session, made.org_id, View(Measure.BILLED_COST, november, by))
            assert answer.total == Fraction(statement.net_minor, 100) == sum(one.total for one in answer.series)
