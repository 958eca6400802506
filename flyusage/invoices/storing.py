"""Writing documents of any kind for good: drafts with their lines and cells first, then number, snapshot and state, all at once.

`begin` and `finish` take many documents, of different organizations, in a handful of statements, since closing a month does.
Between them whoever issues adds what is frozen with a draft. All of it is one transaction; the number is taken last, so that a
failure leaves no gap, and its series is locked for the shortest time.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices import rows
from flyusage.invoices.allocation import Cell
from flyusage.invoices.document import Document
from flyusage.invoices.models import Kind, Origin, State, invoice, invoice_cell, invoice_line, invoice_snapshot
from flyusage.money import Currency
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.periods import Period

CHANNEL = "flyusage_outbox"


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A document to be issued. Amounts are minor units, as in `invoice`; `lines` are rows of `invoice_line` without their keys.

    `printed` makes the document once its number is known. `applied_minor` and `grant_id` say where a credit note's gross goes.
    `tasks` are what the outbox is told, as kinds; `why` is for the audit.
    """

    org_id: int
    kind: Kind
    origin: Origin
    period: Period
    currency: Currency
    net_minor: int
    tax_minor: int
    prepaid_minor: int = 0
    lines: Sequence[Mapping[str, Any]]
    cells: Sequence[Cell]
    buyer: str
    as_of: datetime
    printed: Callable[[str], Document]
    rolled_through: datetime | None = None
    due_on: date | None = None
    refers_to: int | None = None
    reason: str | None = None
    applied_minor: int = 0
    grant_id: int | None = None
    tasks: tuple[str, ...] = ("document", "mail", "payment")
    why: Mapping[str, Any] | None = None

    @property
    def gross_minor(self) -> int:
        """Net and tax."""
        return self.net_minor + self.tax_minor

    @property
    def due_minor(self) -> int:
        """What is to be paid; nothing for a credit note."""
        return 0 if self.kind is Kind.CREDIT_NOTE else self.gross_minor - self.prepaid_minor


@dataclass(frozen=True)
class Issued:
    """What a document became."""

    org_id: int
    id: int
    number: str
    kind: Kind
    state: State
    currency: Currency
    net_minor: int
    gross_minor: int
    due_minor: int
    document: Document


def begin(session: Session, papers: Sequence[Paper]) -> list[int]:
    """Put the papers in as drafts, with lines and cells; their ids, in order."""
    ids = list(session.scalars(sa.text(_IDS), {"count": len(papers)}))
    named = list(zip(ids, papers, strict=True))
    rows.insert(session, invoice, [_draft(id_, paper) for id_, paper in named])
    rows.insert(
        session, invoice_line, [{"org_id": paper.org_id, "invoice_id": id_, **line} for id_, paper in named for line in paper.lines]
    )
    rows.insert(session, invoice_cell, [_cell(id_, paper.org_id, cell) for id_, paper in named for cell in paper.cells])
    return ids


def finish(session: Session, papers: Sequence[Paper], ids: Sequence[int], *, by: Actor) -> list[Issued]:
    """Number, snapshot and open the drafts; what nobody owes is settled at once. Audited, and put into the outbox."""
    now, numbers = clock.now(), _numbers(session, papers)
    issued = [_issued(id_, paper, numbers[n][2]) for n, (id_, paper) in enumerate(zip(ids, papers, strict=True))]
    snapshots = [(one, _canonical(one.document)) for one in issued]
    rows.insert(session, invoice_snapshot, [_snapshot(one, text) for one, text in snapshots])
    opened = [
        {"org_id": one.org_id, "id": one.id, "series": series, "sequence": sequence, "number": number}
        for one, (series, sequence, number) in zip(issued, numbers, strict=True)
    ]
    session.execute(sa.text(_OPEN), {"rows": rows.encode(opened), "now": now, "by": by.name})
    settled = [{"org_id": one.org_id, "id": one.id} for one in issued if one.state is State.PAID]
    if settled:
        session.execute(sa.text(_SETTLE), {"rows": rows.encode(settled), "now": now})
    tasks = [
        {"org_id": one.org_id, "kind": kind, "invoice_id": one.id, "action": "issued"}
        for one, paper in zip(issued, papers, strict=True)
        for kind in paper.tasks
    ]
    tell(session, tasks)
    audit.record_many(session, [_told(one, paper, by) for one, paper in zip(issued, papers, strict=True)])
    return issued


