"""An issued invoice as corrections see it: its lines and where they belong, and how much of each was given back before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.allocation import Place, tie
from flyusage.invoices.document import Document, DocumentLine, TaxKey
from flyusage.invoices.models import invoice, invoice_cell, invoice_line, invoice_snapshot
from flyusage.money import CURRENCIES, Currency, in_proportion
from flyusage.periods import Period, midnight

Places = Mapping[Place, int]
_KEYS = ("org_id", "invoice_id")


@dataclass(frozen=True)
class BilledLine:
    """A line: its row, how it was printed, and where what is `left` of its amount belongs: less its part of notes that name no line."""

    position: int
    row: Mapping[str, Any]
    printed: DocumentLine
    amount_minor: int
    left: Places

    @property
    def tax(self) -> TaxKey:
        """How it is taxed."""
        return self.printed.tax_key


@dataclass(frozen=True)
class Billed:
    """An invoice and its credit notes so far. Minor units of `currency`.

    `left` is what is left of each tax rate, by place; `loose` are the rates of which an amount was given back that names no
    line; `credited` says of each rate on which net how much tax was given back.
    """

    number: str
    currency: Currency
    period: Period
    document: Document
    lines: Mapping[int, BilledLine]
    left: Mapping[TaxKey, Places]
    loose: frozenset[TaxKey]
    credited: Mapping[TaxKey, tuple[int, int]]


def billed(session: Session, org_id: int, invoice_id: int, *, before: int | None = None) -> Billed:
    """The invoice with what its credit notes gave back, of those with ids below `before` where told. Hold it before, so that this stays so."""
    head = session.execute(sa.select(invoice).where(invoice.c.org_id == org_id, invoice.c.id == invoice_id)).one()
    noted = sa.select(invoice.c.id).where(invoice.c.org_id == org_id, invoice.c.refers_to == invoice_id).order_by(invoice.c.id)
    notes = session.scalars(noted if before is None else noted.where(invoice.c.id < before)).all()
    documents = {id_: document_of(session, org_id, id_) for id_ in (invoice_id, *notes)}
    own = documents[invoice_id]
    places, loose = _left(session, org_id, invoice_id, notes)
    printed = {line.position: line for line in own.lines}
    rows = _rows(session, org_id, invoice_id)
    lines = {
        position: BilledLine(position, row, printed[position], row["amount_minor"], dict(places[position]))
        for position, row in rows.items()
    }
    period = Period(midnight(head.starts_on), midnight(head.ends_on))
    credited = _credited(documents[note] for note in notes)
    return Billed(head.number, CURRENCIES[head.currency], period, own, lines, _by_tax(lines), loose, credited)


def document_of(session: Session, org_id: int, invoice_id: int) -> Document:
    """What the invoice printed, from its snapshot."""
    return Document.from_json(msgspec.json.decode(snapshot_of(session, org_id, invoice_id)))


def snapshot_of(session: Session, org_id: int, invoice_id: int) -> str:
    """The same as the JSON that was hashed."""
    return session.scalars(
        sa.select(invoice_snapshot.c.document).where(invoice_snapshot.c.org_id == org_id, invoice_snapshot.c.invoice_id == invoice_id)
    ).one()


def _rows(session: Session, org_id: int, invoice_id: int) -> dict[int, dict[str, Any]]:
    query = sa.select(invoice_line).where(invoice_line.c.org_id == org_id, invoice_line.c.invoice_id == invoice_id)
    found = session.execute(query.order_by(invoice_line.c.position)).mappings()
    return {row["position"]: {name: value for name, value in row.items() if name not in _KEYS} for row in found}


def _left(session: Session, org_id: int, invoice_id: int, notes: Any) -> tuple[Mapping[int, Places], frozenset[TaxKey]]:
    """What is left of each line by place, and the tax rates of which something was given back that names no line.

    Note by note, in order: of what a note gives back in a place without naming a line, each line there that is taxed alike bears its part,
    as what is left of them is. So lines and rates always have the same left.
    """
    lines: dict[int, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    alike: dict[TaxKey, list[int]] = defaultdict(list)
    loose: set[TaxKey] = set()
    for id_, position, *place, amount, refers_to, category, percent in session.execute(_cells(org_id, invoice_id, notes)):
        where, tax = Place(*place), (category, percent)
        if id_ == invoice_id:
            lines[position][where] += amount
            alike[tax] += [] if position in alike[tax] else [position]
        elif refers_to is not None:
            lines[refers_to][where] -= amount
        else:
            loose.add(tax)
            bearing = [one for one in alike[tax] if lines[one].get(where)]
            for one, part in zip(bearing, in_proportion(amount, [lines[one][where] for one in bearing]), strict=True):
                lines[one][where] -= part
    return lines, frozenset(loose)


def _cells(org_id: int, invoice_id: int, notes: Any) -> sa.Executable:
    cells, of = invoice_cell.c, invoice_line.c
    return (
        sa.select(
            cells.invoice_id, cells.position, cells.app_id, cells.region_id, cells.vm_size_id, cells.sku_id, cells.amount_minor,
            of.refers_to_position, of.tax_category, of.tax_percent,
        )
        .join_from(
            invoice_cell, invoice_line,
            sa.and_(of.org_id == cells.org_id, of.invoice_id == cells.invoice_id, of.position == cells.position),
        )
        .where(cells.org_id == org_id, cells.invoice_id.in_((invoice_id, *notes)))
        .order_by(cells.invoice_id, cells.position, cells.app_id, cells.vm_size_id, cells.region_id, cells.sku_id)
    )  # fmt: skip


def _by_tax(lines: Mapping[int, BilledLine]) -> dict[TaxKey, Places]:
    """What is left of each rate by place, in order of place, which is the order of ties."""
    left: dict[TaxKey, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines.values():
        for place, part in line.left.items():
            left[line.tax][place] += part
    return {tax: {place: parts[place] for place in sorted(parts, key=tie) if parts[place]} for tax, parts in left.items()}


def _credited(notes: Iterable[Document]) -> dict[TaxKey, tuple[int, int]]:
    """Net and tax given back so far, by tax rate."""
    found: dict[TaxKey, tuple[int, int]] = {}
    for tax in (tax for note in notes for tax in note.taxes):
        basis, paid = found.get(tax.key, (0, 0))
        found[tax.key] = basis + tax.basis_minor, paid + tax.tax_minor
    return found
