"""`flyusage terms`: everything an organization can agree, agreed by command, and what it makes of a draft."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from billing_world import bill_to
from cast import Cast

from flyusage import clock, db
from flyusage.invoices import seats
from flyusage.invoices.drafting import draft
from flyusage.invoices.statement import Statement
from flyusage.invoices.subscribing import change_book
from flyusage.metering.locks import lock_organizations
from flyusage.orgs import audit
from flyusage.orgs.acting import system
from flyusage.pricing import agreements, grants
from flyusage.pricing.errors import TermsInvalid
from flyusage.pricing.terms import CreditKind, OneOffCharge

NOW = datetime(2026, 10, 9, 12, tzinfo=UTC)
YEN = ("prices", "draft", "new", "yen", "2026-01-01", "--currency")


def owed(cast: Cast) -> Statement:
    with db.transaction(cast.prism.id) as session:
        return draft(session, cast.prism.id, date(2026, 10, 1), as_of=NOW)


def test_all_that_can_be_agreed_is_and_the_draft_bills_it(flyusage, cast: Cast) -> None:
    bill_to(cast.prism.id)
    with clock.freeze(NOW):
        agreed = [
            ("price", "prism", "volume", "global", "0.10"),
            (
                "price",
                "prism",
                "egress.public",
                "na_eu",
                "--model",
                "graduated",
                "--tiers",
                '[{"up_to": 100, "unit": "0"}, {"up_to": null, "unit": "0.01"}]',
                "--per",
                "GB",
            ),
            ("discount", "prism", "--percent", "10", "--months", "3", "--says", "Welcome"),
            ("reserve", "prism", "fra", "shared", "36", "5", "--from", "2026-10-01"),
            ("credit", "prism", "25", "--kind", "prepaid", "--expires", "2027-01-01", "--says", "Top-up"),
            ("credit", "prism", "7.50"),
            ("fee", "prism", "Support", "29", "--from", "2026-10-01"),
            ("charge", "prism", "Migration", "123"),
            ("limit", "prism", "--min", "40", "--max", "5000"),
        ]
        said = [flyusage("terms", *words) for words in agreed]
        assert [one.err for one in said] == [""] * len(agreed)
        assert said[2].out == "prism: 10 % off usage and fees from October 2026, for 3 months. It is discount 1.\n"
        assert (
            said[3].out
            == "prism: $36.00 up front for $5.00 a month on shared CPUs in fra, 12 months from 2026-10-01. It is reservation 1.\n"
        )
        shown = flyusage("terms", "show", "prism").out
    for words in ("volume in global: 0.1 per GB-month", "graduated: ", "Welcome: 10 % off", "Support: 1 × 29 USD", "at most $5,000.00"):
        assert words in shown
    # 36.00 + 123.00 once, 29.00 a month less 10 %, up to the minimum of 40.00 (26.10 + 13.90), less 7.50; 19 % tax; 25.00 pays
    statement = owed(cast)
    assert (statement.net_minor, statement.tax_minor) == (19_150, 3_639)
    assert statement.due_minor == 19_150 + 3_639 - 2_500
    with db.transaction(cast.prism.id) as session:
        told = [one.action for one in audit.entries(session, cast.prism.id)]
    assert {one.rpartition(".")[0] for one in told} >= {
        "price_override", "discount", "reservation", "credit", "recurring_fee", "one_off_charge", "spend_limit",
    }  # fmt: skip


def test_what_was_agreed_ends_is_withdrawn_and_taken_back(flyusage, cast: Cast) -> None:
    bill_to(cast.prism.id)
    with clock.freeze(NOW):
        for words in (
            ("credit", "prism", "30"),
            ("fee", "prism", "Support", "31", "--from", "2026-10-01"),
            ("charge", "prism", "Migration", "12"),
        ):
            flyusage("terms", *words)
        assert flyusage("terms", "end", "prism", "fee", "1", "2026-10-10").out == "prism: fee 1 holds to 2026-10-10, that day included.\n"
        said = flyusage("terms", "withdraw", "prism", "charge", "1").out
        assert said == "prism: charge 1 is withdrawn. It is taken back as if it had never been; the audit keeps what it said.\n"
        assert owed(cast).net_minor == 0  # 10 of 31 days, and the credit
        assert flyusage("terms", "revoke", "prism", "1").out == "prism: $30.00 of credit 1 is taken back.\n"
        assert owed(cast).net_minor == 1_000
        assert "Nothing is left of credit 1" in flyusage("terms", "revoke", "prism", "1").err
        assert "There is no credit 9" in flyusage("terms", "revoke", "prism", "9").err
        assert "is taken back by `flyusage terms revoke`" in flyusage("terms", "withdraw", "prism", "credit", "1").err
        assert flyusage("terms", "tax", "prism", "exempt", "--reason", "A museum").code == 0
    assert (owed(cast).tax_minor, json.loads(flyusage("terms", "show", "prism", "--json").out)["tax"]) == (0, "exempt")


def test_a_book_of_its_own_in_another_currency(flyusage, cast: Cast) -> None:
    with clock.freeze(NOW):
        assert flyusage(*YEN, "JPY").code == 0
        assert "has no published version" in flyusage("terms", "book", "prism", "yen").err
        flyusage("prices", "draft", "set", "yen@2026-01-01", "volume", "global", "20", "--per", "GB-month")
        flyusage("prices", "draft", "publish", "yen@2026-01-01", "--past")
        assert flyusage("terms", "book", "prism", "yen").out == "prism buys from yen, in JPY. Issued invoices stay as they are.\n"
        assert "with no decimals at most, not '10.50'" in flyusage("terms", "charge", "prism", "Migration", "10.50").err
        flyusage("terms", "charge", "prism", "Migration", "1050")
        assert (owed(cast).currency.code, owed(cast).net_minor) == ("JPY", 1_050)
        assert "1 agreed amounts are in JPY" in flyusage("terms", "book", "prism", "list").err
    assert "is in JPY and stays so" in flyusage(*YEN[:-2], "2026-02-01", "--currency", "USD").err


def test_what_would_be_due_in_a_billed_month_is_refused(flyusage, cast: Cast) -> None:
    """Its invoice stays and only late usage goes on the next, so that nobody would ever be charged for it."""
    bill_to(cast.prism.id)
    with clock.freeze(datetime(2026, 11, 2, tzinfo=UTC)):
        flyusage("terms", "charge", "prism", "Migration", "10", "--on", "2026-10-05")
        assert flyusage("invoices", "issue", "--org", "prism", "--month", "2026-10").code == 0
        for words in (
            ("charge", "prism", "Training", "10", "--on", "2026-10-31"),
            ("fee", "prism", "Support", "29", "--from", "2026-10-01"),
            ("fee", "prism", "Support", "29", "--from", "2026-09-01"),  # October's part would be lost
            ("reserve", "prism", "fra", "shared", "36", "5", "--from", "2026-10-15"),
        ):
            said = flyusage("terms", *words)
            assert (said.code, "October 2026 is billed" in said.err) == (1, True), said
        assert flyusage("terms", "fee", "prism", "Support", "29", "--from", "2026-09-01", "--last-day", "2026-09-30").code == 0
        for words in (("charge", "prism", "Training", "10"), ("reserve", "prism", "fra", "shared", "0", "5", "--from", "2026-10-15")):
            assert flyusage("terms", *words).code == 0  # November's, and what costs nothing up front


def test_an_organization_that_was_billed_keeps_its_currency(flyusage, cast: Cast) -> None:
    with clock.freeze(NOW):
        _yen(flyusage)
    bill_to(cast.prism.id)
    with clock.freeze(datetime(2026, 11, 2, tzinfo=UTC)):
        flyusage("terms", "charge", "prism", "Migration", "10", "--on", "2026-10-05")
        said = flyusage("invoices", "issue", "--org", "prism", "--month", "2026-10")
        assert said.code == 0, said
        flyusage("terms", "withdraw", "prism", "charge", "1")
        assert "is billed in USD, and yen is in JPY" in flyusage("terms", "book", "prism", "yen").err


def test_a_book_waits_for_the_month_that_is_being_issued(cast: Cast) -> None:
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    with ThreadPoolExecutor(1) as threads:
        with db.platform_transaction() as issuing:
            lock_organizations(issuing, [cast.prism.id])  # as `issue` does
            changing = threads.submit(_change_book, cast.prism.id, "list")
            for _ in range(2000):
                with db.platform_transaction() as session:
                    if session.scalar(sa.text(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND {here}")):
                        break
            else:
                pytest.fail("nobody waits for the invoice")
        assert changing.result() == "list"


@pytest.mark.parametrize("agree", ["credit", "charge"])
def test_what_is_agreed_while_the_book_changes_is_in_the_new_books_currency_or_refused(flyusage, cast: Cast, agree: str) -> None:
    """The other way round a credit in dollars would lie beside a book in yen, and never be used."""
    with clock.freeze(NOW):
        _yen(flyusage)
        with ThreadPoolExecutor(1) as threads:
            with db.platform_transaction() as changing:
                change_book(changing, cast.prism.id, "yen", by=system("tests"))
                agreeing = threads.submit(_agree, cast.prism.id, agree)
                _until_somebody_waits()
            found = agreeing.result()
    assert found in ("JPY", "The organization buys in JPY; an amount in USD would never be billed.")


def _agree(org_id: int, kind: str) -> str:
    with clock.freeze(NOW), db.platform_transaction() as session:
        if kind == "credit":
            grants.grant(session, org_id, CreditKind.PREPAID, 3000, description="Prepaid", by=system("tests"))
            return grants.credits_of(session, org_id)[0].currency
        try:
            agreements.add_charge(session, org_id, OneOffCharge("Help", 100, "USD", NOW.date()), by=system("tests"))
        except TermsInvalid as error:
            return error.sentence
        return "USD"


def _until_somebody_waits() -> None:
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    for _ in range(2000):
        with db.platform_transaction() as session:
            if session.scalar(sa.text(waits)):
                return
    raise AssertionError("nobody waits for the book")


def _change_book(org_id: int, slug: str) -> str:
    with db.platform_transaction() as session:
        return change_book(session, org_id, slug, by=system("tests")).slug


def test_what_cannot_be_agreed_is_a_sentence(flyusage, cast: Cast) -> None:
    wrong = {
        ("show", "nobody"): "There is no organization 'nobody'",
        ("price", "prism", "nothing", "global", "1"): "no price of nothing",
        ("price", "prism", "volume", "moon", "1"): "'moon' is no region",
        ("discount", "prism"): "either a percentage or an amount",
        ("discount", "prism", "--percent", "101"): "at most 100 percent",
        ("reserve", "prism", "moon", "shared", "1", "1"): "There is no region 'moon'",
        ("credit", "prism", "0"): "above zero",
        ("credit", "prism", "1.005"): "with 2 decimals at most",
        ("limit", "prism"): "Name a minimum (--min)",
        ("limit", "prism", "--min", "2", "--max", "1"): "The minimum is above the maximum",
        ("end", "prism", "fee", "7", "2026-10-01"): "There is no recurring fee 7",
        ("withdraw", "prism", "wish", "1"): "'wish' is none of price, discount",
        ("tax", "prism", "exempt"): "no billing profile yet",
        ("book", "prism", "moon"): "There is no price book 'moon'",
        ("price", "prism", "volume", "global", "1", "--from", "2026-10-02", "--until", "2026-10-02"): "ends after it begins",
        ("fee", "prism", "Support", "1", "--from", "2026-10-02", "--last-day", "2026-10-01"): "ends after it begins",
        ("fee", "prism", "Support", "1", "--quantity=-1"): "not below zero",
        ("fee", "prism", "Support", "--", "-1"): "not below zero",
        ("limit", "prism", "--min=-1"): "not below zero",
        ("limit", "prism", "--min", "1", "--from", "2026-10-01", "--until", "2026-10-01"): "ends after it begins",
        ("discount", "prism", "--amount=-1"): "above zero",
    }
    for words, sentence in wrong.items():
        said = flyusage("terms", *words)
        assert said.code == 1, words
        assert sentence in said.err, said
    assert "Nothing else is agreed." in flyusage("terms", "show", "prism").out


def test_an_agreement_does_not_end_before_it_began(flyusage, cast: Cast) -> None:
    flyusage("terms", "fee", "prism", "Support", "1", "--from", "2026-10-05")
    flyusage("terms", "price", "prism", "volume", "global", "1", "--from", "2026-10-05")
    flyusage("terms", "limit", "prism", "--min", "1", "--from", "2026-10-05")
    for kind in ("fee", "price", "limit"):
        said = flyusage("terms", "end", "prism", kind, "1", "2026-10-04")
        assert (said.code, said.out) == (1, "")
        assert "begins on 2026-10-05" in said.err, said


def test_a_credit_keeps_its_currency_too(flyusage, cast: Cast) -> None:
    with clock.freeze(NOW):
        _yen(flyusage)
        flyusage("terms", "credit", "prism", "30", "--kind", "prepaid")
        said = flyusage("terms", "book", "prism", "yen")
        assert (said.code, said.out) == (1, ""), said  # nothing would ever take of it
        assert "1 credit" in said.err
        flyusage("terms", "revoke", "prism", "1")
        assert flyusage("terms", "book", "prism", "yen").code == 0
        with db.platform_transaction() as session:
            seats.agree(session, cast.prism.id, 3, Decimal(900), by=system("tests"))
        assert "Its seats are sold in JPY, and list is in USD" in flyusage("terms", "book", "prism", "list").err


def _yen(flyusage) -> None:
    """A book in yen that can be bought from."""
    flyusage(*YEN, "JPY")
    flyusage("prices", "draft", "set", "yen@2026-01-01", "volume", "global", "20", "--per", "GB-month")
    flyusage("prices", "draft", "publish", "yen@2026-01-01", "--past")


def test_a_maximum_is_not_cut_inside_a_month_by_what_replaces_it(flyusage, cast: Cast) -> None:
    flyusage("terms", "limit", "prism", "--max", "50", "--from", "2026-10-01")
    said = flyusage("terms", "limit", "prism", "--min", "20", "--from", "2026-10-15")
    assert (said.code, said.out) == (1, "")
    assert "Limit 1 holds a maximum, for whole billing periods." in said.err
    assert flyusage("terms", "limit", "prism", "--min", "20", "--from", "2026-11-01").code == 0
    assert flyusage("terms", "limit", "prism", "--min", "30", "--from", "2026-11-15").code == 0  # a minimum counts by its days


def test_a_maximum_ends_with_a_month(flyusage, cast: Cast) -> None:
    flyusage("terms", "limit", "prism", "--max", "50", "--from", "2026-10-01")
    said = flyusage("terms", "end", "prism", "limit", "1", "2026-10-14")
    assert (said.code, said.out) == (1, "")
    assert "A maximum holds for whole billing periods" in said.err
    assert flyusage("terms", "end", "prism", "limit", "1", "2026-10-31").code == 0
