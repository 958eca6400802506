"""Invoices at scale: closing a month for 30,000 organizations, issuing the largest one, monthly totals over three million invoices.

The small organizations are written straight into the roll-up tables (a close reads nothing else), with a median of 20 lines each,
and kept under bench-results/ without their invoices: what a run issues goes with a copy of the database.
"""

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from time import perf_counter

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices import background, queries
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.closing import close
from flyusage.invoices.examining import release
from flyusage.invoices.issuing import Result, issue
from flyusage.invoices.totals import fold, platform_month_totals, recount
from flyusage.invoices.typesetting import Typesetters
from flyusage.orgs.acting import system
from tests.bench.database import RESULTS, Measured, running
from tests.bench.report import Numbers, Row, spread

BY = system("bench")
OCTOBER = date(2026, 10, 1)
CLOSED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LINES = 20


def measure_large(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """The filled company's last whole month issued with its document, and broken down; taken back afterwards."""
    month = OCTOBER
    took: list[float] = []
    details: dict[str, object] = {}
    with clock.freeze(CLOSED_AT):
        for _ in range(3):
            with db.platform_transaction() as session:
                release(session, measured.org_id, month, reason="bench", by=BY)
                began = perf_counter()
                one = issue(session, measured.org_id, month, by=BY)
                took.append(perf_counter() - began)
                details = _size(session, one.id) | {"breakdown_s": _breakdowns(session, measured.org_id, one.id)}
                session.rollback()
    rows = [
        Row(
            f"an organization of {measured.machine_hours // 24 // 395:,} VMs: its invoice issued with its PDF",
            statistics.median(took),
            2,
            "s",
        )
    ]
    return rows, details | {"issue_s": spread(took)}


def measure_close(organizations: int = 30_000) -> tuple[list[Row], dict[str, object]]:
    """The close of a month for many small organizations, then the first documents made by the worker."""
    with _small(organizations) as org_ids, clock.freeze(CLOSED_AT):
        began = perf_counter()
        closed = close(OCTOBER, org_ids, by=BY)
        took = perf_counter() - began
        issued = closed.count(Result.ISSUED)
        with db.platform_transaction() as session:
            lines = session.execute(sa.text(_LINES_PER_INVOICE)).scalar_one()
            queued = dict(session.execute(sa.text("SELECT kind, count(*) FROM outbox GROUP BY kind")).all())
            assert recount(session) == []
            assert set(queued.values()) == {issued}, queued  # a document, a mail and a hand-over each
        began = perf_counter()
        with Typesetters() as typesetters:
            while (made := _count_documents()) < min(issued, 1000) and background.work(typesetters):
                pass
        per_document = (perf_counter() - began) / made
    rows = [
        Row(f"close: {issued:,} invoices, median {lines} lines", issued / took, 200, "invoices/s", is_floor=True),
        Row("their PDF and XML in one worker, with the close", (took + issued * per_document) / 60, 40, "min"),
    ]
    return rows, {
        "issued": issued,
        "queued": queued,
        "failures": len(closed.failures),
        "seconds": round(took, 1),
        "document_ms": round(per_document * 1000, 1),
    }


def _count_documents() -> int:
    with db.platform_transaction() as session:
        return session.execute(sa.text("SELECT count(*) FROM invoice_document")).scalar_one()


def measure_totals(invoices: int = 3_000_000) -> tuple[list[Row], dict[str, object]]:
    """Monthly totals of the platform, lists and one organization's totals, with many invoices and some changes not folded yet."""
    with running(RESULTS / f"invoices-{invoices}"):
        with db.platform_transaction() as session:
            if not session.execute(sa.text("SELECT count(*) FROM organization")).scalar_one():
                _fill_invoices(session, invoices)
        with db.platform_transaction() as session:
            for _ in range(200):
                if fold(session) == 0:
                    break
        _vacuum("invoice_total_change")  # as autovacuum does a minute after three million rows at once have gone
        with db.platform_transaction() as session:
            session.execute(sa.text(_PAY_SOME))  # a tail
        platform = _timed(platform_month_totals)
        first = _timed(lambda session: queries.invoices(session, None, limit=100))
        found = _timed(lambda session: queries.find(session, "ORG-77-000040"))
        with db.platform_transaction() as session:
            tail = session.execute(sa.text("SELECT count(*) FROM invoice_total_change")).scalar_one()
            months = len(platform_month_totals(session))
    rows = [
        Row(f"monthly totals of {invoices:,} invoices, {months} months, p95", float(spread(platform)["p95"] or 0), 50, "ms"),
        Row("the newest 100 of them, p95", float(spread(first)["p95"] or 0), 50, "ms"),
        Row("one by its number, p95", float(spread(found)["p95"] or 0), 50, "ms"),
    ]
    details: dict[str, Numbers] = {
        "totals_ms": spread(platform),
        "list_ms": spread(first),
        "find_ms": spread(found),
        "tail": {"rows": tail},
    }
    return rows, dict(details)


def _vacuum(table: str) -> None:
    engine = db.make_engine(db.embedded_server().superuser_url("flyusage"), pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"VACUUM {table}"))
    engine.dispose()


