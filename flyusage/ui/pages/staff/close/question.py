"""What the page of closing a month asks and does, and how it is printed. Blocks; call it off the event loop."""

from collections.abc import Sequence
from datetime import date, datetime

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices import closing, examining
from flyusage.invoices.closing import Closed, Progress
from flyusage.invoices.issuing import Outcome, Result, closes_at
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs import queries as orgs
from flyusage.orgs.staff import StaffPermission
from flyusage.periods import add_months, month_start
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.components.statement import StatementTotal
from flyusage.ui.pages.billing.address import Choice, billing_href
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.staff.close.rows import ExceptionRow, Screen
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import CLOSE

MONTHS, MOST_ROWS = 6, 200
MOST_HERE = 2000  # organizations; more would take the server's pages along, so that a process of its own does it
WORDS = {
    Result.ISSUED: "could be issued", Result.PRESENT: "issued before", Result.NOTHING: "come to nothing", Result.WAITING: "wait for a decision",
    Result.HELD: "held back", Result.BEHIND: "not rolled up yet",
}  # fmt: skip


SETTLED = {Result.HELD: "held", Result.NOTHING: "nothing", Result.BEHIND: "behind"}


class TooManyHere(FlyusageError):
    """More organizations than the server closes beside serving pages."""

    code = "too_many_here"
    status = 409


def month_of(given: date | None, now: datetime) -> date:
    """The month that is asked for, of those offered; else the last one that is over."""
    offered = months(now)
    return given if given is not None and given in offered else offered[0]


def months(now: datetime) -> list[date]:
    """Months that are over, newest first."""
    first = month_start(now)
    return [add_months(first, -back).date() for back in range(1, MONTHS + 1)]


def ask(month: date, progress: Progress | None = None) -> Screen:
    """What closing `month` would come to. Raises NotPermitted."""
    staff(StaffPermission.READ)
    ids = _ids()
    if len(ids) > MOST_HERE:
        return screen(month, Closed(month), clock.now(), organizations=len(ids), is_too_many=True)
    return screen(month, closing.rehearse(month, ids, progress=progress), clock.now(), organizations=len(ids))


def close(month: date, progress: Progress) -> Closed:
    """Issue what can be issued. Raises NotPermitted, PeriodOpen, and TooManyHere for what a process of its own closes."""
    by = staff(StaffPermission.MONTHS_CLOSE)
    ids = _ids()
    if len(ids) > MOST_HERE:
        raise TooManyHere(f"{len(ids):,} organizations are closed by the command: flyusage bill close {month:%Y-%m}")
    return closing.close(month, ids, by=by, progress=progress)


def decide(month: date, slug: str, code: str, *, release: bool, reason: str) -> None:
    """Release one exception of an organization's month (all of them for what has no code), or hold the month back."""
    by = staff(StaffPermission.MONTHS_CLOSE)
    with db.platform_transaction() as session:
        org_id = orgs.organization_by_slug(session, slug).id
        if release:
            examining.release(session, org_id, month, codes=(code or examining.EVERYTHING,), reason=reason, by=by)
        else:
            examining.hold_back(session, org_id, month, reason=reason, by=by)


def _ids() -> list[int]:
    with db.lookup_transaction() as session:
        return [one.id for one in orgs.directory(session)]


def screen(month: date, closed: Closed, now: datetime, *, organizations: int, is_too_many: bool = False) -> Screen:
    """The whole page, printed. Pure."""
    rows = _exceptions(closed.outcomes, month)
    ready = closed.count(Result.ISSUED)
    name, is_early = f"{month:%B %Y}", now < closes_at(month)
    return Screen(
        month=f"{month:%Y-%m}",
        months=[Choosing(f"{one:%b %Y}", f"{CLOSE}?month={one:%Y-%m}", one == month) for one in months(now)],
        lead=f"{name}: invoices that could be issued now",
        figure=f"{ready:,}",
        sentence=_sentence(closed, organizations),
        counts=_counts(closed),
        totals=_totals(closed),
        rows=rows[:MOST_ROWS],
        rows_note=_rows_note(len(rows), month),
        nothing="" if rows else "Nothing is out of the ordinary.",
        failures=[visible(f"{one.slug}: {one.sentence}") for one in closed.failures],
        close_label=f"Close {month:%B} …" if ready and not is_early else "",
        close_says=f"This issues {present.plural(ready, 'invoice')} for {name}, with numbers, and queues their PDF, mail and payment. An issued "
        "invoice is never changed: corrections are credit notes. What waits or is held is left out, and can be closed later.",
        close_does=f"Issue {present.plural(ready, 'invoice')}",
        early=f"Late events still count until {present.moment_text(closes_at(month))} UTC; then {month:%B} can be closed."
        if is_early
        else "",
        too_many=f"{organizations:,} organizations are more than this server closes beside serving pages. A process of its own does it, "
        "as often as you like and on several machines:"
        if is_too_many
        else "",
        command=f"flyusage bill close {month:%Y-%m}",
    )


def _sentence(closed: Closed, organizations: int) -> str:
    waiting = closed.count(Result.WAITING)
    said = f"of {present.plural(organizations, 'organization')}"
    return (
        f"{said}; {present.plural(waiting, 'waits', 'wait')} for a decision below." if waiting else f"{said}; nothing waits for a decision."
    )


def _rows_note(count: int, month: date) -> str:
    if count > MOST_ROWS:
        return f"the first {MOST_ROWS} of {count:,}; `flyusage bill release {month:%Y-%m} --exception CODE --reason WHY` decides on many at once"
    return present.plural(count, "exception") if count else ""


def _counts(closed: Closed) -> list[StatementTotal]:
    counted = [(words, closed.count(result)) for result, words in WORDS.items()]
    return [StatementTotal(words[:1].upper() + words[1:], f"{count:,}") for words, count in counted if count]


def _totals(closed: Closed) -> list[StatementTotal]:
    """By currency, never added up across them; what is issued already counts too."""
    found = []
    for code, total in closed.totals.items():
        currency = CURRENCIES[code]
        found.append(
            StatementTotal(f"{present.plural(total.documents, 'invoice')} in {code}, net", format_minor(total.net_minor, currency))
        )
        found.append(StatementTotal("with tax", format_minor(total.gross_minor, currency), is_strong=True))
    return found


def _exceptions(outcomes: Sequence[Outcome], month: date) -> list[ExceptionRow]:
    """What waits first, then what is held, then what is released; issued months have none any more."""
    found = []
    for one in outcomes:
        if one.result is Result.PRESENT:
            continue
        href, waiting = billing_href(one.slug, Choice(month=month)), {problem.code for problem in one.waiting}
        for problem in one.problems:
            state = "waits" if problem.code in waiting else SETTLED.get(one.result, "released")
            found.append(_row(one.slug, href, problem.code, problem.sentence, state))
        if one.result is Result.HELD and not one.problems:
            found.append(_row(one.slug, href, "", f"Held back: {one.held}", "held"))
        elif one.result is Result.BEHIND:
            found.append(_row(one.slug, href, "", "Not rolled up to the month's end; closing does it first.", "behind"))
    order = ("late", "open", "ok")
    return sorted(found, key=lambda row: (order.index(row.tone), row.org, row.code))


def _row(slug: str, href: str, code: str, what: str, state: str) -> ExceptionRow:
    words = {"waits": "Waits", "held": "Held", "released": "Released", "behind": "Not rolled up", "nothing": "No invoice"}
    tones = {"waits": "late", "held": "open", "released": "ok", "behind": "open", "nothing": "ok"}
    return ExceptionRow(f"{slug} {code}", slug, href, code, visible(what), words[state], tones[state])
