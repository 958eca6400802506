"""`flyusage bill`: close a month, see how far it is, hold organizations back and release them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import typer

from flyusage import db
from flyusage.cli import asked, bootstrap, progress
from flyusage.cli.output import print_json, print_table
from flyusage.invoices import closing, examining
from flyusage.invoices.closing import Closed
from flyusage.invoices.issuing import Outcome, Result
from flyusage.invoices.settlement import EVERYTHING
from flyusage.invoices.totals import platform_month_totals
from flyusage.logs import harmless
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs import queries as orgs
from flyusage.orgs.acting import system
from flyusage.orgs.queries import OrganizationEntry

MOST_PRINTED = 50
COMMAND = system("command")
_SETTLED = {Result.HELD: "held", Result.NOTHING: "no invoice", Result.BEHIND: "waits"}

app = typer.Typer(help="Close a month: every organization's invoice.", no_args_is_help=True)

Month = Annotated[str, typer.Argument(help="The month, as 2026-10.")]
Org = Annotated[list[str] | None, typer.Option("--org", help="An organization's slug; may be repeated. All of them without it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; the audit keeps it.")]
Codes = Annotated[
    list[str] | None,
    typer.Option("--exception", help=f"Only this exception ({', '.join(examining.CODES)}); may be repeated. All of them without it."),
]


@dataclass(frozen=True)
class _Chosen:
    month: date
    entries: Sequence[OrganizationEntry]

    @property
    def ids(self) -> list[int]:
        return [one.id for one in self.entries]


@app.command("close")
def close(
    month: Month,
    org: Org = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Issue nothing; print the exceptions and what it would come to.")] = False,
    as_json: AsJson = False,
) -> None:
    """Issue every invoice of a month that can be issued. What is out of the ordinary waits until it is released or held.

    Safe to repeat and to run on several machines at once; a run that was cut off goes on where it was. Exit code 1 when
    something failed or waits.
    """
    chosen = _chosen(month, org)
    title = f"{'rehearsing' if dry_run else 'closing'} {chosen.month:%Y-%m}"
    with progress.shown(title) as report:

        def tell(done: int, total: int) -> None:
            report(done / max(1, total), f"{done:,} of {total:,} organizations")

        closed = (
            closing.rehearse(chosen.month, chosen.ids, progress=tell)
            if dry_run
            else closing.close(chosen.month, chosen.ids, by=COMMAND, progress=tell)
        )
    if as_json:
        print_json(_plain(closed, is_rehearsal=dry_run))
    else:
        _print(closed, is_rehearsal=dry_run)
    if not dry_run and not closed.is_complete:
        raise typer.Exit(1)


@app.command("status")
def status(month: Month, org: Org = None, as_json: AsJson = False) -> None:
    """How far a month's close is, and every exception, released, held or waiting. Issues nothing."""
    chosen = _chosen(month, org)
    with progress.shown(f"looking at {chosen.month:%Y-%m}") as report:
        closed = closing.rehearse(
            chosen.month, chosen.ids, progress=lambda done, total: report(done / max(1, total), f"{done:,} of {total:,} organizations")
        )
    if as_json:
        print_json(_plain(closed, is_rehearsal=True))
    else:
        _print(closed, is_rehearsal=True)


@app.command("hold")
def hold(
    month: Month, org: Annotated[list[str], typer.Option("--org", help="An organization's slug; may be repeated.")], reason: Reason
) -> None:
    """Issue no invoice of a month for these organizations until they are released."""
    chosen = _chosen(month, org)
    with db.platform_transaction() as session:
        for one in chosen.entries:
            examining.hold_back(session, one.id, chosen.month, reason=reason, by=COMMAND)
    typer.echo(f"Held: {', '.join(one.slug for one in chosen.entries)}.")


@app.command("release")
def release(month: Month, reason: Reason, org: Org = None, exception: Codes = None) -> None:
    """Let a month be billed in spite of its exceptions, and end what was held. Without --org: wherever the exception is found."""
    chosen = _chosen(month, org)
    if org is None and not exception:
        raise typer.BadParameter("Name organizations with --org, or what to release everywhere with --exception.")
    entries = chosen.entries if org is not None else _with(chosen, exception or [])
    with db.platform_transaction() as session:
        for one in entries:
            examining.release(session, one.id, chosen.month, codes=exception or (EVERYTHING,), reason=reason, by=COMMAND)
    typer.echo(f"Released: {', '.join(one.slug for one in entries) or 'nothing, as nothing waits for that'}.")


def _chosen(month: str, slugs: Sequence[str] | None) -> _Chosen:
    """The month and the organizations to work on. Raises MomentUnreadable and OrganizationUnknown."""
    first = asked.month(month)
    bootstrap.be_ready()
    with db.lookup_transaction() as session:
        if slugs is None:
            return _Chosen(first, orgs.directory(session))
        return _Chosen(first, [orgs.organization_by_slug(session, slug) for slug in dict.fromkeys(slugs)])


