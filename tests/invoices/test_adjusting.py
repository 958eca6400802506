"""Late usage of a billed month on the next invoice: what is known now less what was billed, in either direction."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from asking_api import ask, token_of
from billing_world import BY, NOVEMBER, OCTOBER, acting, bill_to, billed, invoice_row, rows, take_in, value, volume
from commanding import flyusage
from conftest import Begun
from factories import voided
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statements import amounts, compiled, hours

from flyusage import clock, db
from flyusage.invoices.adjusting import adjust, difference, draft_with_late_usage, late_months, late_usage
from flyusage.invoices.allocation import Place, Usage, UsageCell
from flyusage.invoices.billed_months import Draft
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.crediting import credit
from flyusage.invoices.drafting import read
from flyusage.invoices.errors import CreditTooLarge, StateForbids
from flyusage.invoices.outlook import outlook
from flyusage.invoices.rating_months import metered_of
from flyusage.invoices.returning import left_charged
from flyusage.invoices.settlement import void
from flyusage.invoices.statement import LineKind
from flyusage.pricing import agreements
from flyusage.pricing.tax import BillingProfile, TaxKey
from flyusage.pricing.terms import Discount, SpendLimit
from flyusage.ui.pages.billing import question as billing
from flyusage.ui.pages.billing.address import Choice

__all__ = ["flyusage"]

DECEMBER = datetime(2026, 12, 2, 9, tzinfo=UTC)
LATER = datetime(2027, 1, 2, 9, tzinfo=UTC)


def prisms_story() -> int:
    """October: 1,000 GB, $150.00, billed; 19 % tax. November: 200 GB, $30.00."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    billed(org_id)
    take_in(*volume("n1", 200, month=11, days=29), at=DECEMBER)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


def test_late_usage_is_a_line_of_the_next_invoice_that_names_its_month(prism):
    # 100 GB more in October: $15.00. November: 200 GB for 29 days of 30: $29.00
    take_in(*volume("late", 100, app="api"), at=DECEMBER)
    one = billed(prism, NOVEMBER, at=DECEMBER)
    lines = rows(
        "SELECT kind, key, description, amount_minor, round(quantity, 2), starts_on FROM invoice_line WHERE invoice_id = :id ORDER BY 1",
        id=one.id,
    )
    assert lines == [
        ("adjustment", "late/2026-10/volume/dfw", "October 2026, late usage: Volumes", 1500, 100, OCTOBER),
        ("usage", "volume/dfw", "Volumes", 2900, Decimal("193.33"), NOVEMBER),
    ]
    assert (one.net_minor, invoice_row(one.id)["tax_minor"]) == (4400, 836)
    ((working,),) = rows("SELECT working FROM invoice_line WHERE invoice_id = :id AND kind = 'adjustment'", id=one.id)
    assert working["steps"] == [
        {"text": "Rated with what is known now", "amount": "165", "per_quantity": 1},
        {"text": "Billed before", "amount": "-150", "per_quantity": 1},
    ]
    places = rows("SELECT a.name, c.amount_minor FROM invoice_cell c JOIN app a ON a.id = c.app_id JOIN invoice_line l USING (invoice_id, position) "
                  "WHERE l.kind = 'adjustment'")  # fmt: skip
    assert places == [("api", 1500)]
    with db.transaction(prism) as session:
        for by in By:
            assert sum(part.amount_minor for part in breakdown(session, prism, one.id, by)) == 4400
        assert {part.key: part.amount_minor for part in breakdown(session, prism, one.id, By.MACHINE)} == {"n1": 2900, "late": 1500}


def test_the_billed_invoice_stays_and_nothing_is_billed_twice(prism):
    before = rows("SELECT document FROM invoice_snapshot ORDER BY invoice_id")
    take_in(*volume("late", 100), at=DECEMBER)
    billed(prism, NOVEMBER, at=DECEMBER)
    assert rows("SELECT document FROM invoice_snapshot ORDER BY invoice_id")[:1] == before
    assert rows("SELECT * FROM late_month") == []
    take_in(*volume("later", 10), *volume("d1", 10, month=12), at=LATER)
    # 10 GB more of October: $1.50, and not the 100 GB once more
    one = billed(prism, date(2026, 12, 1), at=LATER)
    assert rows("SELECT key, amount_minor FROM invoice_line WHERE invoice_id = :id ORDER BY 1", id=one.id) == [
        ("late/2026-10/volume/dfw", 150), ("volume/dfw", 150),
    ]  # fmt: skip


