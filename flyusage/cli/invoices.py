"""`flyusage invoices`: what is owed, before and after it is issued."""

from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, documents, issued, pages, questions, remote
from flyusage.cli.output import print_json
from flyusage.cli.statements import print_statement, told_of
from flyusage.invoices.adjusting import draft_with_late_usage

app = typer.Typer(help="See what is owed, correct it, enter payments.", no_args_is_help=True)

app.command("list")(issued.list_invoices)
app.command("show")(issued.show)
app.command("open")(pages.open_invoice)
app.command("download")(documents.download)
app.command("explain")(issued.explain)
app.command("breakdown")(issued.break_down)
app.command("issue")(issued.issue)
app.command("credit")(issued.credit)
app.command("void")(issued.void)
app.command("uncollectible")(issued.give_up)
app.command("pay")(issued.pay)
app.command("evidence")(documents.save_evidence)
app.command("year")(documents.save_year)
app.command("question")(questions.ask)
app.command("questions")(questions.list_open)
app.command("answer")(questions.answer)
app.command("close-question")(questions.close)

Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")]
Month = Annotated[str | None, typer.Option("--month", help="2026-10; the present month without it.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The moment the numbers are complete to; an earlier one repeats them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with the working of every line.")]


@app.command("draft")
def draft(org: Org = None, month: Month = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """What a month costs so far, line by line, with credits and taxes as they would be billed."""
    slug, name, told = statement_of(org, month, as_of)
    if as_json:
        print_json({"org": slug, **told})
    else:
        print_statement(name, slug, told)


def statement_of(org: str | None, month: str | None, as_of: str | None) -> tuple[str, str, dict[str, Any]]:
    """(slug, name, the month's statement as the API tells it), from another flyusage or from the database."""
    there = remote.of(org)
    if there is not None:
        one = there.get("/organization")
        return one["org"], one["name"], there.get("/costs", {"month": month, "as_of": as_of})
    bootstrap.be_ready()
    chosen = asked.organization(org)
    with db.transaction(chosen.id) as session:
        statement = draft_with_late_usage(session, chosen.id, asked.month(month), as_of=asked.moment(as_of))
    return chosen.slug, chosen.name, told_of(statement)
