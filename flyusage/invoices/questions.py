"""Questions on a line of an invoice: a member asks, staff answers, both are audited."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.errors import AmountInvalid, InvoiceUnknown, StateForbids
from flyusage.invoices.models import invoice_line, invoice_question
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission

LONGEST = 10_000


@dataclass(frozen=True)
class Question:
    """A note on line `position`. `state` is open, answered or closed (by who asked, answered or not)."""

    id: int
    invoice_id: int
    position: int
    note: str
    state: str
    asked_at: datetime
    asked_by: str
    answer: str | None
    answered_at: datetime | None
    answered_by: str | None


@dataclass(frozen=True)
class OpenQuestion:
    """A question that waits for staff, with the organization and the invoice it is about."""

    org_id: int
    number: str
    question: Question


def ask(session: Session, org_id: int, invoice_id: int, position: int, note: str, *, by: Actor) -> int:
    """Question a line; the question's id. A member needs invoices.read. Raises InvoiceUnknown and AmountInvalid."""
    by.may(Permission.INVOICES_READ)
    note = _written(note, "Write what you would like to know.")
    line = invoice_line.c
    known = sa.select(line.position).where(line.org_id == org_id, line.invoice_id == invoice_id, line.position == position)
    if session.scalar(known) is None:
        raise InvoiceUnknown(f"The invoice has no line {position}.")
    put = sa.insert(invoice_question).values(
        org_id=org_id, invoice_id=invoice_id, position=position, note=note, state="open", asked_at=clock.now(), asked_by=by.name
    )
    made = session.execute(put.returning(invoice_question.c.id)).scalar_one()
    detail = {"invoice_id": invoice_id, "position": position, "note": note}
    audit.record(session, org_id, actor=by.name, action="invoice.question", subject=f"invoice_question:{made}", detail=detail)
    return made


def answer(session: Session, org_id: int, question_id: int, text: str, *, by: Actor) -> None:
    """Answer a question, or answer it anew; for staff. Raises InvoiceUnknown, AmountInvalid and StateForbids."""
    by.is_no_member("Questions are answered")
    text = _written(text, "Write an answer.")
    _refuse_closed(session, org_id, question_id)
    values = {"state": "answered", "answer": text, "answered_at": clock.now(), "answered_by": by.name}
    _change(session, org_id, question_id, values)
    audit.record(
        session, org_id, actor=by.name, action="invoice.answer", subject=f"invoice_question:{question_id}", detail={"answer": text}
    )


def close(session: Session, org_id: int, question_id: int, *, by: Actor) -> None:
    """End a question, answered or not; for staff. Raises InvoiceUnknown and StateForbids."""
    by.is_no_member("Questions are closed")
    _refuse_closed(session, org_id, question_id)
    _change(session, org_id, question_id, {"state": "closed"})
    audit.record(session, org_id, actor=by.name, action="invoice.close_question", subject=f"invoice_question:{question_id}")


def questions(session: Session, org_id: int, invoice_id: int) -> list[Question]:
    """Every question on the invoice, by line, oldest first."""
    of = invoice_question.c
    query = sa.select(invoice_question).where(of.org_id == org_id, of.invoice_id == invoice_id).order_by(of.position, of.id)
    return [_question(row) for row in session.execute(query)]


def open_questions(session: Session, *, limit: int = 100) -> list[OpenQuestion]:
    """What waits for an answer on the whole platform, oldest first. For staff."""
    rows = session.execute(sa.text(_OPEN), {"limit": limit})
    return [OpenQuestion(row.org_id, row.number, _question(row)) for row in rows]


def find(session: Session, question_id: int) -> OpenQuestion:
    """A question among those of all organizations, whatever its state. For staff. Raises InvoiceUnknown."""
    row = session.execute(sa.text(f"{_QUESTION} WHERE q.id = :id"), {"id": question_id}).one_or_none()
    if row is None:
        raise InvoiceUnknown(f"There is no question {question_id}. `flyusage invoices questions` names those that wait.")
    return OpenQuestion(row.org_id, row.number, _question(row))


def _question(row: sa.Row) -> Question:
    return Question(**{name: getattr(row, name) for name in Question.__dataclass_fields__})


def _refuse_closed(session: Session, org_id: int, question_id: int) -> None:
    of = invoice_question.c
    state = session.scalar(sa.select(of.state).where(of.org_id == org_id, of.id == question_id).with_for_update())
    if state is None:
        raise InvoiceUnknown(f"There is no question {question_id}.")
    if state == "closed":
        raise StateForbids(f"Question {question_id} is closed. Ask a new one on the same line.")


def _change(session: Session, org_id: int, question_id: int, values: dict[str, object]) -> None:
    of = invoice_question.c
    session.execute(sa.update(invoice_question).where(of.org_id == org_id, of.id == question_id).values(**values))


def _written(text: str, otherwise: str) -> str:
    text = text.replace("\0", "").strip()
    if not text:
        raise AmountInvalid(otherwise)
    if len(text) > LONGEST:
        raise AmountInvalid(f"That is {len(text):,} characters; {LONGEST:,} fit.")
    return text


_QUESTION = """
SELECT q.*, i.number FROM invoice_question q JOIN invoice i ON i.org_id = q.org_id AND i.id = q.invoice_id"""
_OPEN = f"{_QUESTION} WHERE q.state = 'open' ORDER BY q.asked_at, q.id LIMIT :limit"
