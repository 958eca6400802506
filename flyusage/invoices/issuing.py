"""Issuing: a month's invoice, for good, in one transaction.

Final rating once the grace window for late events has passed, lines with their amounts allocated to cells, the month's
quantities frozen, a snapshot of everything printed, a gapless number, due date, audit and outbox. `issue` is for one
organization and renders the document at once; `issue_many` is what closing a month is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.config import settings
from flyusage.invoices import printing, rendering, rows
from flyusage.invoices.adjusting import freeze_changes
from flyusage.invoices.allocation import Cell, allocate
from flyusage.invoices.document import Document
from flyusage.invoices.errors import AlreadyIssued, DecisionNeeded, NothingToBill, OnHold, PeriodOpen, RollupBehind
from flyusage.invoices.examining import OF_AN_INVOICE, ZERO, Decisions, decisions, problems_of
from flyusage.invoices.finals import Final, finals
from flyusage.invoices.freezing import freeze, freeze_parts
from flyusage.invoices.models import Kind, Origin
from flyusage.invoices.month_models import billing_close
from flyusage.invoices.statement import Problem, Statement
from flyusage.invoices.storing import Issued, Paper, begin, finish
from flyusage.metering.locks import lock_organizations
from flyusage.money import CURRENCIES, Currency
from flyusage.orgs.acting import Actor
from flyusage.periods import midnight, month_period
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind


class Result(StrEnum):
    """What came of an organization's month."""

    ISSUED = "issued"
    PRESENT = "present"
    NOTHING = "nothing"
    WAITING = "waiting"
    HELD = "held"
    BEHIND = "behind"


@dataclass(frozen=True)
class Outcome:
    """One organization's month after an attempt. `waiting` are the problems that nobody has released yet.

    Amounts are minor units; `number` is that of the month's document, where there is one.
    """

    org_id: int
    slug: str
    result: Result
    problems: tuple[Problem, ...] = ()
    waiting: tuple[Problem, ...] = ()
    currency: Currency | None = None
    net_minor: int = 0
    gross_minor: int = 0
    invoice_id: int | None = None
    number: str | None = None
    held: str | None = None


def issue(session: Session, org_id: int, month: date, *, by: Actor, render: bool = True) -> Issued:
    """Issue the organization's invoice of `month` and render its document; what did not fit on an invoice, as a credit note.

    Raises PeriodOpen, AlreadyIssued, RollupBehind, OnHold, DecisionNeeded and NothingToBill, each with the next step.
    """
    by.is_no_member("Invoices are issued")
    lock_organizations(session, [org_id])
    issued: list[Issued] = []
    (outcome,) = issue_many(session, [org_id], month, by=by, into=issued)
    _refuse(outcome, month)
    if render:
        for one in issued:
            rendering.render(session, one.org_id, one.id, one.document)
    return issued[0]


def issue_many(session: Session, org_ids: Sequence[int], month: date, *, by: Actor, into: list[Issued] | None = None) -> list[Outcome]:
    """Issue the month's invoices of organizations that the caller holds; those that cannot be issued say why. Raises PeriodOpen.

    Documents are left to the worker. `into` receives everything that was issued.
    """
    refuse_early(month)
    judged = judge(session, org_ids, month)
    chosen = {org_id: judged.finals[org_id] for org_id, one in judged.outcomes.items() if one.result is Result.ISSUED}
    issued = _issue(session, chosen, month, by=by)
    if into is not None:
        into += issued
    for one in reversed(issued):  # the month's own document is the first of its organization
        outcome = judged.outcomes[one.org_id]
        judged.outcomes[one.org_id] = replace(outcome, invoice_id=one.id, number=one.number, gross_minor=one.gross_minor)
    _note(session, [judged.outcomes[org_id] for org_id in judged.finals], month)
    return judged.in_order(org_ids)


@dataclass(frozen=True)
class Judged:
    """What can become of organizations' months (`issued`: an invoice can be), and the final statements of those without one."""

    finals: Mapping[int, Final]
    outcomes: dict[int, Outcome]

    def in_order(self, org_ids: Sequence[int]) -> list[Outcome]:
        """The outcomes of `org_ids`."""
        return [self.outcomes[org_id] for org_id in org_ids]


