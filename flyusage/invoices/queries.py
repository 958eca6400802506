"""Questions about issued invoices: lists, one invoice with its lines and their working, and what happened to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.billed import document_of
from flyusage.invoices.document import Document
from flyusage.invoices.errors import DocumentPending, InvoiceUnknown
from flyusage.invoices.models import Kind, State, invoice_document, invoice_line, invoice_snapshot
from flyusage.invoices.questions import Question, questions
from flyusage.invoices.settlement import Receipt

MOST = 500


@dataclass(frozen=True)
class InvoiceEntry:
    """An invoice or credit note in a list. Minor units of `currency`; `starts_on` is the first day of what it bills.

    `balance_minor` is what is still to be paid; `is_overdue` says that it should have been by now.
    """

    org_id: int
    id: int
    number: str
    kind: Kind
    state: State
    starts_on: date
    issued_at: datetime
    due_on: date | None
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    due_minor: int
    balance_minor: int
    buyer: str
    refers_to: int | None
    is_overdue: bool


@dataclass(frozen=True)
class EnteredPayment:
    """Money as it was entered for an invoice: minor units of `currency`. What the invoice did not need became a prepaid credit."""

    slug: str
    number: str
    currency: str
    amount_minor: int
    applied_minor: int
    received_on: date
    method: str
    reference: str
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True)
class CurrencySum:
    """What a list adds up to in one currency; credit notes count against invoices, void ones not at all."""

    currency: str
    documents: int
    net_minor: int
    gross_minor: int
    balance_minor: int


@dataclass(frozen=True)
class InvoicePage:
    """A page of a list, newest first, and the sums of the whole list. `after` continues behind the last entry, None at the end."""

    entries: tuple[InvoiceEntry, ...]
    sums: tuple[CurrencySum, ...]
    after: str | None


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to. `year` is that of the months billed; `search` is part of a number or of the buyer's name.

    `overdue_only`: what should have been paid by now. `kind`: invoices or credit notes alone.
    """

    states: tuple[State, ...] = ()
    year: int | None = None
    search: str = ""
    overdue_only: bool = False
    kind: Kind | None = None

    def binds(self) -> dict[str, Any]:
        """As the statements below have it."""
        return {
            "states": [state.value for state in self.states] or None,
            "since": date(self.year, 1, 1) if self.year else None,
            "until": date(self.year + 1, 1, 1) if self.year else None,
            "search": self.search.replace("\0", "").strip().lower(),
            "overdue": self.overdue_only,
            "kind": self.kind and self.kind.value,
        }


@dataclass(frozen=True)
class InvoiceLine:
    """A line with its working (`steps`, and `shares` of a reduction) as JSON has it; `evidence` is the explorer's query."""

    position: int
    kind: str
    key: str
    product: str
    region: str
    description: str
    starts_on: date
    ends_on: date
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    amount_minor: int
    exact: str
    tax_category: str
    tax_percent: Decimal
    price_id: int | None
    price_version: date | None
    working: Mapping[str, Any]
    components: Sequence[Mapping[str, Any]]
    evidence: str | None
    refers_to_position: int | None


@dataclass(frozen=True)
class InvoiceDetail:
    """An invoice with everything about it. `pdf_sha256` is None while its document is still being made."""

    entry: InvoiceEntry
    lines: tuple[InvoiceLine, ...]
    document: Document
    snapshot_sha256: str
    pdf_sha256: str | None
    xml_sha256: str | None
    payments: tuple[Receipt, ...]
    credit_notes: tuple[InvoiceEntry, ...]
    questions: tuple[Question, ...]
    closed_at: datetime | None
    closed_reason: str | None


def invoices(
    session: Session, org_id: int | None, wanted: Wanted | None = None, *, limit: int = 100, after: str | None = None
) -> InvoicePage:
    """Invoices and credit notes of an organization, newest first; of all (`org_id` None) in the platform's role.

    Sums are of everything that is wanted; for the whole platform only where something narrows it.
    """
    wanted = wanted or Wanted()
    binds = {"org": org_id, "limit": min(limit, MOST) + 1, "today": clock.now().date(), **wanted.binds()}
    issued_at, id_ = _cursor(after)
    rows = session.execute(sa.text(_list(org_id)), {**binds, "issued_at": issued_at, "id": id_}).all()
    shown = rows[: min(limit, MOST)]
    following = f"{shown[-1].issued_at.isoformat()}_{shown[-1].id}" if len(rows) > len(shown) else None
    is_narrow = org_id is not None or wanted != Wanted()
    sums = session.execute(sa.text(_sums(org_id)), binds).all() if is_narrow else []
    return InvoicePage(tuple(map(_entry, shown)), tuple(CurrencySum(*row) for row in sums), following)