def _timed(question) -> list[float]:
    took = []
    for _ in range(60):
        with db.platform_transaction() as session:
            began = perf_counter()
            question(session)
            took.append((perf_counter() - began) * 1000)
    return took[10:]


def _size(session: Session, invoice_id: int) -> dict[str, object]:
    counts = {
        table: session.execute(sa.text(f"SELECT count(*) FROM {table} WHERE invoice_id = :id"), {"id": invoice_id}).scalar_one()
        for table in ("invoice_line", "invoice_cell", "invoice_usage", "invoice_machine")
    }
    return {"rows": counts}


def _breakdowns(session: Session, org_id: int, invoice_id: int) -> dict[str, float]:
    took = {}
    for by in By:
        began = perf_counter()
        breakdown(session, org_id, invoice_id, by)
        took[by.value] = round(perf_counter() - began, 3)
    return took


@contextmanager
def _small(count: int) -> Iterator[list[int]]:
    """The ids of `count` organizations without an invoice, in a database of their own that goes afterwards."""
    folder = RESULTS / f"close-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with running(folder):
            with db.platform_transaction() as session:
                for statement in _SMALL:
                    session.execute(
                        sa.text(statement),
                        {name: value for name, value in {"count": count, "lines": LINES}.items() if f":{name}" in statement},
                    )
                org_ids = list(session.scalars(sa.text("SELECT id FROM organization ORDER BY id")))
            yield org_ids
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill_invoices(session: Session, count: int) -> None:
    for statement in _MANY:
        session.execute(sa.text(statement), {"count": count} if ":count" in statement else {})


