from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from cast import Cast
from conftest import Database

from flyusage import clock, db
from flyusage.metering.catalog import region_ids
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.periods import Period, month_period
from flyusage.pricing import agreements, books, grants
from flyusage.pricing.agreements import Agreement
from flyusage.pricing.errors import TermsInvalid, TermsUnknown, VatNumberInvalid
from flyusage.pricing.tax import BillingProfile, TaxTreatment
from flyusage.pricing.terms import (
    CpuKind,
    CreditKind,
    Discount,
    OneOffCharge,
    PriceOverride,
    RecurringFee,
    Reservation,
    SpendLimit,
    Terms,
    terms_of,
)

SALES = system("sales")
OCTOBER = month_period(datetime(2026, 10, 1, tzinfo=UTC))
PROFILE = BillingProfile("Prism SARL", ("1 rue X",), "75001", "Paris", "FR", ("billing@prism.example",), "FR 40 303 265 045")
VOLUME_OFF = PriceOverride("volume", "global", Decimal("0.10"), 1024 * 2_592_000, "GB-month", date(2026, 10, 1))


def month(number: int) -> Period:
    return month_period(datetime(2026, number, 1, tzinfo=UTC))


def agreed(cast: Cast, period: Period = OCTOBER) -> Terms:
    with db.transaction(cast.prism.id) as session:
        return terms_of(session, cast.prism.id, period)


def test_an_organization_without_terms_buys_at_list_and_its_tax_is_open(cast: Cast):
    terms = agreed(cast)
    assert (terms.book.slug, terms.currency.code, terms.seller.is_demo) == ("list", "USD", True)
    assert (terms.profile, terms.tax.is_decided) == (None, False)
    assert (terms.overrides, terms.discounts, terms.promotional, terms.prepaid, terms.fees, terms.limits) == ((), (), (), (), (), ())


def test_terms_come_back_as_agreed_in_the_periods_they_touch(cast: Cast):
    org = cast.prism.id
    with db.platform_transaction() as session, clock.freeze(datetime(2026, 10, 9, tzinfo=UTC)):
        fra = region_ids(session)["fra"]
        reserved = Reservation(fra, CpuKind.SHARED, 3_600, 500, "USD", date(2026, 10, 15), 12)
        discount = Discount("Welcome", date(2026, 10, 1), percent=Decimal("12.5"), periods=2, sku="volume")
        fee = RecurringFee("Seats", date(2026, 10, 8), date(2026, 11, 3), Decimal("9.99"), "USD", Decimal("2.5"))
        charge = OneOffCharge("Migration", 12_300, "USD", date(2026, 10, 31))
        limit = SpendLimit("USD", date(2026, 10, 1), None, 1_000, 50_000)
        agreements.agree_price(session, org, VOLUME_OFF, by=SALES)
        agreements.reserve(session, org, reserved, by=SALES)
        agreements.give_discount(session, org, discount, by=SALES)
        agreements.add_fee(session, org, fee, by=SALES)
        agreements.add_charge(session, org, charge, by=SALES)
        agreements.limit_spend(session, org, limit, by=SALES)
        grants.grant(session, org, CreditKind.PROMOTIONAL, 700, description="Hello", by=SALES)

    def without_ids(terms: Terms) -> list[list]:
        lists = (terms.overrides, terms.reservations, terms.discounts, terms.fees, terms.charges, terms.limits)
        return [[replace(one, id=0) for one in found] for found in lists]

    assert without_ids(agreed(cast)) == [[VOLUME_OFF], [reserved], [discount], [fee], [charge], [limit]]
    assert without_ids(agreed(cast, month(9))) == [[], [], [], [], [], []]
    assert without_ids(agreed(cast, month(11))) == [[VOLUME_OFF], [reserved], [discount], [fee], [], [limit]]
    assert without_ids(agreed(cast, month(12))) == [[VOLUME_OFF], [reserved], [], [], [], [limit]]
    assert [len(agreed(cast, month(number)).promotional) for number in (9, 10, 12)] == [0, 1, 1]  # carries over
    with db.transaction(cast.rival.id) as session:
        assert terms_of(session, cast.rival.id, OCTOBER).overrides == ()
        strange = terms_of(session, org, OCTOBER)  # row-level security shows nothing of another's
        assert (strange.overrides, strange.discounts, strange.promotional, strange.fees) == ((), (), (), ())


def test_credits_are_used_in_the_order_they_expire_and_not_after(cast: Cast):
    ends = [None, datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)]
    with db.platform_transaction() as session, clock.freeze(datetime(2026, 9, 9, tzinfo=UTC)):
        made = [
            grants.grant(session, cast.prism.id, CreditKind.PREPAID, 100, description="", expires_at=expires, by=SALES) for expires in ends
        ]
    # the third is over before October begins; the fourth was valid on a day of it
    assert [one.id for one in agreed(cast).prepaid] == [made[3], made[1], made[0]]