def test_what_turned_out_not_to_be_used_lowers_the_next_invoice(prism):
    gone = volume("v1", 1000)
    # October's volume never was: −$150.00, more than November's $29.00
    take_in(*(voided(event, "2026-12-01T00:00:00Z") for event in gone), at=DECEMBER)
    one = billed(prism, NOVEMBER, at=DECEMBER)
    row = invoice_row(one.id)
    assert (one.number, row["kind"], row["origin"], row["net_minor"], row["gross_minor"]) == (
        "PRISM-C000001",
        "credit_note",
        "period",
        12100,
        14399,
    )
    lines = rows("SELECT kind, amount_minor FROM invoice_line WHERE invoice_id = :id ORDER BY 1", id=one.id)
    assert lines == [("adjustment", 15000), ("usage", -2900)]
    assert rows("SELECT kind, amount_minor, description FROM credit_grant") == [("prepaid", 14399, "Credit of November 2026")]
    assert value("SELECT sum(amount_minor) FROM invoice_cell WHERE invoice_id = :id", id=one.id) == 12100
    with db.transaction(prism) as session:
        for by in By:
            assert sum(part.amount_minor for part in breakdown(session, prism, one.id, by)) == 12100


def test_the_draft_of_the_present_month_shows_it(prism):
    take_in(*volume("late", 100), at=DECEMBER)
    with clock.freeze(DECEMBER), db.transaction(prism) as session:
        assert late_months(session, prism) == [OCTOBER]
        statement = draft_with_late_usage(session, prism, NOVEMBER)
        assert amounts(statement)["late/2026-10/volume/dfw"] == 1500
        # October itself is billed: its own draft has nothing to adjust
        assert all(line.kind is LineKind.USAGE for line in draft_with_late_usage(session, prism, OCTOBER).lines)


def test_whoever_shows_a_draft_shows_it_too(prism, flyusage):
    """29 days of 200 GB are $29.00 net, October's late 100 GB $15.00: page, command, API and explorer tell of $44.00."""
    take_in(*volume("late", 100), at=DECEMBER)
    with clock.freeze(DECEMBER):
        by_command = json.loads(flyusage("invoices", "draft", "--org", "prism", "--month", "2026-11", "--json").out)
        by_api = ask("/costs", token=token_of(prism), params={"month": "2026-11"}).json()
        page = billing.ask("prism", Choice(month=NOVEMBER))
        explored = ask("/usage", token=token_of(prism), params={"show": "billed_cost", "range": "2026-11"}).json()
    assert page is not None
    net = next(total.amount for total in page.screen.totals if total.label == "Net")
    assert (by_command["net_minor"], by_api["net_minor"], net, Decimal(explored["total"])) == (4400, 4400, "$44.00", 44)


def test_where_an_open_month_is_heading_holds_it(prism):
    """October's late $15.00 and 19 % tax on them."""
    take_in(*volume("late", 100), at=DECEMBER)
    with clock.freeze(DECEMBER), db.transaction(prism) as session:
        reading, late = read(session, prism, DECEMBER.date().replace(day=1)), late_usage(session, prism, DECEMBER.date()).lines
        heading = [outlook(session, reading, lines) for lines in (late, ())]
    assert all(heading)
    assert heading[0].due_minor - heading[1].due_minor == 1500 + 285


def test_a_void_takes_its_adjustments_back(prism):
    take_in(*volume("late", 100), at=DECEMBER)
    one = billed(prism, NOVEMBER, at=DECEMBER)
    with acting(DECEMBER) as session:
        void(session, prism, one.id, reason="Wrong", by=BY)
    assert rows("SELECT month FROM late_month") == [(OCTOBER,)]
    again = billed(prism, NOVEMBER, at=DECEMBER)
    assert again.net_minor == 4400


