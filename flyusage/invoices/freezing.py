"""The quantities a month is billed from: read, and frozen with its invoice, for many organizations at once.

The caller holds the organizations (`metering.locks`), so that what is read, rated and frozen is the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.allocation import Place, Usage, UsageCell
from flyusage.metering import resource_months
from flyusage.metering.models import DAYS
from flyusage.periods import Period, midnight, next_month
from flyusage.pricing.database import fetch

_CELL = "app_id, region_id, vm_size_id, sku_id"
_DAYS = ", ".join(DAYS)


def usage_of(session: Session, org_ids: Sequence[int], month: date) -> dict[int, Usage]:
    """What the organizations used in `month`, by place and day."""
    found: dict[int, list[UsageCell]] = defaultdict(list)
    for org_id, *row in fetch(session, _USAGE, {"orgs": _array(org_ids), "month": month}):
        found[org_id].append(UsageCell(Place(*row[:4]), tuple(row[4:])))
    return {org_id: Usage.of(month, found.get(org_id, ())) for org_id in org_ids}


def freeze(session: Session, invoices: Mapping[int, int], month: date, *, parted: Mapping[int, Collection[int]] | None = None) -> None:
    """Copy the month's usage and machine totals of organizations (org id → draft's id) to their drafts.

    `parted` are skus, by organization, whose machine totals `freeze_parts` has frozen.
    """
    pairs = [(org_id, sku_id) for org_id, skus in (parted or {}).items() for sku_id in skus]
    binds = {"orgs": _array(invoices), "ids": _array(invoices.values()), "month": month}
    session.execute(sa.text(_FREEZE_USAGE), binds)
    parts = {"parted_orgs": _array(org_id for org_id, _ in pairs), "parted_skus": _array(sku_id for _, sku_id in pairs)}
    session.execute(sa.text(_FREEZE_MACHINES), {**binds, **parts})
    session.execute(sa.text("DELETE FROM late_month WHERE org_id = ANY (CAST(:orgs AS int[])) AND month = :month"), binds)
    session.execute(sa.text(_BILLED_BEFORE), {**binds, "late": f"late/{month:%Y-%m}/", "now": clock.now()})


def freeze_parts(session: Session, org_id: int, invoice_id: int, month: date, *, steps: Mapping[int, Sequence[date]]) -> None:
    """The machine totals of skus whose price changed inside the month, part by part: sku id → the days a new price holds from."""
    for days in sorted(set(map(tuple, steps.values()))):
        skus = sorted(sku for sku, stepped in steps.items() if tuple(stepped) == days)
        edges: list[datetime] = [midnight(month), *map(midnight, days), next_month(midnight(month))]
        for since, until in pairwise(edges):
            binds = {"invoice": invoice_id, "part": since.date(), "skus": skus}
            resource_months.insert_totals(session, org_id, Period(since, until), _FREEZE_PART, binds)


def _array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


_NAMED = "unnest(CAST(:orgs AS int[]), CAST(:ids AS bigint[])) AS named (org_id, id)"
_USAGE = f"""
SELECT org_id, {_CELL}, {_DAYS} FROM usage_month WHERE org_id = ANY (CAST(:orgs AS int[])) AND month = :month AND total <> 0"""
_FREEZE_USAGE = f"""
INSERT INTO invoice_usage (org_id, invoice_id, month, {_CELL}, total, {_DAYS})
SELECT u.org_id, named.id, u.month, {_CELL}, total, {_DAYS}
FROM {_NAMED} JOIN usage_month u ON u.org_id = named.org_id AND u.month = :month WHERE total <> 0"""
_FREEZE_MACHINES = f"""
INSERT INTO invoice_machine (org_id, invoice_id, starts_on, resource_id, {_CELL}, quantity)
SELECT m.org_id, named.id, m.month, resource_id, {_CELL}, quantity
FROM {_NAMED} JOIN resource_month m ON m.org_id = named.org_id AND m.month = :month
WHERE (m.org_id, m.sku_id) NOT IN (SELECT * FROM unnest(CAST(:parted_orgs AS int[]), CAST(:parted_skus AS int[])))"""
# A month that is billed anew holds what later invoices adjusted of it already: the next one gives that back.
_BILLED_BEFORE = """
INSERT INTO late_month (org_id, month, noticed_at)
SELECT DISTINCT voided.org_id, voided.starts_on, CAST(:now AS timestamptz) FROM invoice voided
WHERE voided.org_id = ANY (CAST(:orgs AS int[])) AND voided.starts_on = :month AND voided.origin = 'period' AND voided.state = 'void'
  AND EXISTS (
    SELECT FROM invoice later JOIN invoice_line l ON l.org_id = later.org_id AND l.invoice_id = later.id
    WHERE later.org_id = voided.org_id AND later.starts_on > :month AND later.state NOT IN ('draft', 'void') AND l.kind = 'adjustment'
      AND starts_with(l.key, :late))
ON CONFLICT DO NOTHING"""
_FREEZE_PART = f"""
INSERT INTO invoice_machine (org_id, invoice_id, starts_on, resource_id, {_CELL}, quantity)
SELECT :org_id, :invoice, CAST(:part AS date), resource_id, {_CELL}, quantity FROM fresh WHERE sku_id = ANY (:skus)"""