def months_billed(session: Session, org_id: int) -> list[date]:
    """The first days of the months that an organization was billed for, oldest first; void invoices left out."""
    return list(session.scalars(sa.text(_MONTHS_BILLED), {"org": org_id}))


def entered_payments(session: Session, *, limit: int) -> list[EnteredPayment]:
    """What was last entered for invoices on the whole platform, newest first. In a platform transaction."""
    return [EnteredPayment(*row) for row in session.execute(sa.text(_ENTERED), {"limit": limit})]


def find(session: Session, number: str, org_id: int | None = None) -> InvoiceEntry:
    """The invoice or credit note called `number`; among all organizations in the platform's role. Raises InvoiceUnknown."""
    binds = {"org": org_id, "number": number.replace("\0", "").strip().upper(), "today": clock.now().date()}
    row = session.execute(sa.text(f"{_ENTRY} WHERE number = :number {_own(org_id)}"), binds).one_or_none()
    if row is None:
        raise InvoiceUnknown(f"There is no invoice {number[:60]!r}. `flyusage invoices list` names those there are.")
    return _entry(row)


def detail(session: Session, org_id: int, invoice_id: int) -> InvoiceDetail:
    """Everything about one invoice. Raises InvoiceUnknown."""
    binds = {"org": org_id, "id": invoice_id, "today": clock.now().date()}
    row = session.execute(sa.text(f"{_ENTRY} WHERE org_id = :org AND id = :id AND state <> 'draft'"), binds).one_or_none()
    if row is None:
        raise InvoiceUnknown(f"There is no invoice {invoice_id}.")
    notes = session.execute(sa.text(f"{_ENTRY} WHERE org_id = :org AND refers_to = :id ORDER BY id"), binds).all()
    more = session.execute(sa.text(_MORE), binds).one()
    payments = session.execute(sa.text(_PAYMENTS), binds)
    return InvoiceDetail(
        entry=_entry(row),
        lines=lines(session, org_id, invoice_id),
        document=document_of(session, org_id, invoice_id),
        snapshot_sha256=more.sha256,
        pdf_sha256=more.pdf_sha256,
        xml_sha256=more.xml_sha256,
        payments=tuple(Receipt(*payment) for payment in payments),
        credit_notes=tuple(map(_entry, notes)),
        questions=tuple(questions(session, org_id, invoice_id)),
        closed_at=more.closed_at,
        closed_reason=more.closed_reason,
    )


def lines(session: Session, org_id: int, invoice_id: int) -> tuple[InvoiceLine, ...]:
    """The invoice's lines in reading order."""
    columns = [invoice_line.c[name] for name in InvoiceLine.__dataclass_fields__]
    of = invoice_line.c
    query = sa.select(*columns).where(of.org_id == org_id, of.invoice_id == invoice_id).order_by(of.position)
    return tuple(InvoiceLine(*row) for row in session.execute(query))


def line(session: Session, org_id: int, invoice_id: int, position: int) -> InvoiceLine:
    """One line. Raises InvoiceUnknown."""
    columns = [invoice_line.c[name] for name in InvoiceLine.__dataclass_fields__]
    of = invoice_line.c
    row = session.execute(
        sa.select(*columns).where(of.org_id == org_id, of.invoice_id == invoice_id, of.position == position)
    ).one_or_none()
    if row is None:
        raise InvoiceUnknown(f"The invoice has no line {position}.")
    return InvoiceLine(*row)


def pdf_of(session: Session, org_id: int, invoice_id: int) -> bytes:
    """The stored PDF. Raises DocumentPending while it is being made."""
    return _stored(session, org_id, invoice_id, invoice_document.c.pdf)


def xml_of(session: Session, org_id: int, invoice_id: int) -> bytes:
    """The stored XML (Factur-X). Raises DocumentPending while it is being made."""
    return _stored(session, org_id, invoice_id, invoice_document.c.xml)


def snapshot_of(session: Session, org_id: int, invoice_id: int) -> str:
    """The JSON of everything printed, byte for byte as it was hashed when the invoice was issued."""
    of = invoice_snapshot.c
    return session.scalars(sa.select(of.document).where(of.org_id == org_id, of.invoice_id == invoice_id)).one()