def void_october(org_id: int) -> None:
    """October's invoice void, as for a wrong address."""
    ((first,),) = rows("SELECT id FROM invoice WHERE starts_on = :month", month=OCTOBER)
    with acting(DECEMBER) as session:
        void(session, org_id, first, reason="Wrong address", by=BY)


def late_lines(invoice_id: int) -> list[tuple[str, int]]:
    return rows("SELECT key, amount_minor FROM invoice_line WHERE invoice_id = :id AND key LIKE 'late%'", id=invoice_id)


def test_a_month_that_is_void_has_no_late_usage_until_it_is_billed_anew(prism):
    # 100 GB of October come late, then October is void: November bills its own alone, and October anew all of it, once
    take_in(*volume("late", 100), at=DECEMBER)
    void_october(prism)
    with acting(DECEMBER) as session:
        assert late_months(session, prism) == []
    november = billed(prism, NOVEMBER, at=DECEMBER)
    assert (november.net_minor, late_lines(november.id)) == (2900, [])
    assert billed(prism, at=DECEMBER).net_minor == 15000 + 1500


def test_a_month_billed_anew_gives_back_what_a_later_invoice_had_adjusted(prism):
    # November bills October's late 100 GB, $15.00. October anew holds them too, so the next invoice gives $15.00 back
    take_in(*volume("late", 100), at=DECEMBER)
    assert late_lines(billed(prism, NOVEMBER, at=DECEMBER).id) == [("late/2026-10/volume/dfw", 1500)]
    void_october(prism)
    with acting(DECEMBER) as session:
        assert left_charged(session, prism, OCTOBER).startswith("Late usage of October 2026 stays charged: $15.00 net on PRISM-000002.")
        assert left_charged(session, prism, NOVEMBER) == ""
    assert billed(prism, at=DECEMBER).net_minor == 15000 + 1500
    with acting(DECEMBER) as session:
        assert late_months(session, prism) == [OCTOBER]
        back = adjust(session, prism, [OCTOBER])
    key = "late/2026-10/returned/PRISM-000002/S-19/volume/dfw"
    assert [(line.key, line.amount_minor, line.working[0].text) for line in back.lines] == [(key, -1500, "Charged on PRISM-000002")]
    assert list(back.places[key].values()) == [-1500]


def test_what_is_given_back_once_a_month_is_billed_anew_is_what_was_charged(prism):
    """October costs $160.00 at most. Its late 100 GB bring $10.00, in November; anew, with those, it costs $160.00: $10.00 go back, once."""
    with acting(DECEMBER) as session:
        agreements.limit_spend(session, prism, SpendLimit("USD", OCTOBER, NOVEMBER, None, 16000), by=BY)
    take_in(*volume("late", 100), at=DECEMBER)
    november = billed(prism, NOVEMBER, at=DECEMBER)
    assert november.net_minor == 2900 + 1000
    void_october(prism)
    assert billed(prism, at=DECEMBER).net_minor == 16000
    take_in(*volume("d1", 1000, month=12), at=LATER)
    december = billed(prism, date(2026, 12, 1), at=LATER)
    assert sorted(amount for _, amount in late_lines(december.id)) == [-1500, 500]  # the usage, and what the maximum took of it
    assert december.net_minor == 15000 - 1000
    with db.transaction(prism) as session:
        assert {by: sum(part.amount_minor for part in breakdown(session, prism, december.id, by)) for by in By} == dict.fromkeys(By, 14000)
    assert rows("SELECT * FROM late_month") == []
    # a void of what gave it back leaves it to be given back again
    with acting(LATER) as session:
        void(session, prism, december.id, reason="Wrong", by=BY)
    assert billed(prism, date(2026, 12, 1), at=LATER).net_minor == 14000


