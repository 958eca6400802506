"""What a line of an issued invoice rests on, as a zip that can be checked without us.

In it: the line with its working, the price, the frozen quantities by place, day and machine, how the amount is spread over
places, the intervals and events behind them as they are known now (`after_issue` marks what came later), and a manifest with
the SHA-256 of each file and of the issued document. The same state of the ledger gives the same bytes.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices import queries
from flyusage.invoices.queries import InvoiceDetail, InvoiceLine, detail
from flyusage.invoices.returning import charging
from flyusage.invoices.statement import LineKind
from flyusage.metering.models import DAYS
from flyusage.metering.usage_event import EventType
from flyusage.periods import midnight
from flyusage.spreadsheets import guarded

BEGINNING = (1980, 1, 1, 0, 0, 0)  # of zip's calendar: the archive says nothing of when it was made


def evidence(session: Session, org_id: int, invoice_id: int, position: int) -> bytes:
    """The zip of one line. Raises InvoiceUnknown."""
    found = detail(session, org_id, invoice_id)
    line = queries.line(session, org_id, invoice_id, position)
    binds = {
        "org": org_id, "id": charging(session, org_id, line.key) or found.entry.refers_to or invoice_id, "own": invoice_id, "position": position,
        "issued_at": found.entry.issued_at, "start": midnight(line.starts_on), "end": midnight(line.ends_on),
        "month": line.starts_on.replace(day=1), "is_usage": line.kind in (LineKind.USAGE, LineKind.ADJUSTMENT),
    }  # fmt: skip
    files = {
        "README.txt": _readme(found, line).encode(),
        "line.json": _json(_line(found, line)),
        "price.json": _json(_price(session, line)),
        "amounts.csv": _csv(session, _AMOUNTS, binds),
        "quantities.csv": _csv(session, _QUANTITIES, binds),
        "machines.csv": _csv(session, _MACHINES, binds),
        "intervals.csv": _csv(session, _INTERVALS, binds),
        "events.csv": _csv(session, _EVENTS, binds, named={"type": {int(kind): kind.name.lower() for kind in EventType}}),
    }
    files["manifest.json"] = _json(_manifest(found, line, files))
    return zipped(files)


def working(session: Session, org_id: int, invoice_id: int, position: int) -> bytes:
    """One line as billed with its working, as JSON: what `line.json` of its evidence holds. Raises InvoiceUnknown."""
    return _json(_line(detail(session, org_id, invoice_id), queries.line(session, org_id, invoice_id, position)))


def _line(found: InvoiceDetail, line: InvoiceLine) -> dict[str, Any]:
    return {"invoice": found.entry.number, "issued_at": found.entry.issued_at, "currency": found.entry.currency, **vars(line)}


def _price(session: Session, line: InvoiceLine) -> list[dict[str, Any]]:
    """The published prices that the line's components were rated by; a negotiated one stands in the line's working."""
    if line.price_id is None:
        return []
    rows = session.execute(sa.text(_PRICES), {"price": line.price_id, "skus": [one["sku_id"] for one in line.components]})
    return [dict(row) for row in rows.mappings()]


def _manifest(found: InvoiceDetail, line: InvoiceLine, files: dict[str, bytes]) -> dict[str, Any]:
    return {
        "invoice": found.entry.number,
        "line": line.position,
        "document_sha256": found.snapshot_sha256,
        "pdf_sha256": found.pdf_sha256,
        "xml_sha256": found.xml_sha256,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }


def _readme(found: InvoiceDetail, line: InvoiceLine) -> str:
    return f"""Line {line.position} of {found.entry.number}: {line.description}

line.json        the line as billed, with its working: the steps sum to the amount
price.json       the published prices it was rated by
amounts.csv      where the amount belongs: one row for each app, region, size and sku; they sum to the line
quantities.csv   the quantities frozen when the invoice (or the one whose late usage it gives back) was issued, by day, in base units
machines.csv     the same by machine, volume or address
intervals.csv    what ran when, as known now
events.csv       the events this follows from; after_issue says which came after the invoice
manifest.json    SHA-256 of each file, and of the issued document, its PDF and its XML

