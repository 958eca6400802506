"""`flyusage invoices question` and what becomes of one: asked by whoever reads an invoice, answered by staff."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import typer

from flyusage import db
from flyusage.cli import bootstrap, remote
from flyusage.cli.issued import COMMAND, AsJson, Number
from flyusage.cli.output import LAST_ID, LAST_LINE, print_json, print_table
from flyusage.invoices import queries, questions
from flyusage.pricing.urls import parse_moment


def ask(
    number: Number,
    position: Annotated[int, typer.Argument(min=1, max=LAST_LINE, help="The line, as `show` numbers them.", metavar="LINE")],
    note: Annotated[str, typer.Argument(help="What is to be answered.")],
) -> None:
    """Question a line of an invoice."""
    there = remote.of(None)
    if there is not None:
        made = there.write("POST", f"/invoices/{quote(number, safe='')}/lines/{position}/questions", {"note": note})["id"]
        typer.echo(f"Question {made} waits for an answer, which `flyusage invoices show {number}` will tell.")
        return
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        entry = queries.find(session, number)
        made = questions.ask(session, entry.org_id, entry.id, position, note, by=COMMAND)
    typer.echo(f"Question {made} waits for an answer: flyusage invoices answer {made} TEXT")


def answer(
    question_id: Annotated[int, typer.Argument(min=1, max=LAST_ID, help="As `questions` and `show` number them.", metavar="QUESTION")],
    text: Annotated[str, typer.Argument(help="The answer; it takes the place of an earlier one.")],
) -> None:
    """Answer a question on a line; everybody who may read the invoice sees it."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        found = questions.find(session, question_id)
        questions.answer(session, found.org_id, question_id, text, by=COMMAND)
    typer.echo(f"Answered: question {question_id} on line {found.question.position} of {found.number}.")


def close(question_id: Annotated[int, typer.Argument(min=1, max=LAST_ID, help="As `questions` numbers them.", metavar="QUESTION")]) -> None:
    """End a question, answered or not."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        questions.close(session, questions.find(session, question_id).org_id, question_id, by=COMMAND)
    typer.echo(f"Closed: question {question_id}.")


def list_open(as_json: AsJson = False) -> None:
    """Questions that wait for an answer, oldest first: of the whole platform, or of an organization of another flyusage."""
    there = remote.of(None)
    if there is not None:
        told = there.get("/questions")["data"]
    else:
        bootstrap.be_ready()
        with db.platform_transaction() as session:
            told = [{"number": one.number, **vars(one.question)} for one in questions.open_questions(session)]
    if as_json:
        print_json(told)
    elif not told:
        typer.echo("No question waits for an answer.")
    else:
        titles = ("question", "invoice", "line", "asked", "by", "note")
        rows = [(str(one["id"]), one["number"], one["position"], _asked_at(one["asked_at"]), one["asked_by"], one["note"]) for one in told]
        print_table(titles, rows)


def _asked_at(at: datetime | str) -> datetime | None:
    """A moment, also one that the API wrote."""
    return parse_moment(at) if isinstance(at, str) else at
