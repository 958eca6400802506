"""An issued invoice as corrections see it: its lines and where they belong, and how much of each was given back before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.allocation import Place, in_proportion
from flyusage.invoices.document import Document, DocumentLine, TaxKey
from flyusage.invoices.models import invoice, invoice_cell, invoice_line, invoice_snapshot
from flyusage.money import CURRENCIES, Currency
from flyusage.periods import Period, midnight

Places = Mapping[Place, int]
_KEYS = ("org_id", "invoice_id")


@dataclass(frozen=True)
class BilledLine:
    """A line: its row, how it was printed, and where what is `left` of its amount belongs."""

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
    places, loose = _places(session, org_id, invoice_id, notes)
    printed = {line.position: line for line in own.lines}
    rows = _rows(session, org_id, invoice_id)
    lines = {
        position: BilledLine(position, row, printed[position], row["amount_minor"], dict(places[position]))
        for position, row in rows.items()
    }
    period = Period(midnight(head.starts_on), midnight(head.ends_on))
    credited = _credited(documents[note] for note in notes)
    return Billed(head.number, CURRENCIES[head.currency], period, own, lines, _left(lines, loose), frozenset(loose), credited)


def standing(source: Billed) -> dict[int, Places]:
    """What is left of each line, by position and place: of what was given back without naming a line, each line of the rate bears its part.

    Parts are as what is left of the lines is, whatever its sign, so that with nothing left of a rate nothing is left of its lines.
    """
    left = {position: line.left for position, line in source.lines.items()}
    for tax in source.loose:
        positions = [position for position, line in source.lines.items() if line.tax == tax]
        whole = sum(source.left[tax].values())
        parts = in_proportion(whole, [sum(left[position].values()) for position in positions])
        for position, part in zip(positions, parts, strict=True):
            places = left[position]
            left[position] = dict(zip(places, in_proportion(part, list(places.values())), strict=True))
    return left


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


def _places(
    session: Session, org_id: int, invoice_id: int, notes: Any
) -> tuple[dict[int, dict[Place, int]], dict[TaxKey, dict[Place, int]]]:
    """What is left of each line by place, and what was given back without naming a line, by tax rate."""
    lines: dict[int, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    loose: dict[TaxKey, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    cells, of = invoice_cell.c, invoice_line.c
    query = (
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
    for id_, position, app, region, size, sku, amount, refers_to, category, percent in session.execute(query):
        place = Place(app, region, size, sku)
        if id_ == invoice_id:
            lines[position][place] += amount
        elif refers_to is not None:
            lines[refers_to][place] -= amount
        else:
            loose[category, percent][place] += amount
    return lines, loose


def _left(lines: Mapping[int, BilledLine], loose: Mapping[TaxKey, Places]) -> dict[TaxKey, Places]:
    left: dict[TaxKey, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines.values():
        for place, part in line.left.items():
            left[line.tax][place] += part
    for tax, parts in loose.items():
        for place, part in parts.items():
            left[tax][place] -= part
    return {tax: {place: part for place, part in parts.items() if part} for tax, parts in left.items()}


def _credited(notes: Iterable[Document]) -> dict[TaxKey, tuple[int, int]]:
    """Net and tax given back so far, by tax rate."""
    found: dict[TaxKey, tuple[int, int]] = {}
    for tax in (tax for note in notes for tax in note.taxes):
        basis, paid = found.get(tax.key, (0, 0))
        found[tax.key] = basis + tax.basis_minor, paid + tax.tax_minor
    return found