def test_what_is_given_back_is_followed_to_machines_and_days_like_what_was_charged(prism):
    """67 GB for all of October and 33 GB for ten days come late: $10.05 and $1.65, on November's invoice. October anew holds them.

    2,340 GB-days for 1,170 cents: 50 on each of the ten days with 100 GB, 33.5 on the twenty after them, the odd halves to the earlier.
    """
    late = [*volume("late1", 67, app="api"), *volume("late2", 33, app="api", days=10)]
    take_in(*late, at=DECEMBER)
    november = billed(prism, NOVEMBER, at=DECEMBER)
    charged = {f"2026-10-{day:02d}": 50 if day <= 10 else 34 if day <= 20 else 33 for day in range(1, 31)}
    assert parts_of(prism, november.id, By.MACHINE) == {"n1": 2900, "late1": 1005, "late2": 165}
    assert {day: part for day, part in parts_of(prism, november.id, By.DAY).items() if day < "2026-11"} == charged
    void_october(prism)
    billed(prism, at=DECEMBER)
    take_in(*volume("d1", 1000, month=12), at=LATER)
    with clock.freeze(LATER), db.transaction(prism) as session:
        draft = Draft(session, prism, date(2026, 12, 1), as_of=LATER, has_late=True)
        names = dict(session.execute(sa.text("SELECT id, name FROM resource")).all())
        drafted = Counter({names[id_]: part for place in draft.machines().values() for id_, part in place.items()})
    december = billed(prism, date(2026, 12, 1), at=LATER)
    back = {day: -part for day, part in charged.items()}
    assert parts_of(prism, december.id, By.MACHINE) == drafted == {"d1": 15000, "late1": -1005, "late2": -165}
    assert {day: part for day, part in parts_of(prism, december.id, By.DAY).items() if day < "2026-11"} == back
    assert parts_of(prism, december.id, By.REGION) == {"dfw": 13830}
    assert parts_of(prism, december.id, By.APP) == {"web": 15000, "api": -1170}


@pytest.mark.parametrize(
    ("own", "papers"),
    [
        # $10.05 and −$15.00: the $15.00 with their 19 % are a credit note beside the invoice, and so where $30.00 outweigh them
        (67, [("credit_note", "carried", 1500, 285), ("invoice", "period", 1005, 0)]),
        (200, [("credit_note", "carried", 1500, 285), ("invoice", "period", 3000, 0)]),
        (0, [("credit_note", "period", 1500, 285)]),
    ],
)
def test_a_tax_rate_that_comes_to_less_than_zero_is_a_credit_note_with_its_tax_where_the_invoice_would_be_negative(prism, own, papers):
    """November charges October's late $15.00 at 19 %. The customer moves to the United States, without tax, and October is billed anew."""
    take_in(*volume("late", 100), at=DECEMBER)
    billed(prism, NOVEMBER, at=DECEMBER)
    void_october(prism)
    bill_to(prism, BillingProfile("Prism Inc", ("1 Main",), "94104", "San Francisco", "US"))
    billed(prism, at=DECEMBER)
    take_in(*(volume("d1", own, month=12) if own else ()), at=LATER)
    one = billed(prism, date(2026, 12, 1), at=LATER)
    found = "SELECT kind, origin, net_minor, tax_minor FROM invoice WHERE starts_on = '2026-12-01' ORDER BY 1"
    assert rows(found) == papers
    assert sum(parts_of(prism, one.id, By.MACHINE).values()) == one.net_minor
    assert value("SELECT sum(amount_minor) FROM credit_grant WHERE org_id = :org", org=prism) == 1785
    with pytest.raises(StateForbids, match="gave back on PRISM-C000001" if own else "is a credit note"), acting(LATER) as session:
        void(session, prism, one.id, reason="Wrong", by=BY)


def parts_of(org_id: int, invoice_id: int, by: By) -> dict[str, int]:
    with db.transaction(org_id) as session:
        return {part.key: part.amount_minor for part in breakdown(session, org_id, invoice_id, by)}


def decembers(org_id: int) -> tuple[int, int, list[tuple[str, int]]]:
    """December's own 1,000 GB for 30 days, $150.00: its net, its tax, and what it gives back by app."""
    take_in(*volume("d1", 1000, month=12), at=LATER)
    one = billed(org_id, date(2026, 12, 1), at=LATER)
    back = rows("SELECT a.name, sum(c.amount_minor)::bigint FROM invoice_cell c JOIN invoice_line l USING (org_id, invoice_id, position) "
                "JOIN app a ON a.id = c.app_id WHERE l.invoice_id = :id AND l.key LIKE '%/returned/%' GROUP BY 1", id=one.id)  # fmt: skip
    with db.transaction(org_id) as session:
        for by in By:
            assert sum(part.amount_minor for part in breakdown(session, org_id, one.id, by)) == one.net_minor
    return one.net_minor, invoice_row(one.id)["tax_minor"], back