def test_a_new_price_or_limit_takes_the_place_of_the_old_one_from_its_day(cast: Cast):
    org = cast.prism.id
    with db.platform_transaction() as session:
        agreements.agree_price(session, org, VOLUME_OFF, by=SALES)
        cheaper = replace(VOLUME_OFF, amount=Decimal("0.08"), starts_on=date(2026, 10, 17))
        agreements.agree_price(session, org, cheaper, by=SALES)
        agreements.agree_price(session, org, replace(VOLUME_OFF, scope="fra"), by=SALES)  # beside them
        agreements.limit_spend(session, org, SpendLimit("USD", date(2026, 1, 1), None, 500), by=SALES)
        agreements.limit_spend(session, org, SpendLimit("USD", date(2026, 10, 1), None, 900), by=SALES)
    spans = [(one.scope, one.amount, one.starts_on, one.ends_on) for one in agreed(cast).overrides]
    assert spans == [
        ("global", Decimal("0.10"), date(2026, 10, 1), date(2026, 10, 17)),
        ("global", Decimal("0.08"), date(2026, 10, 17), None),
        ("fra", Decimal("0.10"), date(2026, 10, 1), None),
    ]
    assert [[one.minimum_minor for one in agreed(cast, month(number)).limits] for number in (9, 10)] == [[500], [900]]


def test_what_is_agreed_can_be_ended_or_withdrawn_and_the_audit_keeps_it(cast: Cast):
    org = cast.prism.id
    with db.platform_transaction() as session:
        fee = agreements.add_fee(session, org, RecurringFee("Support", date(2026, 1, 1), sku="support.standard"), by=SALES)
        agreements.end(session, org, Agreement.FEE, fee, date(2026, 10, 12), by=SALES)
        price = agreements.agree_price(session, org, VOLUME_OFF, by=SALES)
        agreements.end(session, org, Agreement.PRICE, price, date(2026, 10, 12), by=SALES)
        charge = agreements.add_charge(session, org, OneOffCharge("Oops", 100, "USD", date(2026, 10, 1)), by=SALES)
        agreements.withdraw(session, org, Agreement.CHARGE, charge, by=SALES)
    terms = agreed(cast)
    assert (terms.fees[0].last_day, terms.overrides[0].ends_on, terms.charges) == (date(2026, 10, 12), date(2026, 10, 13), ())
    with db.transaction(org) as session:
        last = audit.entries(session, org)[0]
    assert (last.action, last.detail["description"], last.detail["amount_minor"]) == ("one_off_charge.withdraw", "Oops", 100)
    with pytest.raises(TermsUnknown, match="There is no discount 99"), db.platform_transaction() as session:
        agreements.withdraw(session, org, Agreement.DISCOUNT, 99, by=SALES)
    with pytest.raises(TermsUnknown), db.platform_transaction() as session:  # an agreement of somebody else's
        agreements.withdraw(session, cast.rival.id, Agreement.FEE, fee, by=SALES)
    with pytest.raises(TermsInvalid, match="withdraw it instead"), db.platform_transaction() as session:
        agreements.end(session, org, Agreement.CHARGE, charge, date(2026, 10, 1), by=SALES)


def test_amounts_in_another_currency_than_the_books_do_not_apply_and_are_counted(cast: Cast):
    with db.platform_transaction() as session:
        agreements.add_charge(session, cast.prism.id, OneOffCharge("Migration", 100, "USD", date(2026, 10, 1)), by=SALES)
        books.subscribe(session, cast.prism.id, books.create_book(session, slug="yen", name="Yen", currency="JPY"))
    terms = agreed(cast)
    assert (terms.currency.code, terms.charges, terms.misfits) == ("JPY", (), 1)


REFUSED: list[tuple[str, Callable]] = [
    ("buys in USD", lambda s, o: agreements.add_charge(s, o, OneOffCharge("x", 1, "EUR", date(2026, 1, 1)), by=SALES)),
    ("above zero", lambda s, o: agreements.add_charge(s, o, OneOffCharge("x", -1, "USD", date(2026, 1, 1)), by=SALES)),
    ("no sku 'nonsense'", lambda s, o: agreements.agree_price(s, o, replace(VOLUME_OFF, sku="nonsense"), by=SALES)),
    ("not metered", lambda s, o: agreements.agree_price(s, o, replace(VOLUME_OFF, sku="support.standard"), by=SALES)),
    ("no region", lambda s, o: agreements.agree_price(s, o, replace(VOLUME_OFF, scope="moon"), by=SALES)),
    ("machine's size", lambda s, o: agreements.give_discount(s, o, percent_off(sku="machine.extra_ram"), by=SALES)),
    ("either", lambda s, o: agreements.give_discount(s, o, percent_off(amount_minor=1, currency="USD"), by=SALES)),
    ("at most 100", lambda s, o: agreements.give_discount(s, o, percent_off(percent=Decimal(101)), by=SALES)),
    ("first of a month", lambda s, o: agreements.give_discount(s, o, percent_off(first_month=date(2026, 1, 2)), by=SALES)),
    ("has an amount", lambda s, o: agreements.add_fee(s, o, RecurringFee("x", date(2026, 1, 1)), by=SALES)),
    ("whole billing", lambda s, o: agreements.limit_spend(s, o, SpendLimit("USD", date(2026, 1, 2), None, None, 1), by=SALES)),
    ("a month or more", lambda s, o: agreements.reserve(s, o, reservation(months=0), by=SALES)),
    ("120 at most", lambda s, o: agreements.reserve(s, o, reservation(months=121), by=SALES)),
    ("1 to 120 billing", lambda s, o: agreements.give_discount(s, o, percent_off(periods=40_000), by=SALES)),
    ("9900 at the latest", lambda s, o: agreements.reserve(s, o, reservation(starts_on=date(9999, 6, 1)), by=SALES)),
    ("9900 at the latest", lambda s, o: agreements.give_discount(s, o, percent_off(first_month=date(9999, 6, 1), periods=9), by=SALES)),
]