_LINES_PER_INVOICE = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM (SELECT count(*) AS n FROM invoice_line GROUP BY org_id, invoice_id) AS per"""
# Each organization has one to five apps in some regions and sizes; cells are (app, region, size, sku), a line one (region, size or sku).
_SMALL = (
    """INSERT INTO organization (slug, name, is_synthetic, created_at)
       SELECT 'org-' || n, 'Organization ' || n, true, '2026-01-01' FROM generate_series(1, :count) AS n""",
    """INSERT INTO billing_profile (org_id, legal_name, address_lines, postcode, city, country, emails)
       SELECT id, name || ' GmbH', ARRAY['Street 1'], '10115', 'Berlin', 'DE', ARRAY['ap@example.com'] FROM organization""",
    """INSERT INTO rollup_state (org_id, rolled_through, first_event_at, last_event_at)
       SELECT id, '2026-11-01 12:00Z', '2026-01-01', '2026-11-01 11:59Z' FROM organization""",
    "INSERT INTO app (org_id, name) SELECT id, 'app-' || n FROM organization, generate_series(1, 2) AS n WHERE n = 1 OR id % 3 = 0",
    """WITH die AS (
         SELECT id AS org_id, sqrt(-2 * ln((id * 7919 % 9973 + 1) / 9974.0)) * cos(2 * pi() * (id::bigint * 104729 % 9973) / 9973.0) AS normal
         FROM organization
       ), wanted AS (
         SELECT org_id, greatest(1, (:lines * exp(0.6 * normal))::int) AS lines FROM die
       ), priced AS (
         SELECT k.id AS sku_id, k.vm_size_id, r.id AS region_id, row_number() OVER (ORDER BY md5(k.id || '/' || r.id)) AS n
         FROM sku k JOIN region r ON r.status = 'active'
         JOIN price_segment p ON p.sku_id = k.id AND p.region_id = r.id AND p.starts_on < '2026-10-01' AND p.ends_on > '2026-11-01'
         WHERE k.meter IN ('machine', 'volume', 'egress') AND p.book_id = (SELECT id FROM price_book WHERE slug = 'list')
       ), total AS (SELECT count(*) AS all_of_them FROM priced)
       INSERT INTO usage_month (org_id, month, app_id, region_id, vm_size_id, sku_id, total, d01, d15)
       SELECT w.org_id, DATE '2026-10-01', a.id, p.region_id, coalesce(p.vm_size_id, 0), p.sku_id,
              2 * (100000 + w.org_id % 977 * 1000), 100000 + w.org_id % 977 * 1000, 100000 + w.org_id % 977 * 1000
       FROM wanted w CROSS JOIN total JOIN priced p ON (p.n + w.org_id * 31) % all_of_them < w.lines JOIN app a ON a.org_id = w.org_id""",
    """INSERT INTO resource (org_id, kind, name, app_id, region_id)
       SELECT org_id, 1, 'm-' || app_id || '-' || region_id || '-' || sku_id, app_id, region_id FROM usage_month""",
    """INSERT INTO resource_month (org_id, month, resource_id, app_id, region_id, vm_size_id, sku_id, quantity)
       SELECT u.org_id, u.month, r.id, u.app_id, u.region_id, u.vm_size_id, u.sku_id, u.total FROM usage_month u
       JOIN resource r ON r.org_id = u.org_id AND r.kind = 1 AND r.name = 'm-' || u.app_id || '-' || u.region_id || '-' || u.sku_id""",
)
# Organizations with 100 months each, mostly paid; two currencies.
_MANY = (
    """INSERT INTO organization (slug, name, is_synthetic, created_at)
       SELECT 'org-' || n, 'Organization ' || n, true, '2018-01-01' FROM generate_series(1, CAST(:count AS int) / 100) AS n""",
    """INSERT INTO invoice (org_id, kind, origin, state, starts_on, ends_on, currency, net_minor, tax_minor, gross_minor, prepaid_minor,
                            due_minor, balance_minor, due_on, as_of, buyer)
       SELECT o.id, 'invoice', 'period', 'draft', month, (month + interval '1 month')::date, CASE o.id % 4 WHEN 0 THEN 'EUR' ELSE 'USD' END,
              net, net / 5, net + net / 5, 0, net + net / 5, net + net / 5, (month + interval '45 days')::date, month, o.name
       FROM organization o CROSS JOIN generate_series(0, 99) AS n
       CROSS JOIN LATERAL (
         SELECT (DATE '2018-07-01' + make_interval(months => n))::date AS month, 1000 + (o.id * 37 + n * 101) % 90000 AS net) AS of""",
    """UPDATE invoice SET state = 'open', series = 'ORG-' || org_id, sequence = n, number = 'ORG-' || org_id || '-' || lpad(n::text, 6, '0'),
              issued_at = ends_on + interval '6 hours', issued_by = 'system:bench'
       FROM (SELECT id AS numbered, row_number() OVER (PARTITION BY org_id ORDER BY starts_on) AS n FROM invoice) AS counted WHERE id = numbered""",
    "UPDATE invoice SET state = 'paid', balance_minor = 0, closed_at = due_on WHERE starts_on < '2026-06-01'",
)
_PAY_SOME = """
UPDATE invoice SET state = 'paid', balance_minor = 0, closed_at = now()
WHERE (org_id, id) IN (SELECT org_id, id FROM invoice WHERE state = 'open' ORDER BY id LIMIT 2000)"""