In the CSV files a name that a spreadsheet would run as a formula has ' in front.
"""


def _csv(session: Session, statement: str, binds: dict[str, Any], *, named: dict[str, dict[int, str]] | None = None) -> bytes:
    used = {name: value for name, value in binds.items() if f":{name}" in statement}
    result = session.execute(sa.text(statement), used)
    columns = list(result.keys())
    return _written(columns, (_values(columns, row, named or {}) for row in result))


def _values(columns: Sequence[str], row: sa.Row, named: dict[str, dict[int, str]]) -> list[object]:
    values = [named[name].get(value, value) if name in named else value for name, value in zip(columns, row, strict=True)]
    return [value.isoformat() if isinstance(value, date) else guarded(value) if isinstance(value, str) else value for value in values]


def _written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, default=str, ensure_ascii=False).encode() + b"\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files by name as a zip; the same files give the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, BEGINNING), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


_NAMES = "a.name AS app, r.code AS region, s.name AS vm_size, k.code AS sku"
_NAMED = """
LEFT JOIN app a ON a.org_id = c.org_id AND a.id = c.app_id LEFT JOIN region r ON r.id = c.region_id
LEFT JOIN vm_size s ON s.id = c.vm_size_id LEFT JOIN sku k ON k.id = c.sku_id"""
_PLACES = """(c.app_id, c.region_id, c.vm_size_id, c.sku_id) IN (
  SELECT app_id, region_id, vm_size_id, sku_id FROM invoice_cell WHERE org_id = :org AND invoice_id = :own AND position = :position)"""
_AMOUNTS = f"""
SELECT {_NAMES}, c.quantity, c.amount_minor FROM invoice_cell c {_NAMED}
WHERE c.org_id = :org AND c.invoice_id = :own AND c.position = :position ORDER BY 1, 2, 3, 4"""
_QUANTITIES = f"""
SELECT {_NAMES}, c.month, c.total, {", ".join(f"c.{day}" for day in DAYS)} FROM invoice_usage c {_NAMED}
WHERE c.org_id = :org AND c.invoice_id = :id AND c.month = :month AND {_PLACES} ORDER BY 1, 2, 3, 4"""
_MACHINES = f"""
SELECT m.name AS machine, {_NAMES}, c.starts_on, c.quantity FROM invoice_machine c {_NAMED}
JOIN resource m ON m.org_id = c.org_id AND m.id = c.resource_id
WHERE c.org_id = :org AND c.invoice_id = :id AND c.starts_on >= :month AND c.starts_on < :end AND {_PLACES}
ORDER BY 1, 2, 3, 4, 5, c.starts_on"""
# Extra memory is metered by its machine's runs. Fees and reductions rest on other lines, not on events.
_OWN = "FROM invoice_cell WHERE org_id = :org AND invoice_id = :own AND position = :position"
_RUNS = f"""
SELECT i.* FROM usage_interval i
WHERE :is_usage AND i.org_id = :org AND i.started_at < :end AND (i.stopped_at IS NULL OR i.stopped_at > :start)
  AND ((i.app_id, i.region_id, i.vm_size_id, i.sku_id) IN (SELECT app_id, region_id, vm_size_id, sku_id {_OWN})
    OR i.extra_mib > 0 AND (i.app_id, i.region_id, i.vm_size_id) IN (
      SELECT app_id, region_id, vm_size_id {_OWN} AND sku_id = (SELECT id FROM sku WHERE meter = 'extra_memory')))"""
_INTERVALS = f"""
SELECT m.name AS resource, {_NAMES}, c.started_at, c.stopped_at, c.capacity, c.extra_mib, c.is_inferred FROM ({_RUNS}) AS c {_NAMED}
JOIN resource m ON m.org_id = c.org_id AND m.id = c.resource_id ORDER BY 1, c.started_at, 5"""
_EVENTS = f"""
SELECT m.name AS resource, e.time, e.type, e.source, e.event_id, e.memory_mib, e.capacity_mib, e.bytes, e.report_start, e.report_end,
       e.received_at, e.received_at > :issued_at AS after_issue
FROM usage_event e JOIN resource m ON m.org_id = e.org_id AND m.id = e.resource_id
JOIN (SELECT resource_id, min(started_at) AS since FROM ({_RUNS}) AS run GROUP BY resource_id) AS ran ON ran.resource_id = e.resource_id
WHERE e.org_id = :org AND e.time >= ran.since AND e.time < CAST(:end AS timestamptz) + interval '1 day'
ORDER BY 1, e.time, e.type, e.source, e.event_id"""
_PRICES = """
SELECT b.slug AS book, v.effective_from, v.published_at, p.id AS price_id, k.code AS sku, p.scope, p.amount, p.per_quantity, p.unit, p.note
FROM price p JOIN price_book_version v ON v.id = p.version_id JOIN price_book b ON b.id = v.book_id JOIN sku k ON k.id = p.sku_id
WHERE p.version_id = (SELECT version_id FROM price WHERE id = :price) AND p.sku_id = ANY (:skus) ORDER BY k.code, p.scope, p.effective_from"""