def _with(chosen: _Chosen, codes: Sequence[str]) -> list[OrganizationEntry]:
    """Those of which one of `codes` waits."""
    closed = closing.rehearse(chosen.month, chosen.ids)
    found = {one.org_id for one in closed.outcomes if any(problem.code in codes for problem in one.waiting)}
    return [one for one in chosen.entries if one.id in found]


def _print(closed: Closed, *, is_rehearsal: bool) -> None:
    exceptional = [one for one in closed.outcomes if one.problems or one.result in (Result.HELD, Result.BEHIND)]
    _print_exceptions(closed, [one for one in exceptional if one.result is not Result.PRESENT])
    for failure in closed.failures[:MOST_PRINTED]:
        typer.echo(harmless(f"failed: {failure.slug}: {failure.sentence}"))
    words = "could be issued" if is_rehearsal else "issued"
    said = [(closed.count(Result.ISSUED), words), (closed.count(Result.PRESENT), "issued before")]
    said += [(closed.count(Result.NOTHING), "come to nothing"), (closed.count(Result.WAITING), "wait for a decision")]
    said += [(closed.count(Result.HELD), "held"), (closed.count(Result.BEHIND), "not rolled up yet"), (len(closed.failures), "failed")]
    typer.echo(f"{closed.month:%B %Y}: " + (", ".join(f"{count:,} {word}" for count, word in said if count) or "no organizations") + ".")
    for code, total in closed.totals.items():
        net, gross = (format_minor(one, CURRENCIES[code]) for one in (total.net_minor, total.gross_minor))
        typer.echo(f"{total.documents:,} in {code}: {net} net, {gross} with tax.")


def _print_exceptions(closed: Closed, exceptional: Sequence[Outcome]) -> None:
    rows = []
    for one in exceptional:
        waiting = {problem.code for problem in one.waiting}
        for problem in one.problems:
            decided = "waits" if problem.code in waiting else _SETTLED.get(one.result, "released")
            rows.append((one.slug, problem.code, decided, problem.sentence))
        if one.result is Result.HELD:
            rows.append((one.slug, "–", "held", one.held or ""))
        elif one.result is Result.BEHIND:
            rows.append((one.slug, "–", "waits", "Not rolled up to the month's end. Run `flyusage rollup run`."))
    if not rows:
        return
    print_table(("organization", "exception", "decision", "what"), rows[:MOST_PRINTED])
    if len(rows) > MOST_PRINTED:
        kinds = Counter(row[1] for row in rows[MOST_PRINTED:])
        more = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        typer.echo(f"and {len(rows) - MOST_PRINTED:,} more ({more}); --json prints all")
    if closed.count(Result.WAITING):
        named = f"{closed.month:%Y-%m}"
        typer.echo(f"\nTo bill one all the same: flyusage bill release {named} --org SLUG --reason WHY")
        typer.echo(f"To keep one back: flyusage bill hold {named} --org SLUG --reason WHY")
    typer.echo("")


def _plain(closed: Closed, *, is_rehearsal: bool) -> dict[str, object]:
    return {
        "month": f"{closed.month:%Y-%m}",
        "is_rehearsal": is_rehearsal,
        "is_complete": closed.is_complete,
        "counts": {result.value: closed.count(result) for result in Result} | {"failed": len(closed.failures)},
        "totals": {code: vars(total) for code, total in closed.totals.items()},
        "exceptions": [_exception(one) for one in closed.outcomes if one.problems or one.result in (Result.HELD, Result.BEHIND)],
        "failures": [{"org": one.slug, "error": one.sentence} for one in closed.failures],
        "invoices": [
            {"org": one.slug, "number": one.number, "currency": one.currency and one.currency.code, "net_minor": one.net_minor,
             "gross_minor": one.gross_minor, "result": one.result} for one in closed.outcomes if one.result in (Result.ISSUED, Result.PRESENT)
        ],
    }  # fmt: skip


def _exception(one: Outcome) -> dict[str, object]:
    waiting = {problem.code for problem in one.waiting}
    return {
        "org": one.slug,
        "result": one.result,
        "held": one.held,
        "problems": [{"code": each.code, "sentence": each.sentence, "waits": each.code in waiting} for each in one.problems],
    }


@app.command("revenue")
def revenue(as_json: AsJson = False) -> None:
    """What the whole platform has billed, month by month and currency by currency; void invoices count nowhere."""
    bootstrap.be_ready()
    with db.platform_transaction() as session:
        found = platform_month_totals(session)
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("Nothing is billed yet. `flyusage bill close 2026-10` issues the invoices of a month.")
    else:
        amounts = ("net_minor", "tax_minor", "gross_minor", "open_minor", "uncollectible_minor")
        rows = [
            (
                f"{one.month:%Y-%m}",
                one.invoices,
                one.credit_notes,
                *(format_minor(getattr(one, name), CURRENCIES[one.currency]) for name in amounts),
            )
            for one in found
        ]
        print_table(("month", "invoices", "credit notes", "net", "tax", "gross", "still owed", "given up"), rows)
