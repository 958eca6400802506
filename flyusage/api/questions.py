"""Questions on the lines of invoices: those that wait, and asking one."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.api.answers import answer
from flyusage.api.auth import Caller, route
from flyusage.api.forms import NO_NUL
from flyusage.api.invoices import Number, Position
from flyusage.api.writes import Key, written
from flyusage.invoices import queries
from flyusage.invoices import questions as verbs
from flyusage.orgs.permissions import Permission

router = APIRouter(tags=["invoices"])
READ = Permission.INVOICES_READ


class OpenQuestion(BaseModel):
    """A question on a line of an invoice that waits for an answer; answered ones stand at their invoice."""

    id: int
    number: str = Field(description="The invoice's.", examples=["PRISM-000042"])
    position: int = Field(description="The line's.")
    note: str
    asked_at: datetime
    asked_by: str


class Questions(BaseModel):
    """The organization's, oldest first."""

    data: list[OpenQuestion]


class Asked(BaseModel):
    """What is to be answered."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"note": "Why is this more than in September?"}]}}

    note: str = Field(min_length=1, max_length=verbs.LONGEST, pattern=NO_NUL)


class QuestionAsked(BaseModel):
    """A question that was asked."""

    id: int
    number: str
    position: int
    note: str


@route(router, "GET", "/questions", needs=READ, response_model=Questions, summary="Questions that wait for an answer")
def open_questions(request: Request, bearer: Caller) -> Response:
    """The oldest hundred. Answers stand at their invoice (`/invoices/{number}`)."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = [one for one in verbs.open_questions(session) if one.org_id == bearer.org_id]
    names = ("id", "position", "note", "asked_at", "asked_by")
    data = [OpenQuestion(number=one.number, **{name: getattr(one.question, name) for name in names}) for one in found]
    return answer(request, Questions(data=data))


@route(
    router, "POST", "/invoices/{number}/lines/{position}/questions", needs=READ, problems=(404, 422), response_model=QuestionAsked,
    status_code=201, summary="Question a line",
)  # fmt: skip
def question_line(request: Request, bearer: Caller, number: Number, position: Position, asked: Asked, key: Key = "") -> Response:
    """The platform's staff answer it. Whoever may read an invoice may ask."""

    def write(session: Session) -> tuple[int, QuestionAsked]:
        found = queries.find(session, number, bearer.org_id)
        made = verbs.ask(session, bearer.org_id, found.id, position, asked.note, by=bearer.by)
        return 201, QuestionAsked(id=made, number=found.number, position=position, note=asked.note)

    return written(request, bearer, key, asked, write)
