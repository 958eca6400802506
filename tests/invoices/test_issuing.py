"""Issuing one month of one organization: what is kept, what is refused, and that it happens once."""

import hashlib
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from billing_world import (
    BY,
    GERMAN,
    NOVEMBER,
    NOW,
    OCTOBER,
    SWISS,
    acting,
    bill_to,
    billed,
    invoice_row,
    rows,
    take_in,
    value,
    volume,
)  # fmt: skip
from cast import make_cast
from conftest import Begun
from factories import ingest, started, stopped, volume_created

from flyusage import clock, config, db
from flyusage.invoices.document import Document
from flyusage.invoices.errors import AlreadyIssued, DecisionNeeded, NothingToBill, OnHold, PeriodOpen, RollupBehind
from flyusage.invoices.examining import hold_back, release
from flyusage.invoices.issuing import issue, issue_many
from flyusage.invoices.storing import Issued
from flyusage.metering.locks import lock_organizations
from flyusage.orgs import acting as people
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind


def prisms_story() -> int:
    """1,000 GB of web and 500 of api in October: $150.00 and $75.00; a German buyer, 19 %."""
    org_id = take_in(*volume("v1", 1000), *volume("v2", 500, app="api"))["prism"]
    bill_to(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


def test_an_invoice_holds_what_was_used_what_it_costs_and_whom_it_bills(prism):
    # 225.00 net, 19 % of it 42.75, due 30 days after Nov 2
    one = billed(prism, released=False)
    row = invoice_row(one.id)
    assert (one.number, row["state"], row["kind"], row["origin"]) == ("PRISM-000001", "open", "invoice", "period")
    assert (row["net_minor"], row["tax_minor"], row["gross_minor"], row["due_minor"], row["balance_minor"]) == (
        22500,
        4275,
        26775,
        26775,
        26775,
    )
    assert (row["starts_on"], row["ends_on"], row["due_on"], row["buyer"]) == (OCTOBER, NOVEMBER, date(2026, 12, 2), "Prism GmbH")
    assert (row["issued_at"], row["issued_by"]) == (NOW, "system:tests")
    assert rows("SELECT position, kind, key, amount_minor, tax_percent FROM invoice_line") == [(1, "usage", "volume/dfw", 22500, 19)]
    cells = rows("SELECT a.name, c.amount_minor FROM invoice_cell c JOIN app a ON a.id = c.app_id ORDER BY 1")
    assert cells == [("api", 7500), ("web", 15000)]
    assert value("SELECT sum(total) FROM invoice_usage") == value("SELECT sum(total) FROM usage_month") == 1500 * 1024 * 30 * 86_400
    assert value("SELECT sum(quantity) FROM invoice_machine") == 1500 * 1024 * 30 * 86_400


def test_its_working_adds_up_to_the_line(prism):
    billed(prism)
    ((working, exact),) = rows("SELECT working, exact FROM invoice_line")
    assert (exact, [step["amount"] for step in working["steps"]]) == ("225", ["225"])
    assert working["steps"][0] | {"text": ""} == {
        "text": "", "amount": "225", "quantity": str(1500 * 1024 * 30 * 86_400), "unit_amount": "0.15", "per_quantity": 1024 * 30 * 86_400,
    }  # fmt: skip


def test_what_is_printed_is_a_snapshot_with_its_hash(prism):
    one = billed(prism)
    ((text, sha256),) = rows("SELECT document, sha256 FROM invoice_snapshot")
    document = Document.from_json(json.loads(text))
    assert hashlib.sha256(text.encode()).hexdigest() == sha256
    assert document == one.document
    assert (document.number, document.buyer.name, document.seller.country, document.gross_minor) == (
        "PRISM-000001",
        "Prism GmbH",
        "DE",
        26775,
    )
    assert document.bank is not None
    assert (document.bank.reference, document.demo_label) == ("PRISM-000001", "Sample: an invented company")
    bill_to(prism, replace(GERMAN, legal_name="Prism SE"))
    assert rows("SELECT document FROM invoice_snapshot") == [(text,)]


def test_it_is_audited_and_the_outbox_is_told_in_the_same_transaction(prism):
    with acting() as session:
        issue(session, prism, OCTOBER, by=BY, render=False)
        session.rollback()
    assert rows("SELECT kind FROM outbox") == []
    billed(prism, released=False)
    assert rows("SELECT kind, action, done_at FROM outbox ORDER BY 1") == [
        (kind, "issued", None) for kind in ("document", "mail", "payment")
    ]
    ((actor, detail),) = rows("SELECT actor, detail FROM audit_event WHERE action = 'invoice.issue'")
    assert (actor, detail["number"], detail["gross_minor"], detail["month"]) == ("system:tests", "PRISM-000001", 26775, "2026-10-01")


def test_the_grace_window_for_late_events_passes_first(prism, monkeypatch):
    bill_to(prism)
    with pytest.raises(PeriodOpen, match="October 2026 can be billed from Nov 1, 06:00 UTC on"):
        billed(prism, at=datetime(2026, 11, 1, 5, 59, 59, tzinfo=UTC))
    monkeypatch.setenv("FLYUSAGE_GRACE_HOURS", "48")
    config.settings.cache_clear()
    with pytest.raises(PeriodOpen, match="from Nov 3, 00:00 UTC on.*FLYUSAGE_GRACE_HOURS=48"):
        billed(prism)
    with pytest.raises(PeriodOpen):
        billed(prism, NOVEMBER)


def test_a_month_is_billed_once(prism):
    billed(prism)
    with pytest.raises(AlreadyIssued, match="October 2026 of prism is billed: PRISM-000001"):
        billed(prism)


def test_what_is_not_rolled_up_is_not_billed(prism):
    with clock.freeze(NOW):
        ingest(volume("late", 10))
    with pytest.raises(RollupBehind, match="Run `flyusage rollup run --org prism`"):
        billed(prism)


def test_a_price_that_is_missing_stops_it_until_somebody_releases_it(database):
    # a10 has no price; an hour of it is in no total, but is frozen
    org_id = take_in(
        *volume("v1", 1000),
        started("m", "2026-10-02T00:00:00Z", vm_size="a10", memory_mb=32768),
        stopped("m", "2026-10-02T01:00:00Z"),
    )["prism"]
    bill_to(org_id)
    with pytest.raises(DecisionNeeded, match=r"no price for machine.a10; .*`flyusage bill release 2026-10 --org prism`"):
        billed(org_id, released=False)
    assert rows("SELECT count(*) FROM invoice") == [(0,)]
    with acting() as session:
        release(session, org_id, OCTOBER, codes=["unpriced"], reason="not sold yet", by=BY)
    assert billed(org_id, released=False).net_minor == 15000
    assert value("SELECT sum(total) FROM invoice_usage u JOIN sku ON sku.id = u.sku_id WHERE sku.code = 'machine.a10'") == 3600


def test_silence_while_machines_run_stops_it(database):
    # nothing heard since Oct 20; the machine counts as running to the month's end: 12 days of shared-cpu-1x with 256 MB
    org_id = take_in(started("m", "2026-10-20T00:00:00Z", vm_size="shared-cpu-1x", memory_mb=256, region="iad"))["prism"]
    bill_to(org_id)
    with pytest.raises(DecisionNeeded, match=r"No events since Oct 20, 00:00; 1 machines counted as running; \$\d+\.\d\d rests on that\."):
        billed(org_id, released=False)
    take_in(stopped("m", "2026-11-01T00:00:00Z", region="iad"))
    assert billed(org_id, released=False).number == "PRISM-000001"


def test_without_a_country_there_is_no_tax_to_be_found(database):
    org_id = take_in(*volume("v1", 1000))["prism"]
    with pytest.raises(DecisionNeeded, match="country is not known"):
        billed(org_id, released=False)
    one = billed(org_id)
    assert (one.gross_minor, one.document.buyer.name) == (15000, "prism")
    assert [(tax.category, tax.reason) for tax in one.document.taxes] == [
        ("O", "No tax is charged, as the customer's country is not known.")
    ]


def test_a_total_far_from_last_months_stops_it(prism):
    # September at 50 GB is $7.50; October's $225.00 is 2,900 % more
    take_in(*volume("s", 50, month=9))
    billed(prism, date(2026, 9, 1))
    with pytest.raises(DecisionNeeded, match=r"\$225.00 net is 2900 % more than last month's \$7.50"):
        billed(prism, released=False)


def test_refused_events_stop_it(prism):
    with clock.freeze(datetime(2026, 10, 15, tzinfo=UTC)):
        ingest([{**volume_created("bad", "2026-10-02T00:00:00Z"), "type": "flyusage.volume.eaten"}])
    with pytest.raises(DecisionNeeded, match="1 events were refused since Oct 1"):
        billed(prism, released=False)


def test_a_month_on_hold_is_not_billed_until_it_is_released(prism):
    with acting() as session:
        hold_back(session, prism, OCTOBER, reason="a dispute.", by=BY)
    with pytest.raises(OnHold, match=r"held back: a dispute. `flyusage bill release 2026-10 --org prism` lets it go"):
        billed(prism, released=False)
    assert billed(prism).number == "PRISM-000001"
    assert rows("SELECT action FROM audit_event WHERE action LIKE 'billing.%' AND subject LIKE 'month%' ORDER BY id") == [
        ("billing.hold",), ("billing.release",),
    ]  # fmt: skip


def test_a_month_of_nothing_is_billed_only_if_configured(database, monkeypatch):
    org_id = take_in(*volume("v1", 1, month=9))["prism"]
    bill_to(org_id)
    with pytest.raises(NothingToBill, match="FLYUSAGE_ZERO_INVOICES=true"):
        billed(org_id)
    monkeypatch.setenv("FLYUSAGE_ZERO_INVOICES", "true")
    config.settings.cache_clear()
    one = billed(org_id)
    assert (one.number, one.gross_minor, one.state, invoice_row(one.id)["state"]) == ("PRISM-000001", 0, "paid", "paid")


def test_nobody_needs_a_country_to_be_billed_nothing(database):
    org_id = take_in(*volume("v1", 1, month=9))["prism"]
    with pytest.raises(NothingToBill):
        billed(org_id, released=False)


def test_a_month_that_falls_to_nothing_stops(prism):
    december = datetime(2026, 12, 2, tzinfo=UTC)
    billed(prism)
    take_in(*volume("v9", 1, org="rival"), at=december)  # both are rolled up through November
    with pytest.raises(DecisionNeeded, match=r"\$0.00 net is 100 % less than last month's \$225.00"):
        billed(prism, NOVEMBER, at=december, released=False)


def test_prepaid_credits_pay_and_what_is_fully_paid_is_settled(prism):
    with acting(datetime(2026, 10, 5, tzinfo=UTC)) as session:
        grants.grant(session, prism, CreditKind.PREPAID, 30000, description="Prepaid", by=BY)
    one = billed(prism)
    row = invoice_row(one.id)
    assert (row["gross_minor"], row["prepaid_minor"], row["due_minor"], row["state"]) == (26775, 26775, 0, "paid")
    assert rows("SELECT amount_minor, used_minor FROM credit_grant") == [(30000, 26775)]
    assert rows("SELECT invoice_id, amount_minor FROM credit_use") == [(one.id, 26775)]


def test_members_issue_nothing(prism):
    with pytest.raises(NotPermitted, match="Invoices are issued by the platform's staff"):
        billed(prism, by=people.member(1, Role.OWNER), released=False)


def test_an_outsider_sees_no_invoice(prism):
    billed(prism)
    with db.platform_transaction() as session:
        rival = session.execute(
            sa.text("INSERT INTO organization (slug, name, created_at) VALUES ('rival', 'Rival', now()) RETURNING id")
        ).scalar_one()
    tables = ("invoice", "invoice_line", "invoice_cell", "invoice_usage", "invoice_machine", "invoice_snapshot", "outbox")
    for org_id, expected in ((rival, 0), (prism, 1)):
        with db.transaction(org_id) as session:
            seen = {table: session.scalar(sa.text(f"SELECT count(*) > 0 FROM {table}")) for table in tables}
        assert set(seen.values()) == {bool(expected)}


def test_twenty_at_once_give_one_invoice(prism):
    start = threading.Barrier(20)

    def attempt(_: int) -> str:
        start.wait()
        try:
            with db.platform_transaction() as session:
                return issue(session, prism, OCTOBER, by=BY, render=False).number
        except AlreadyIssued:
            return "refused"

    with clock.freeze(NOW), ThreadPoolExecutor(20) as threads:
        found = Counter(threads.map(attempt, range(20)))
    assert found == {"PRISM-000001": 1, "refused": 19}
    assert rows("SELECT number FROM invoice") == [("PRISM-000001",)]


def test_many_organizations_at_once_each_have_a_series_without_a_gap(database):
    slugs = [f"org-{n}" for n in range(6)]
    months = [7, 8, 9, 10]
    events = [event for slug in slugs for month in months for event in volume(f"{slug}-{month}", 10, org=slug, month=month)]
    known = take_in(*events)
    start = threading.Barrier(12)

    def attempt(n: int) -> None:
        start.wait()
        for month in months:
            for slug in slugs[n % 6 :] + slugs[: n % 6]:
                with db.platform_transaction() as session:
                    lock_organizations(session, [known[slug]])
                    release(session, known[slug], date(2026, month, 1), reason="tests", by=BY)
                    into: list[Issued] = []
                    issue_many(session, [known[slug]], date(2026, month, 1), by=BY, into=into)
                    if into and n == 3:
                        session.rollback()  # a number that was taken and given up leaves no gap

    with clock.freeze(NOW), ThreadPoolExecutor(12) as threads:
        list(threads.map(attempt, range(12)))
    numbers = rows("SELECT o.slug, i.starts_on, i.sequence FROM invoice i JOIN organization o ON o.id = i.org_id ORDER BY 1, 3")
    assert [(slug, sequence) for slug, _, sequence in numbers] == [(slug, sequence) for slug in slugs for sequence in (1, 2, 3, 4)]
    assert {(slug, month) for slug, month, _ in numbers} == {(slug, date(2026, month, 1)) for slug in slugs for month in months}


def test_a_price_change_inside_the_month_freezes_machines_part_by_part(database):
    # usage_world changes prices on Oct 17 for machines and volumes, not for egress and addresses
    from usage_world import NOW as LATER
    from usage_world import STEP, make_world

    world = make_world()
    billed(world.org_id, at=LATER)
    parts = rows(
        """SELECT sku.meter, m.starts_on, sum(quantity) FROM invoice_machine m JOIN sku ON sku.id = m.sku_id GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    whole = dict(rows("SELECT meter, sum(total) FROM invoice_usage u JOIN sku ON sku.id = u.sku_id GROUP BY 1"))
    assert {meter: [day for kind, day, _ in parts if kind == meter] for meter in whole} == {
        "machine": [OCTOBER, STEP], "extra_memory": [OCTOBER, STEP], "rootfs": [OCTOBER, STEP], "volume": [OCTOBER, STEP],
        "egress": [OCTOBER], "ipv4": [OCTOBER],
    }  # fmt: skip
    assert {meter: sum(quantity for kind, _, quantity in parts if kind == meter) for meter in whole} == whole


def test_swiss_buyers_are_outside_the_scope(database):
    with db.platform_transaction() as session:
        cast = make_cast(session)
    take_in(*volume("v", 1000, org="rival"))
    bill_to(cast.rival.id, SWISS)
    one = billed(cast.rival.id, released=False)
    assert (one.number, one.gross_minor, one.document.taxes[0].category) == ("RIVAL-000001", 15000, "O")
    assert one.document.due_on == (NOW + timedelta(days=14)).date()