def judge(session: Session, org_ids: Sequence[int], month: date) -> Judged:
    """Rate the month of each organization that has no invoice of it, and hold that against what was decided."""
    present = _present(session, org_ids, month)
    known = finals(session, [org_id for org_id in org_ids if org_id not in present], month)
    problems, decided = problems_of(session, known), decisions(session, list(known), month)
    outcomes = {org_id: _outcome(org_id, final, problems[org_id], decided[org_id]) for org_id, final in known.items()}
    return Judged(known, present | outcomes)


def refuse_early(month: date) -> None:
    """Raise PeriodOpen unless the month and its grace window are over."""
    closes = closes_at(month)
    if clock.now() < closes:
        raise PeriodOpen(
            f"{month:%B %Y} can be billed from {closes:%b} {closes.day}, {closes:%H:%M} UTC on: late events still count until then "
            f"(FLYUSAGE_GRACE_HOURS={settings().grace_hours})."
        )


def closes_at(month: date) -> datetime:
    """When the month may be billed: at its end and the grace window after it."""
    return month_period(midnight(month)).end + timedelta(hours=settings().grace_hours)


def _outcome(org_id: int, final: Final, problems: tuple[Problem, ...], decided: Decisions) -> Outcome:
    statement = final.statement
    outcome = Outcome(
        org_id,
        final.slug,
        Result.ISSUED,
        problems,
        currency=statement.currency,
        net_minor=statement.net_minor,
        gross_minor=statement.gross_minor,
    )
    if decided.held is not None:
        return replace(outcome, result=Result.HELD, held=decided.held)
    if not final.is_rolled:
        return replace(outcome, result=Result.BEHIND)
    is_zero = not statement.gross_minor and not statement.credit_uses and not statement.carried
    will_be_issued = not is_zero or settings().zero_invoices or ZERO in decided.released
    if waiting := decided.waiting(one for one in problems if one.code != ZERO and (will_be_issued or one.code not in OF_AN_INVOICE)):
        return replace(outcome, result=Result.WAITING, waiting=waiting)
    return outcome if will_be_issued else replace(outcome, result=Result.NOTHING)


def _issue(session: Session, chosen: Mapping[int, Final], month: date, *, by: Actor) -> list[Issued]:
    """Papers, what is frozen with them, and the credits they use, in that order; the month's own document first of each."""
    if not chosen:
        return []
    papers = [paper for final in chosen.values() for paper in _papers(session, final, by)]
    ids = begin(session, papers)
    own = {paper.org_id: id_ for paper, id_ in zip(papers, ids, strict=True) if paper.origin is Origin.PERIOD}
    for org_id, final in chosen.items():
        if final.steps:
            freeze_parts(session, org_id, own[org_id], month, steps=final.steps)
    freeze(session, own, month, parted={org_id: final.steps for org_id, final in chosen.items()})
    for org_id, final in chosen.items():
        freeze_changes(session, org_id, own[org_id], final.adjusted.months)
        taken = [grants.Taken(use.grant_id, use.amount_minor) for use in final.statement.credit_uses]
        if taken:
            grants.redeem(session, org_id, own[org_id], taken)
    return finish(session, papers, ids, by=by)


def _papers(session: Session, final: Final, by: Actor) -> list[Paper]:
    statement = printing.settled_taxes(final.statement)
    if statement.carried and not statement.gross_minor:
        return [_paper(session, final, printing.given_back(statement), Kind.CREDIT_NOTE, Origin.PERIOD, by)]
    papers = [_paper(session, final, statement, Kind.INVOICE, Origin.PERIOD, by)]
    if statement.carried:
        papers.append(_paper(session, final, printing.what_is_carried(statement), Kind.CREDIT_NOTE, Origin.CARRIED, by))
    return papers


def _paper(session: Session, final: Final, statement: Statement, kind: Kind, origin: Origin, by: Actor) -> Paper:
    today, is_invoice = clock.now().date(), kind is Kind.INVOICE
    grant_id = None
    if not is_invoice:
        said = f"Credit of {statement.period.start:%B %Y}"
        grant_id = grants.grant(session, statement.org_id, CreditKind.PREPAID, statement.gross_minor, description=said, by=by)
    notes = () if is_invoice else ("The amount is kept as a prepaid credit for coming invoices.",)

    def printed(number: str) -> Document:
        return printing.document(statement, final.parties, kind=kind, number=number, issued_on=today, notes=notes)

    return Paper(
        org_id=statement.org_id, kind=kind, origin=origin, period=statement.period, currency=statement.currency,
        net_minor=statement.net_minor, tax_minor=statement.tax_minor, prepaid_minor=statement.prepaid_minor,
        lines=printing.line_rows(enumerate(statement.lines, 1), statement.currency), cells=_cells(final, statement),
        buyer=final.parties.buyer, as_of=statement.as_of, printed=printed, rolled_through=statement.rolled_through,
        due_on=today + timedelta(days=final.parties.terms_days) if is_invoice else None, grant_id=grant_id,
        reason=None if is_invoice else "No invoice is negative.",
    )  # fmt: skip