@pytest.mark.parametrize(
    ("notes", "left", "tax"),
    [
        # November's own line is none of October's; $4.00 of the late line's $15.00. 19 % of $139.00
        ([{"lines": {"usage": None}}, {"lines": {"adjustment": 400}}], 1100, 2641),
        # of the $36.67 that are left of $44.00 the late line holds 3,667 × 1,500/4,400 = 1,250.11. 19 % of $137.50 are $26.125
        ([{"net_minor": 733}], 1250, 2613),
        # $5.00 of the line, then half of what is left, $19.50 of $39.00: $5.00 of the line's $10.00. 19 % of $145.00
        ([{"lines": {"adjustment": 500}}, {"net_minor": 1950}], 500, 2755),
        ([{"net_minor": 1000}, {}], 0, 2850),  # all that is left
    ],
    ids=["lines", "odd cents", "line and amount", "everything"],
)
def test_what_credit_notes_gave_back_of_a_late_line_is_not_given_back_again_once_the_month_is_billed_anew(prism, notes, left, tax):
    take_in(*volume("late", 100, app="api"), at=DECEMBER)
    november = billed(prism, NOVEMBER, at=DECEMBER)
    position = dict(rows("SELECT kind, position FROM invoice_line WHERE invoice_id = :id", id=november.id))
    for what in notes:
        with acting(DECEMBER) as session:
            lines = {position[kind]: amount for kind, amount in what["lines"].items()} if "lines" in what else None
            credit(session, prism, november.id, reason="Goodwill", lines=lines, net_minor=what.get("net_minor"), by=BY)
    void_october(prism)
    with acting(DECEMBER) as session:
        assert (f"${left / 100:.2f} net on PRISM-000002" in left_charged(session, prism, OCTOBER)) is bool(left)
    assert billed(prism, at=DECEMBER).net_minor == 15000 + 1500
    assert decembers(prism) == (15000 - left, tax, [("api", -left)] if left else [])


def test_an_amount_and_then_a_line_are_given_back_over_what_is_left_of_each_app(prism):
    """November: web's own $29.00; late of October 20 GB of web, $3.00, and 1 GB of api, $0.15. Net $32.15.

    $10.00 of it: web 3,200/3,215 is 995.33, api 4.67, so 995 and 5. Of web's 995 the late line bears 300/3,200, 93.28: 93. It has 207 and 10
    left. $1.00 of the line: 100 × 207/217 is 95.39, 95 and 5. The line's last $1.17 are 112 and 5, and of web 3,200 − 995 − 95 − 112 stay.
    """
    take_in(*volume("late1", 20), *volume("late2", 1, app="api"), at=DECEMBER)
    november = billed(prism, NOVEMBER, at=DECEMBER)
    ((late,),) = rows("SELECT position FROM invoice_line WHERE invoice_id = :id AND kind = 'adjustment'", id=november.id)

    def give(**what) -> dict[str, int]:
        with acting(DECEMBER) as session:
            note = credit(session, prism, november.id, reason="Goodwill", by=BY, **what)
        return parts_of(prism, note.id, By.APP)

    assert give(net_minor=1000) == {"web": 995, "api": 5}
    with pytest.raises(CreditTooLarge, match=r"has \$2\.17 left"):
        give(lines={late: 218})
    assert give(lines={late: 100}) == {"web": 95, "api": 5}
    assert give(lines={late: None}) == {"web": 112, "api": 5}
    assert give() == {"web": 3200 - 995 - 95 - 112}


def test_a_credit_after_a_late_line_was_given_back_is_extra_and_is_never_charged_again(prism):
    # December gives $15.00 back. Then staff credit the line all the same, and October is late once more: 10 GB, $1.50, and nothing else
    take_in(*volume("late", 100), at=DECEMBER)
    november = billed(prism, NOVEMBER, at=DECEMBER)
    void_october(prism)
    billed(prism, at=DECEMBER)
    assert decembers(prism)[0] == 15000 - 1500
    with acting(LATER) as session:
        credit(session, prism, november.id, reason="Goodwill", by=BY)
    take_in(*volume("later", 10), at=LATER)
    with acting(LATER) as session:
        assert [(line.key, line.amount_minor) for line in adjust(session, prism, [OCTOBER]).lines] == [("late/2026-10/volume/dfw", 150)]


