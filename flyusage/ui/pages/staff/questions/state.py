"""The questions page's state, and what it asks the database."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

import reflex as rx

from flyusage import db
from flyusage.errors import FlyusageError
from flyusage.invoices import questions
from flyusage.invoices.questions import OpenQuestion
from flyusage.orgs.queries import directory
from flyusage.orgs.staff import StaffPermission
from flyusage.ui import browser, present
from flyusage.ui.addresses import LONGEST_PAGE, id_in, text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.components.statement import MOST_WRITTEN
from flyusage.ui.pages.billing.address import invoice_href
from flyusage.ui.session import staff
from flyusage.ui.statements import visible_text, who

MOST = 100


@dataclass(frozen=True)
class QuestionRow:
    """A question that waits. `id` is for its form."""

    id: str
    org: str
    number: str
    line: str
    href: str
    asked: str
    note: str


class StaffQuestions(rx.State):
    """What waits for an answer. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    rows: list[QuestionRow] = []
    note: str = ""
    problem: str = ""

    @rx.event
    async def load(self):
        """Show what waits, the oldest first."""
        try:
            self._show(await asyncio.to_thread(_waiting))
        except FlyusageError as error:
            self.phase, self.problem, self.rows = "failed", error.sentence, []

    @rx.event
    async def answer(self, form: dict[str, Any]):
        """Answer the question `id` with the form's `text`."""
        id_, text = id_in(text_in(form, "id", longest=LONGEST_PAGE)), text_in(form, "text", longest=MOST_WRITTEN)
        if id_ is None:
            return
        await asyncio.to_thread(_answer, id_, text)
        self._show(await asyncio.to_thread(_waiting))
        yield browser.toast("success", "Answered.", detail="It stands below the line for everybody who may read the invoice.")

    def _show(self, rows: list[QuestionRow]) -> None:
        self.phase, self.rows = "ready", rows
        self.note = f"{present.plural(len(rows), 'question')} to answer" if rows else ""


def _waiting() -> list[QuestionRow]:
    """Raises NotPermitted."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        slugs = {one.id: one.slug for one in directory(session)}
        return [_row(one, slugs[one.org_id]) for one in questions.open_questions(session, limit=MOST)]


def _row(one: OpenQuestion, slug: str) -> QuestionRow:
    asked = f"{present.moment_text(one.question.asked_at)} UTC by {who(one.question.asked_by)}"
    return QuestionRow(
        str(one.question.id), slug, visible(one.number), f"line {one.question.position}", invoice_href(slug, one.number), asked,
        visible_text(one.question.note),
    )  # fmt: skip


def _answer(question_id: int, text: str) -> None:
    """Raises NotPermitted, InvoiceUnknown, AmountInvalid and StateForbids."""
    by = staff(StaffPermission.QUESTIONS_ANSWER)
    with db.platform_transaction() as session:
        questions.answer(session, questions.find(session, question_id).org_id, question_id, text, by=by)