def _cells(final: Final, statement: Statement) -> list[Cell]:
    """Where each line belongs; of late usage, where its difference arose."""
    numbered = list(enumerate(statement.lines, 1))
    late = {line.key: line for line in final.adjusted.lines}
    cells = [cell for cell in allocate(numbered, final.usage) if statement.lines[cell.position - 1].key not in late]
    for position, line in numbered:
        if line.key in late:
            turned = 1 if line.amount_minor == late[line.key].amount_minor else -1  # on a credit note amounts are turned over
            cells += [Cell(position, place, 0, turned * part) for place, part in final.adjusted.places[line.key].items()]
    return cells


def _present(session: Session, org_ids: Sequence[int], month: date) -> dict[int, Outcome]:
    found = {}
    for row in session.execute(sa.text(_PRESENT), {"orgs": list(org_ids), "month": month}):
        found[row.org_id] = Outcome(
            row.org_id, row.slug, Result.PRESENT, currency=CURRENCIES[row.currency], net_minor=row.net_minor, gross_minor=row.gross_minor,
            invoice_id=row.id, number=row.number,
        )  # fmt: skip
    return found


def _refuse(outcome: Outcome, month: date) -> None:
    """Raise what `outcome` means to somebody who wanted this one invoice."""
    named, slug = f"{month:%B %Y}", outcome.slug
    release = f"`flyusage bill release {month:%Y-%m} --org {slug}`"
    match outcome.result:
        case Result.PRESENT:
            raise AlreadyIssued(f"{named} of {slug} is billed: {outcome.number}. Void it to bill the month anew, or issue a credit note.")
        case Result.BEHIND:
            raise RollupBehind(f"{named} of {slug} is still being rolled up. Run `flyusage rollup run --org {slug}`, then repeat this.")
        case Result.HELD:
            raise OnHold(f"{named} of {slug} is held back: {outcome.held} {release} lets it go.")
        case Result.WAITING:
            said = " ".join(problem.sentence for problem in outcome.waiting)
            raise DecisionNeeded(f"{said} Settle this, or bill it all the same: {release}.")
        case Result.NOTHING:
            raise NothingToBill(f"{named} of {slug} comes to zero; zero invoices are issued with FLYUSAGE_ZERO_INVOICES=true.")
        case _:
            return


def _note(session: Session, outcomes: Any, month: date) -> None:
    """Keep what came of each organization's month, for `bill status`."""
    states = {Result.ISSUED: "issued", Result.NOTHING: "nothing"}
    noted = [
        {
            "org_id": one.org_id, "state": states.get(one.result, "waiting"), "currency": one.currency and one.currency.code,
            "gross_minor": one.gross_minor, "invoice_id": one.invoice_id,
            "exceptions": [{"code": problem.code, "sentence": problem.sentence} for problem in one.problems],
        }
        for one in outcomes
    ]  # fmt: skip
    if noted:
        session.execute(sa.text(_NOTE), {"rows": rows.encode(noted), "month": month, "now": clock.now()})


_PRESENT = """
SELECT i.org_id, o.slug, i.id, i.number, i.currency, i.net_minor, i.gross_minor FROM invoice i JOIN organization o ON o.id = i.org_id
WHERE i.org_id = ANY (:orgs) AND i.starts_on = :month AND i.origin = 'period' AND i.state <> 'void'"""
_NOTED = ("org_id", "state", "currency", "gross_minor", "invoice_id", "exceptions")
_NOTE = f"""
INSERT INTO billing_close (month, {", ".join(_NOTED)}, at)
SELECT :month, {", ".join(_NOTED)}, :now FROM {rows.source(billing_close, _NOTED)} ORDER BY org_id
ON CONFLICT (org_id, month) DO UPDATE SET state = excluded.state, currency = excluded.currency, gross_minor = excluded.gross_minor,
  invoice_id = excluded.invoice_id, exceptions = excluded.exceptions, error = NULL, at = excluded.at"""
