"""`flyusage payments`: what the payment processor was not told yet, and whether both sides agree."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from flyusage import clock, db
from flyusage.cli import asked, bootstrap
from flyusage.cli.output import moment, print_json, print_table
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.invoices import outbox
from flyusage.invoices.payments.news import differences, payment_news
from flyusage.invoices.payments.processor import UNSET, Processor, ProcessorTrouble
from flyusage.invoices.payments.reconciling import reconcile as reconciled
from flyusage.invoices.queries import find
from flyusage.orgs.acting import system

COMMAND = system("command")
KIND = "payment"

app = typer.Typer(help="Hand-overs to the payment processor: what waits, and whether both sides agree.", no_args_is_help=True)

Org = Annotated[str | None, typer.Option("--org", help="An organization's slug; all of them without it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[str | None, typer.Argument(help="An invoice's number; all that wait without it.")]


class ProcessorUnset(FlyusageError):
    """No payment processor is set up."""

    code = "processor_unset"
    status = 409


class ProcessorUnreachable(FlyusageError):
    """The payment processor does not do what it is asked."""

    code = "processor_unreachable"
    status = 502


@app.command("queue")
def queue(org: Org = None, as_json: AsJson = False) -> None:
    """What the payment processor was not told yet, with age, attempts and the last error."""
    unset = None if settings().stripe_api_key else UNSET
    bootstrap.be_ready()
    org_id = asked.organization(org).id if org else None
    with db.platform_transaction() as session:
        found = differences(session, org_id)
    print_queue(KIND, org, unset, as_json=as_json, more={"differences": found})
    if found and not as_json:
        print_table(("INVOICE", "THERE", "DIFFERENCE"), [(one.number, one.processor_id, one.sentence) for one in found])
        typer.echo(f"{len(found)} left for people: `flyusage payments reconcile` looks again.")


@app.command("retry")
def retry(number: Number = None, org: Org = None) -> None:
    """Try again at once what waits after an error, of one invoice, an organization or all. Repeating it does nothing twice."""
    repeat(KIND, number, org)


@app.command("status")
def status(number: Annotated[str, typer.Argument(help="The invoice's number.")], as_json: AsJson = False) -> None:
    """What a member is told of an invoice's payment."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        entry = find(session, number)
        news = payment_news(session, entry.org_id, entry.id)
    if as_json:
        print_json({"number": entry.number, "state": entry.state, "balance_minor": entry.balance_minor, "news": news})
    else:
        typer.echo(news.sentence if news else f"{entry.number} is {entry.state}; nothing stands in the way of its payment.")


@app.command("reconcile")
def reconcile(
    org: Org = None,
    days: Annotated[int, typer.Option("--days", min=1, help="How far back, by the day of the hand-over.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what differs and mend nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every invoice with the payment processor's and mend what differs. Exit code 1 when something is left for people."""
    bootstrap.be_ready()
    processor = Processor.from_settings()
    if processor is None:
        raise ProcessorUnset("No payment processor is set up. Set FLYUSAGE_STRIPE_API_KEY.")
    org_id = asked.organization(org).id if org else None
    try:
        found = list(reconciled(processor, clock.now() - timedelta(days=days), org_id=org_id, mend=not dry_run, by=COMMAND))
    except ProcessorTrouble as trouble:
        raise ProcessorUnreachable(f"The payment processor could not be asked ({trouble.detail}). Repeat this later.") from trouble
    left = [one for one in found if not one.is_mended]
    if as_json:
        print_json({"is_rehearsal": dry_run, "found": found, "left": len(left)})
    else:
        if found:
            print_table(("INVOICE", "MENDED", "WHAT"), [(one.number, one.is_mended, one.sentence) for one in found])
        typer.echo(f"{len(found)} difference{'s' * (len(found) != 1)}, {len(found) - len(left)} mended.")
    if left and not dry_run:
        raise typer.Exit(1)


def print_queue(kind: str, org: str | None, unset: str | None, *, as_json: bool, more: Mapping[str, Any] | None = None) -> None:
    """What of a kind waits in the outbox; `unset` is why nothing goes at all, `more` goes into the JSON."""
    org_id = asked.organization(org).id if org else None
    with db.platform_transaction() as session:
        waiting, total = outbox.waiting(session, kind, org_id=org_id), outbox.count_waiting(session, kind, org_id=org_id)
    if as_json:
        print_json({"is_set_up": unset is None, "count": total, "waiting": waiting, **(more or {})})
        return
    if waiting:
        now = clock.now()
        titles = ("ORG", "INVOICE", "WHAT", "AGE", "ATTEMPTS", "NEXT", "LAST ERROR")
        rows = [
            (one.slug, one.number or "–", one.action, _age(now - one.created_at), one.attempts, moment(one.due_at), one.last_error or "–")
            for one in waiting
        ]
        print_table(titles, rows)
    cut = f", {len(waiting)} shown" if total > len(waiting) else ""
    typer.echo(f"{total:,} waiting{cut}.{' ' + unset if unset and total else ''}")


def repeat(kind: str, number: str | None, org: str | None) -> None:
    """Make what waits after an error due now."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        entry = find(session, number) if number else None
        org_id = entry.org_id if entry else asked.organization(org).id if org else None
        count = outbox.retry(session, kind, org_id=org_id, invoice_id=entry.id if entry else None, by=COMMAND)
    typer.echo(f"{count:,} to be tried again at once." if count else "Nothing waits after an error.")


def _age(age: timedelta) -> str:
    hours, minutes = divmod(int(age.total_seconds()) // 60, 60)
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h {minutes} min" if hours else f"{minutes} min"
