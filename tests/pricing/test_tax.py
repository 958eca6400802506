from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from cast import Cast
from conftest import Database

from flyusage import db
from flyusage.pricing.agreements import set_seller
from flyusage.pricing.errors import SellerMissing, VatNumberInvalid
from flyusage.pricing.tax import BillingProfile, Seller, TaxKey, TaxRate, TaxTreatment, tax_of
from flyusage.pricing.tax_facts import DEMO_SELLER, load_tax_facts
from flyusage.pricing.terms import seller_on, tax_rates
from flyusage.pricing.vat import checked, is_valid

OCTOBER = date(2026, 10, 31)
RATES = [
    TaxRate("DE", Decimal(16), date(2020, 7, 1), date(2021, 1, 1), "USt"),
    TaxRate("DE", Decimal(19), date(2021, 1, 1), None, "USt"),
    TaxRate("FR", Decimal(20), date(2014, 1, 1), None, "TVA"),
    TaxRate("GB", Decimal(20), date(2011, 1, 4), None, "VAT"),
]
BERLIN = DEMO_SELLER
LONDON = Seller(date(2000, 1, 1), "Demo Ltd", ("1 Road",), "N1", "London", "GB", "a@b.example", vat_number="GB980780684")


def buyer(country: str, vat_number: str | None = None, **changes) -> BillingProfile:
    return BillingProfile("Prism", ("Street 1",), "1", "City", country, vat_number=vat_number, **changes)


@pytest.mark.parametrize(
    ("seller", "customer", "category", "percent"),
    [
        (BERLIN, buyer("DE", "DE136695976"), "S", 19),  # at home, company or not
        (BERLIN, buyer("DE"), "S", 19),
        (BERLIN, buyer("FR", "FR40303265045"), "AE", 0),  # a company elsewhere in the EU accounts for it itself
        (BERLIN, buyer("FR"), "S", 20),  # a person there pays the rate of home (one-stop shop)
        (BERLIN, buyer("FR", "DE136695976"), "S", 20),  # a number of another country is not one
        (BERLIN, buyer("GR", "EL094259216"), "AE", 0),
        (BERLIN, buyer("US"), "O", 0),
        (BERLIN, buyer("GB", "GB980780684"), "O", 0),  # outside the EU
        (BERLIN, buyer("CH", "CHE107787577IVA"), "O", 0),
        (LONDON, buyer("GB"), "S", 20),
        (LONDON, buyer("DE", "DE136695976"), "O", 0),
        (replace(BERLIN, vat_number=None), buyer("DE"), "O", 0),
        (BERLIN, buyer("DE", tax_treatment=TaxTreatment.EXEMPT, tax_reason="Article 151"), "E", 0),
        (BERLIN, buyer("DE", tax_treatment=TaxTreatment.ZERO_RATED), "Z", 0),
        (BERLIN, buyer("DE", tax_treatment=TaxTreatment.OUTSIDE_SCOPE), "O", 0),
    ],
)
def test_who_pays_which_tax(seller: Seller, customer: BillingProfile, category: str, percent: int):
    key = tax_of(seller, customer, RATES, OCTOBER)
    assert (key.category, key.percent) == (category, percent)
    assert bool(key.reason) == (category != "S")


def test_rates_are_those_of_the_day():
    assert [tax_of(BERLIN, buyer("DE"), RATES, day).percent for day in (date(2020, 12, 31), date(2021, 1, 1))] == [16, 19]


def test_without_a_country_or_a_rate_the_tax_is_not_decided():
    assert tax_of(BERLIN, None, RATES, OCTOBER) == TaxKey("", Decimal(0), "The customer's country is not known.")
    unknown = tax_of(BERLIN, buyer("IT"), RATES, OCTOBER)
    assert not unknown.is_decided
    assert unknown.reason == "No tax rate of IT is known for Oct 31, 2026."


@pytest.mark.parametrize(
    ("country", "written", "kept"),
    [
        ("DE", "de 136 695 976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("GR", "GR 094259216", "EL094259216"),
        ("GR", "EL094259216", "EL094259216"),
        ("FR", "FR40303265045", "FR40303265045"),
        ("GB", "GB 980 7806 84", "GB980780684"),
        ("GB", "XI 980 7806 84", "XI980780684"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("NO", "NO 995 525 828 MVA", "NO995525828MVA"),
        ("US", "12-3456789", "12-3456789"),
    ],
)
def test_vat_numbers_are_kept_written_together(country: str, written: str, kept: str):
    assert checked(country, written) == kept
    assert is_valid(country, kept) == (country != "US")


@pytest.mark.parametrize(
    ("country", "written"), [("DE", "DE136695977"), ("DE", "FR40303265045"), ("GB", "1"), ("CH", ""), ("NO", "x"), ("GR", "ΕΛ1")]
)
def test_a_number_that_cannot_be_one_is_refused_with_its_reason(country: str, written: str):
    with pytest.raises(VatNumberInvalid, match=f"is not a VAT number of {country}: .*Correct it, or leave it out"):
        checked(country, written)


def test_the_packaged_rates_are_dated_without_gap_or_overlap(database: Database):
    with db.lookup_transaction() as session:
        rates = tax_rates(session)
    for earlier, later in pairwise(rates):
        assert earlier.ends_on == (later.starts_on if later.country == earlier.country else None)
    now = {one.country: one.percent for one in rates if one.ends_on is None}
    assert len(now) == 30  # 27 of the EU, GB, CH, NO
    assert {code: now[code] for code in ("DE", "FI", "EE", "RO", "SK", "HU", "CH")} == {
        "DE": 19, "FI": Decimal("25.5"), "EE": 24, "RO": 21, "SK": 23, "HU": 27, "CH": Decimal("8.1"),
    }  # fmt: skip


def test_sellers_follow_each_other_and_the_first_is_marked_as_invented(database: Database, cast: Cast):
    ours = replace(DEMO_SELLER, starts_on=date(2026, 10, 1), name="Ours", vat_number="de 136695976", is_demo=False)
    with db.platform_transaction() as session:
        set_seller(session, ours)
        load_tax_facts(session)  # brings no demo seller beside it
        assert seller_on(session, date(2026, 9, 30)) == DEMO_SELLER
        assert seller_on(session, date(2026, 10, 1)) == replace(ours, vat_number="DE136695976")
        with pytest.raises(SellerMissing, match=r"No seller is known for Dec 31, 1999"):
            seller_on(session, date(1999, 12, 31))