def test_terms_are_those_of_the_late_month(prism):
    # From November on 50 % off: October's late usage is not reduced, November's own is
    with acting(DECEMBER) as session:
        agreements.give_discount(session, prism, Discount("Half", NOVEMBER, percent=50), by=BY)
    take_in(*volume("late", 100), at=DECEMBER)
    one = billed(prism, NOVEMBER, at=DECEMBER)
    assert one.net_minor == 1500 + 1450


def test_an_agreement_withdrawn_after_its_month_was_billed_gives_nothing_back_and_no_longer_holds_for_what_comes_late(database):
    # October: $150.00 less 10 % is $135.00, billed. Withdrawn: $135.00 stays, and 100 GB that come late are $15.00, not $13.50.
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    with acting() as session:
        given = agreements.give_discount(session, org_id, Discount("Tenth", OCTOBER, percent=Decimal(10)), by=BY)
    before = billed(org_id)
    assert before.net_minor == 13500
    with acting(DECEMBER) as session:
        agreements.withdraw(session, org_id, agreements.Agreement.DISCOUNT, given, by=BY)
        assert adjust(session, org_id, [OCTOBER]).lines == ()
    take_in(*volume("late", 100), at=DECEMBER)
    one = billed(org_id, NOVEMBER, at=DECEMBER)
    assert rows("SELECT key, amount_minor FROM invoice_line WHERE invoice_id = :id", id=one.id) == [("late/2026-10/volume/dfw", 1500)]
    assert invoice_row(before.id)["net_minor"] == 13500


def test_late_usage_under_a_minimum_changes_nothing_but_what_is_known(database):
    # A minimum of $200.00 in October covers $150.00 and $165.00 alike
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    with acting() as session:
        agreements.limit_spend(session, org_id, SpendLimit("USD", OCTOBER, ends_on=NOVEMBER, minimum_minor=20000), by=BY)
    assert billed(org_id).net_minor == 20000
    take_in(*volume("late", 100), *volume("n", 100, month=11, days=29), at=DECEMBER)
    one = billed(org_id, NOVEMBER, at=DECEMBER)
    lines = rows("SELECT key, amount_minor FROM invoice_line WHERE invoice_id = :id ORDER BY 1", id=one.id)
    assert lines == [("late/2026-10/minimum", -1500), ("late/2026-10/volume/dfw", 1500), ("volume/dfw", 1450)]


TAX = TaxKey("S", Decimal(19))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(*[st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 500)), max_size=6)] * 2, st.integers(0, 60))
def test_a_difference_is_exactly_what_both_come_to(known, before, percent):
    """Line by line and place by place, for any two states of a month, under a discount."""
    usage = [
        Usage.of(
            OCTOBER,
            (UsageCell(Place(app, 1, 1, 1), (count * 3600, *[0] * (day - 1), *[0] * (31 - day))) for app, day, count in _once(cells)),
        )
        for cells in (known, before)
    ]
    agreed = {"discounts": [Discount("Off", OCTOBER, percent=percent, id=1)]} if percent else {}
    held = compiled([hours(0)]).period
    from flyusage.pricing.slices import epochs

    new, old = (compiled(metered_of(one, epochs(held, ())), **agreed) for one in usage)
    found = difference(new, old, (usage[0], usage[1]), TAX)
    assert sum(line.amount_minor for line in found.lines) == new.net_minor - old.net_minor
    for line in found.lines:
        assert sum(found.places[line.key].values()) == line.amount_minor


def _once(cells):
    """One count for each app."""
    return [(app, day, count) for app, (day, count) in {app: (day, count) for app, day, count in cells}.items()]


def test_nothing_late_adjusts_nothing(prism):
    with db.transaction(prism) as session:
        assert adjust(session, prism, []).lines == ()