def tell(session: Session, tasks: rows.Rows) -> None:
    """Put tasks (org_id, kind, invoice_id, action) into the outbox, each once, in the transaction that makes them necessary.

    Workers that listen on `CHANNEL` hear of it at the commit.
    """
    if tasks:
        session.execute(sa.text(_TELL), {"rows": rows.encode(tasks), "now": clock.now()})
        session.execute(sa.text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


def _draft(id_: int, paper: Paper) -> dict[str, Any]:
    return {
        "org_id": paper.org_id, "id": id_, "kind": paper.kind, "origin": paper.origin, "state": State.DRAFT,
        "starts_on": paper.period.start.date(), "ends_on": paper.period.end.date(), "currency": paper.currency.code,
        "net_minor": paper.net_minor, "tax_minor": paper.tax_minor, "gross_minor": paper.gross_minor,
        "prepaid_minor": paper.prepaid_minor, "due_minor": paper.gross_minor - paper.prepaid_minor, "balance_minor": paper.due_minor,
        "due_on": paper.due_on, "as_of": paper.as_of, "rolled_through": paper.rolled_through, "buyer": paper.buyer,
        "refers_to": paper.refers_to, "reason": paper.reason, "applied_minor": paper.applied_minor, "grant_id": paper.grant_id,
    }  # fmt: skip


def _cell(id_: int, org_id: int, cell: Cell) -> dict[str, Any]:
    return {
        "org_id": org_id, "invoice_id": id_, "position": cell.position, **cell.place._asdict(), "quantity": str(cell.quantity),
        "amount_minor": cell.amount_minor,
    }  # fmt: skip


def _numbers(session: Session, papers: Sequence[Paper]) -> list[tuple[str, int, str]]:
    """Series, place in it and printed number for each paper; series are taken in order of organization, one row at a time."""
    wanted = sorted(range(len(papers)), key=lambda n: (papers[n].org_id, papers[n].kind))
    found: dict[int, tuple[str, int, str]] = {}
    while wanted:
        # A statement can raise each counter once: the second paper of one series waits for the next round.
        first = {(papers[n].org_id, papers[n].kind): n for n in reversed(wanted)}
        binds = {"orgs": [org_id for org_id, _ in first], "kinds": [kind.value for _, kind in first]}
        for row in session.execute(sa.text(_COUNT), binds):
            number = f"{row.series}{'-' if row.kind == Kind.INVOICE else ''}{row.last:06d}"
            found[first[row.org_id, Kind(row.kind)]] = (row.series, row.last, number)
        wanted = [n for n in wanted if n not in found]
    return [found[n] for n in range(len(papers))]


def _issued(id_: int, paper: Paper, number: str) -> Issued:
    return Issued(
        org_id=paper.org_id,
        id=id_,
        number=number,
        kind=paper.kind,
        state=State.OPEN if paper.due_minor else State.PAID,
        currency=paper.currency,
        net_minor=paper.net_minor,
        gross_minor=paper.gross_minor,
        due_minor=paper.due_minor,
        document=paper.printed(number),
    )


def _canonical(document: Document) -> str:
    """The document's JSON as the one text that is hashed: keys in order, no spaces."""
    return msgspec.json.encode(document.to_json(), order="sorted").decode()


def _snapshot(one: Issued, text: str) -> dict[str, Any]:
    return {"org_id": one.org_id, "invoice_id": one.id, "document": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _told(one: Issued, paper: Paper, by: Actor) -> audit.NewEntry:
    detail = {
        "number": one.number, "month": paper.period.start.date().isoformat(), "currency": one.currency.code,
        "net_minor": one.net_minor, "gross_minor": one.gross_minor, **(paper.why or {}),
    }  # fmt: skip
    return audit.NewEntry(one.org_id, actor=by.name, action=f"{one.kind}.issue", subject=f"{one.kind}:{one.id}", detail=detail)


_IDS = "SELECT nextval(pg_get_serial_sequence('invoice', 'id')) FROM generate_series(1, :count)"
_COUNT = """
INSERT INTO invoice_counter AS counter (org_id, kind, series, last)
SELECT o.id, wanted.kind, upper(o.slug) || CASE wanted.kind WHEN 'invoice' THEN '' ELSE '-C' END, 1
FROM unnest(CAST(:orgs AS int[]), CAST(:kinds AS text[])) AS wanted (org_id, kind) JOIN organization o ON o.id = wanted.org_id
ORDER BY o.id, wanted.kind
ON CONFLICT (org_id, kind) DO UPDATE SET last = counter.last + 1 RETURNING org_id, kind, series, last"""
_OPEN = f"""
UPDATE invoice SET state = 'open', series = row.series, sequence = row.sequence, number = row.number, issued_at = :now, issued_by = :by
FROM {rows.source(invoice, ("org_id", "id", "series", "sequence", "number"))} WHERE invoice.org_id = row.org_id AND invoice.id = row.id"""
_SETTLE = f"""
UPDATE invoice SET state = 'paid', closed_at = :now
FROM {rows.source(invoice, ("org_id", "id"))} WHERE invoice.org_id = row.org_id AND invoice.id = row.id"""
_TELL = """
INSERT INTO outbox (org_id, kind, invoice_id, action, created_at, due_at)
SELECT org_id, kind, invoice_id, action, :now, :now
FROM json_to_recordset(CAST(:rows AS json)) AS row (org_id int, kind text, invoice_id bigint, action text) ON CONFLICT DO NOTHING"""