def reservation(**changes) -> Reservation:
    return replace(Reservation(1, CpuKind.SHARED, 1, 1, "USD", date(2026, 1, 1), 12), **changes)


def percent_off(**changes) -> Discount:
    return replace(Discount("x", date(2026, 1, 1), percent=Decimal(10)), **changes)


@pytest.mark.parametrize(("sentence", "deed"), REFUSED)
def test_what_could_not_be_billed_is_refused_with_a_sentence(cast: Cast, sentence: str, deed: Callable):
    with pytest.raises(TermsInvalid, match=sentence), db.platform_transaction() as session:
        deed(session, cast.prism.id)


def test_members_neither_agree_nor_write_terms(cast: Cast):
    owner = member(cast.owner.user_id, cast.owner.role)
    with pytest.raises(NotPermitted, match="Discounts are given by the platform's staff"), db.platform_transaction() as session:
        agreements.give_discount(session, cast.prism.id, percent_off(), by=owner)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(cast.prism.id) as session:
        session.execute(
            sa.text("INSERT INTO discount (org_id, description, percent, first_month) VALUES (:o, '', 1, '2026-01-01')"),
            {"o": cast.prism.id},
        )


def test_billing_people_edit_the_profile_and_others_do_not(cast: Cast):
    org = cast.prism.id
    with db.transaction(org) as session:
        kept = agreements.set_billing_profile(session, org, PROFILE, by=member(cast.owner.user_id, Role.BILLING))
        assert kept.vat_number == "FR40303265045"
        assert agreements.billing_profile_of(session, org) == kept
        moved = replace(kept, city="Lyon")
        agreements.set_billing_profile(session, org, moved, by=member(cast.owner.user_id, Role.OWNER))
        entry = audit.entries(session, org)[0]
        assert (entry.actor, entry.action, entry.detail) == (f"user:{cast.owner.user_id}", "billing.edit", {"city": "Lyon"})
    assert agreed(cast).profile == moved
    assert (agreed(cast).tax.category, agreed(cast).tax.percent) == ("AE", 0)
    for role in (Role.VIEWER, Role.DEVELOPER):
        with pytest.raises(NotPermitted, match="may not do billing.edit"), db.transaction(org) as session:
            agreements.set_billing_profile(session, org, PROFILE, by=member(cast.member.user_id, role))
    with db.transaction(cast.rival.id) as session:
        assert agreements.billing_profile_of(session, org) is None
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            agreements.set_billing_profile(session, org, PROFILE, by=member(cast.outsider.user_id, Role.OWNER))
        session.rollback()


def test_only_staff_exempt_from_tax(cast: Cast):
    org, exempt = cast.prism.id, replace(PROFILE, tax_treatment=TaxTreatment.EXEMPT, tax_reason="Article 151")
    with pytest.raises(NotPermitted, match="Tax exemptions are entered by the platform's staff"), db.transaction(org) as session:
        agreements.set_billing_profile(session, org, exempt, by=member(cast.owner.user_id, Role.OWNER))
    with db.platform_transaction() as session:
        agreements.set_billing_profile(session, org, exempt, by=Actor("staff:1"))
    with db.transaction(org) as session:  # an owner keeps it when something else changes
        agreements.set_billing_profile(session, org, replace(exempt, city="Nice"), by=member(cast.owner.user_id, Role.OWNER))
    assert agreed(cast).tax.category == "E"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"legal_name": " "}, "An invoice needs a legal name."),
        ({"address_lines": (), "city": ""}, "An invoice needs an address and a city."),
        ({"country": "France"}, "two letters"),
        ({"emails": ("no address",)}, "mail addresses"),
        ({"payment_terms_days": 400}, "within 0 to 365"),
        ({"tax_treatment": TaxTreatment.EXEMPT}, "says why"),
    ],
)
def test_a_profile_that_no_invoice_could_be_made_out_to_is_refused(cast: Cast, changes: dict, sentence: str):
    with pytest.raises(TermsInvalid, match=sentence), db.platform_transaction() as session:
        agreements.set_billing_profile(session, cast.prism.id, replace(PROFILE, **changes), by=SALES)


def test_a_wrong_vat_number_is_refused(cast: Cast, database: Database):
    with pytest.raises(VatNumberInvalid), db.platform_transaction() as session:
        agreements.set_billing_profile(session, cast.prism.id, replace(PROFILE, vat_number="FR1"), by=SALES)