def _stored(session: Session, org_id: int, invoice_id: int, column: sa.Column[bytes]) -> bytes:
    of = invoice_document.c
    found = session.scalar(sa.select(column).where(of.org_id == org_id, of.invoice_id == invoice_id))
    if found is None:
        raise DocumentPending("The document is still being made. Try again in a minute; `flyusage worker` must be running.")
    return bytes(found)


def _entry(row: sa.Row) -> InvoiceEntry:
    values = {name: getattr(row, name) for name in InvoiceEntry.__dataclass_fields__}
    return InvoiceEntry(**{**values, "kind": Kind(row.kind), "state": State(row.state)})


def is_cursor(after: str) -> bool:
    """Whether `after` is one that a page gave; any other text is taken for none, and begins at the newest. Pure."""
    return _cursor(after) != (None, None)


def _cursor(after: str | None) -> tuple[datetime | None, int | None]:
    if not after:
        return None, None
    moment, _, id_ = after.partition("_")
    try:
        issued_at, key = datetime.fromisoformat(moment), int(id_)
    except ValueError:
        return None, None
    return (issued_at, key) if issued_at.tzinfo is not None and 0 < key < 2**63 else (None, None)


def _own(org_id: int | None) -> str:
    return "" if org_id is None else "AND org_id = :org"


def _list(org_id: int | None) -> str:
    return f"""{_ENTRY} {_PASSING} {_own(org_id)}
    AND (CAST(:issued_at AS timestamptz) IS NULL OR (issued_at, id) < (:issued_at, :id))
    ORDER BY issued_at DESC, id DESC LIMIT :limit"""


def _sums(org_id: int | None) -> str:
    return f"""
    SELECT currency, count(*), sum(sign * net_minor)::bigint, sum(sign * gross_minor)::bigint,
           sum(CASE WHEN kind = 'invoice' AND state <> 'void' THEN balance_minor ELSE 0 END)::bigint
    FROM (SELECT *, CASE WHEN state = 'void' THEN 0 WHEN kind = 'invoice' THEN 1 ELSE -1 END AS sign FROM invoice) AS i
    {_PASSING} {_own(org_id)} GROUP BY currency ORDER BY currency"""


_ENTRY = """
SELECT org_id, id, number, kind, state, starts_on, issued_at, due_on, currency, net_minor, tax_minor, gross_minor, due_minor,
       CASE WHEN state IN ('open', 'uncollectible') THEN balance_minor ELSE 0 END AS balance_minor, buyer, refers_to,
       coalesce(state = 'open' AND due_on < :today, false) AS is_overdue FROM invoice"""
_PASSING = """
WHERE state <> 'draft' AND (CAST(:kind AS text) IS NULL OR kind = :kind)
  AND (CAST(:states AS text[]) IS NULL OR state = ANY (CAST(:states AS text[])))
  AND (CAST(:since AS date) IS NULL OR (starts_on >= :since AND starts_on < :until))
  AND (NOT :overdue OR (state = 'open' AND due_on < :today))
  AND (:search = '' OR position(:search IN lower(number)) > 0 OR position(:search IN lower(buyer)) > 0)"""
_MORE = """
SELECT i.closed_at, i.closed_reason, s.sha256, d.pdf_sha256, d.xml_sha256
FROM invoice i JOIN invoice_snapshot s ON s.org_id = i.org_id AND s.invoice_id = i.id
LEFT JOIN invoice_document d ON d.org_id = i.org_id AND d.invoice_id = i.id WHERE i.org_id = :org AND i.id = :id"""
_PAYMENTS = """
SELECT amount_minor, received_on, reference, method, key FROM payment WHERE org_id = :org AND invoice_id = :id ORDER BY id"""
_MONTHS_BILLED = """
SELECT DISTINCT starts_on FROM invoice WHERE org_id = :org AND origin = 'period' AND state NOT IN ('draft', 'void')
ORDER BY starts_on"""
_ENTERED = """
SELECT o.slug, i.number, i.currency, p.amount_minor, p.applied_minor, p.received_on, p.method, p.reference, p.recorded_at, p.recorded_by
FROM payment p JOIN invoice i ON i.org_id = p.org_id AND i.id = p.invoice_id JOIN organization o ON o.id = p.org_id
ORDER BY p.id DESC LIMIT :limit"""
