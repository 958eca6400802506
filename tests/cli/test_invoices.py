import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
import sqlalchemy as sa
from conftest import Begun
from factories import ingest, started, stopped, volume_created

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.orgs.acting import system
from flyusage.pricing import agreements
from flyusage.pricing.tax import BillingProfile
from flyusage.pricing.terms import Discount, RecurringFee

NOW = datetime(2026, 10, 21, 12, 30, tzinfo=UTC)
SALES = system("sales")
USAGE = (
    "--org prism --show list_cost --by app --from 2026-10-01 --to 2026-11-01 --region sjc --vm_size shared-cpu-1x "
    "--sku machine.shared-cpu-1x,machine.extra_ram --as_of 2026-10-21T12:30:00Z"
)
MACHINE = {"vm_size": "shared-cpu-1x", "memory_mb": 512, "region": "sjc"}


def prisms_story() -> int:
    """5 machines of 512 MB in sjc for 15 days, an open volume, terms, and a customer in Berlin; at half past twelve on Oct 21."""
    with clock.freeze(NOW):
        events = [started(f"m{number}", "2026-10-01T00:00:00Z", **MACHINE) for number in range(5)]
        events += [stopped(f"m{number}", "2026-10-16T00:00:00Z", region="sjc") for number in range(5)]
        ingest([*events, volume_created("v1", "2026-10-11T12:30:00Z", gb=30, region="fra")])
        with db.platform_transaction() as session:
            org_id = session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'prism'"))
            assert org_id is not None
            agreements.set_billing_profile(session, org_id, BillingProfile("Prism", ("Weg 1",), "1", "Berlin", "DE"), by=SALES)
            agreements.add_fee(session, org_id, RecurringFee("Support", date(2026, 10, 8), sku="support.standard"), by=SALES)
            agreements.give_discount(session, org_id, Discount("Welcome", date(2026, 10, 1), percent=Decimal(50), sku="volume"), by=SALES)
        catch_up(org_id)
        return org_id


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


def test_a_draft_is_printed_line_by_line_with_its_totals(flyusage, prism: int):
    """Machines 9.52; volume 30 GB × 10 days = 10 GB-months × 0.15 = 1.50, half of it off; support 29.00 × 24/31 = 22.45.
    Net 32.72, 19 % is 6.2168."""
    said = flyusage("invoices", "draft", "--month", "2026-10")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "prism, October 2026 so far, as of 2026-10-21 12:30:00Z"
    assert [line.split()[-1] for line in said.out.splitlines() if line.lstrip()[:1].isdigit()] == ["$9.52", "$1.50", "$22.45", "−$0.75"]
    row = next(line for line in said.out.splitlines() if "Machines" in line)
    assert re.split(r"\s{2,}", row.strip()) == [
        "1", "Machines", "shared-cpu-1x with extra memory", "sjc · San Jose, California (US)", "Oct 1 – 31", "1,800 hours", "$9.52",
    ]  # fmt: skip
    assert "10 GB-months" in said.out
    totals = [line.rsplit(None, 1) for line in said.out.splitlines() if line.startswith(("Net", "VAT", "Gross", "Due"))]
    assert [(title.strip(), amount) for title, amount in totals] == [
        ("Net", "$32.72"), ("VAT 19 %", "$6.22"), ("Gross", "$38.94"), ("Due so far", "$38.94"),
    ]  # fmt: skip


def test_a_draft_as_json_has_every_digit_and_the_workings(flyusage, prism: int):
    found = json.loads(flyusage("invoices", "draft", "--org", "prism", "--month", "2026-10", "--json").out)
    assert (found["org"], found["currency"], found["is_open"], found["as_of"]) == ("prism", "USD", True, "2026-10-21T12:30:00Z")
    assert (found["net_minor"], found["tax_minor"], found["due_minor"]) == (3272, 622, 3894)
    machine = found["lines"][0]
    assert (machine["key"], machine["exact"], machine["amount_minor"]) == ("machine.shared-cpu-1x/sjc", "9.5235588", 952)
    assert sum(Fraction(step["amount"]) for step in machine["working"]) == Fraction("9.52")
    assert found["taxes"] == [{"category": "S", "percent": "19", "basis_minor": 3272, "tax_minor": 622, "reason": ""}]
    assert found["lines"][3]["shares"] == [{"key": "volume/fra", "amount_minor": -75}]


def test_why_a_line_is_what_it_is_ends_with_the_command_for_its_usage(flyusage, prism: int):
    said = flyusage("costs", "why", "1", "--month", "2026-10")
    assert said.out.splitlines() == [
        "shared-cpu-1x with extra memory, sjc · San Jose, California (US), Oct 1 – 31 so far",
        "        5.79759768  Machine shared-cpu-1x, machine-second: 6,480,000 × 0.000000894691",
        "        3.72596112  Extra memory, GB-second: 1,620,000 × 0.000002299976",
        "        −0.0035588  9.5235588 rounded to 9.52 USD",
        "             $9.52  so far",
        "",
        "Price of the version that took effect on Nov 1, 2024 (price " + said.out.rpartition("(price ")[2].partition(")")[0] + ").",
        f"Exactly this usage: flyusage usage {USAGE}",
    ]
    command = said.out.splitlines()[-1].partition("flyusage ")[2].split()
    assert Fraction(json.loads(flyusage(*command, "--json").out)["total"]) == Fraction("9.5235588")
    discount = flyusage("costs", "why", "discount/1", "--month", "2026-10").out
    assert "−0.75  50 % of $1.50" in discount
    assert "−$0.75  from Volumes, fra · Frankfurt" in discount


def test_why_as_json_is_the_line(flyusage, prism: int):
    found = json.loads(flyusage("costs", "why", "volume/fra", "--month", "2026-10", "--json").out)
    assert (found["key"], found["unit_price"], found["quantity"]) == ("volume/fra", "0.15", "10")
    assert found["view"]["sku"] == "volume"


def test_an_earlier_moment_and_another_month_can_be_asked_for(flyusage, prism: int):
    pinned = json.loads(flyusage("invoices", "draft", "--month", "2026-10", "--as-of", "2026-10-11T13:30:00Z", "--json").out)
    assert Fraction(pinned["lines"][1]["exact"]) == Fraction(30, 720) * Fraction("0.15")  # an hour of the volume
    august = flyusage("invoices", "draft", "--month", "2026-08").out
    assert "Nothing was used or agreed." in august


def test_what_cannot_be_read_or_found_is_said(flyusage, prism: int):
    for arguments, sentence in (
        (("invoices", "draft", "--month", "soon"), "'soon' is no month. Write it as 2026-10."),
        (("invoices", "draft", "--as-of", "later"), "'later' is no moment."),
        (("invoices", "draft", "--org", "nobody"), "There is no organization 'nobody'"),
        (("costs", "why", "99", "--month", "2026-10"), "There is no line '99'. `flyusage invoices draft --org prism --month 2026-10`"),
    ):
        said = flyusage(*arguments)
        assert said.code == 1
        assert sentence in said.err


def test_several_organizations_need_a_name_and_hostile_text_prints_as_such(flyusage, cast):
    assert "Name an organization with --org (prism, rival)." in flyusage("invoices", "draft").err
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE organization SET name = :name WHERE slug = 'prism'"), {"name": "\x1b[31mx\u202e"})
        agreements.add_fee(session, cast.prism.id, RecurringFee("\x1b[0m\nx", date(2026, 1, 1), None, Decimal(1), "USD"), by=SALES)
    with clock.freeze(NOW):
        said = flyusage("invoices", "draft", "--org", "prism").out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert r"\x1b[0m\nx" in said
