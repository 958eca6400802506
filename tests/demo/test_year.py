"""A year of the demonstration, closed month by month, against a sum over what ran and what was sent that knows no roll-up and no rating."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from billing_world import BY, bill_to, rows

from flyusage import clock, db
from flyusage.demo.platform import fill
from flyusage.invoices.closing import close
from flyusage.invoices.examining import release
from flyusage.orgs.queries import directory

NOW = datetime(2026, 11, 23, 15, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MONTHS = [date(2025, 11, 1), date(2025, 12, 1), *(date(2026, number, 1) for number in range(1, 11))]

# What ran, second by second, at the price of each day; machines with the memory beyond their preset. In minor units, by product and region.
RAN = """
WITH priced AS (
  SELECT p.*, coalesce(s.org_id, o.id) AS org_id FROM organization o LEFT JOIN subscription s ON s.org_id = o.id
  JOIN price_segment p ON p.book_id = coalesce(s.price_book_id, (SELECT id FROM price_book WHERE slug = 'list'))
), part AS (
  SELECT i.*, CAST(:start AS timestamptz) AS opens, CAST(:start AS timestamptz) + interval '1 month' AS ends FROM usage_interval i
  WHERE i.started_at < CAST(:start AS timestamptz) + interval '1 month' AND coalesce(i.stopped_at, 'infinity') > :start
), used AS (
  SELECT org_id, region_id, sku_id AS line, sku_id, capacity, started_at, stopped_at, opens, ends FROM part UNION ALL
  SELECT org_id, region_id, sku_id, (SELECT id FROM sku WHERE code = 'machine.extra_ram'), extra_mib, started_at, stopped_at, opens, ends
  FROM part WHERE extra_mib > 0
), cost AS (
  SELECT u.org_id, u.line, u.region_id, u.capacity * p.amount / p.per_quantity * extract(epoch FROM
    least(coalesce(u.stopped_at, 'infinity'), u.ends, p.ends_on AT TIME ZONE 'UTC')
    - greatest(u.started_at, u.opens, p.starts_on AT TIME ZONE 'UTC')) AS amount
  FROM used u JOIN priced p USING (org_id, sku_id, region_id)
  WHERE p.starts_on AT TIME ZONE 'UTC' < least(coalesce(u.stopped_at, 'infinity'), u.ends)
    AND p.ends_on AT TIME ZONE 'UTC' > greatest(u.started_at, u.opens)
)
SELECT o.slug, k.code, r.code, 100 * sum(amount) FROM cost c JOIN organization o ON o.id = c.org_id JOIN sku k ON k.id = c.line
JOIN region r ON r.id = c.region_id GROUP BY 1, 2, 3 HAVING sum(amount) > 0
"""
SENT = """
SELECT o.slug, r.code, e.bytes, e.report_start, e.report_end, p.amount / p.per_quantity
FROM usage_event e JOIN organization o ON o.id = e.org_id JOIN region r ON r.id = e.region_id LEFT JOIN subscription s ON s.org_id = o.id
JOIN price_segment p ON p.book_id = coalesce(s.price_book_id, (SELECT id FROM price_book WHERE slug = 'list')) AND p.region_id = e.region_id
JOIN sku k ON k.id = p.sku_id AND k.code = 'egress.public'
WHERE e.report_start < CAST(:start AS timestamptz) + interval '1 month' AND e.report_end > :start
AND p.starts_on <= CAST(:start AS date) AND p.ends_on > CAST(:start AS date)
"""
BILLED = """
SELECT o.slug, split_part(l.key, '/', 1), r.code, sum(l.amount_minor), count(*) FROM invoice i
JOIN invoice_line l ON (l.org_id, l.invoice_id) = (i.org_id, i.id) JOIN organization o ON o.id = i.org_id JOIN region r ON r.id = l.region_id
WHERE l.kind = 'usage' AND i.starts_on = CAST(:start AS date) GROUP BY 1, 2, 3
"""


def sent(start: datetime) -> dict[tuple[str, str, str], Decimal]:
    """Reported bytes, each report's part inside the month, in minor units; no price of egress changes inside a month."""
    end, found = (start + timedelta(days=32)).replace(day=1), defaultdict(Decimal)
    for slug, region, count, since, until, price in rows(SENT, start=start):
        share = Decimal((min(until, end) - max(since, start)) // SECOND) / Decimal((until - since) // SECOND)
        found[slug, "egress.public", region] += 100 * count * share * price
    return dict(found)


@pytest.mark.usefixtures("database")
def test_a_year_is_billed_as_the_plain_sum_of_what_ran() -> None:
    with clock.freeze(NOW):
        fill(vms=20, months=13, now=NOW)
        with db.lookup_transaction() as session:
            orgs = [one.id for one in directory(session)]
        for org_id in orgs:
            bill_to(org_id)
        compared = 0
        for month in MONTHS:
            with db.platform_transaction() as session:
                for org_id in orgs:
                    release(session, org_id, month, reason="Known.", by=BY)
            assert close(month, orgs, by=BY).is_complete
            start = datetime(month.year, month.month, 1, tzinfo=UTC)
            exact = {tuple(key): Decimal(amount) for *key, amount in rows(RAN, start=start)} | sent(start)
            billed = {tuple(key): (int(amount), count) for *key, amount, count in rows(BILLED, start=start)}
            assert set(billed) == set(exact), month
            far = {key: (billed[key], exact[key]) for key in exact if abs(billed[key][0] - exact[key]) > Decimal("0.51") * billed[key][1]}
            assert not far, (month, far)
            compared += len(billed)
    numbers = rows("SELECT o.slug, array_agg(i.number ORDER BY i.number) FROM invoice i JOIN organization o ON o.id = i.org_id GROUP BY 1")
    assert numbers == [(slug, [f"{slug.upper()}-{place:06}" for place in range(1, len(found) + 1)]) for slug, found in numbers]
    assert compared > 400
