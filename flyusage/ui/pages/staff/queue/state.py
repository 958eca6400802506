"""The payment queue's state, and what it asks the database."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import reflex as rx

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices.outbox import Backlog, Waiting, backlogs, retry, waiting
from flyusage.invoices.payments.news import Difference, differences
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs.staff import StaffPermission
from flyusage.ui import browser, present
from flyusage.ui.addresses import LONGEST_PAGE, text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.address import invoice_href
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import QUEUE

MOST = 100
KINDS = ("payment", "mail", "document")
TITLES = {"payment": "Payment processor", "mail": "Mail", "document": "Documents"}
NOTHING = {
    "payment": "Every issued invoice is handed over, or none is to be.",
    "mail": "All mail is sent.",
    "document": "Every issued invoice has its PDF and its e-invoice.",
}


@dataclass(frozen=True)
class TaskRow:
    """Something that waits. `tone` is late once it has failed; then its `key` is for trying again."""

    id: str
    key: str
    number: str
    href: str
    org: str
    amount: str
    what: str
    age: str
    since: str
    state: str
    tone: str
    error: str


@dataclass(frozen=True)
class DifferingRow:
    """An invoice that the processor shows otherwise, and what differs."""

    number: str
    href: str
    org: str
    said: str


@dataclass(frozen=True)
class Screen:
    """What waits of one kind."""

    kinds: list[Choosing] = field(default_factory=list)
    only: list[Choosing] = field(default_factory=list)
    sentence: str = ""
    rows: list[TaskRow] = field(default_factory=list)
    differing: list[DifferingRow] = field(default_factory=list)
    note: str = ""
    nothing: str = ""


class StaffQueue(rx.State):
    """What waits. `phase` is loading, ready or failed; the address holds the kind, and whether only what failed is shown."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""

    @rx.event
    async def load(self):
        """Show what waits, the oldest first."""
        try:
            self.screen = await asyncio.to_thread(_ask, *self._asked())
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def try_now(self, form: dict[str, Any]):
        """Make what failed for the invoice `key` of the form due at once, of the kind that is shown."""
        org_id, _, invoice_id = text_in(form, "key", longest=2 * LONGEST_PAGE + 1).partition("-")
        if not all(one.isascii() and one.isdecimal() for one in (org_id, invoice_id)):
            return
        kind, failing_only = self._asked()
        count = await asyncio.to_thread(_hurry, kind, int(org_id), int(invoice_id))
        self.screen = await asyncio.to_thread(_ask, kind, failing_only)
        if count:
            yield browser.toast("success", "It is tried again at once.", detail="The worker does it within seconds, if it runs.")
        else:
            yield browser.toast("info", "Nothing of it has to be tried again.", detail="It is done, or waits for its first attempt.")

    def _asked(self) -> tuple[str, bool]:
        query = self.router.url.query_parameters
        return next((kind for kind in KINDS if kind == query.get("kind")), KINDS[0]), query.get("only") == "failing"


def _ask(kind: str, failing_only: bool) -> Screen:
    """Raises NotPermitted."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        found = {one.kind: one for one in backlogs(session)}
        tasks = waiting(session, kind, failing_only=failing_only, limit=MOST)
        others = differences(session)[:MOST] if kind == "payment" else []
    return replace(screen_of(kind, found, tasks, clock.now(), failing_only=failing_only), differing=[_differing(one) for one in others])


def _hurry(kind: str, org_id: int, invoice_id: int) -> int:
    by = staff(StaffPermission.MONTHS_CLOSE)
    with db.platform_transaction() as session:
        return retry(session, kind, org_id=org_id, invoice_id=invoice_id, by=by)


def screen_of(kind: str, found: dict[str, Backlog], tasks: list[Waiting], now: datetime, *, failing_only: bool) -> Screen:
    """The queue, printed. Pure."""
    backlog = found.get(kind)
    only = "&only=failing" if failing_only else ""
    return Screen(
        kinds=[
            Choosing(f"{TITLES[one]} · {found[one].waiting:,}" if one in found else TITLES[one], f"{QUEUE}?kind={one}{only}", one == kind)
            for one in KINDS
        ],
        only=[
            Choosing("Everything", f"{QUEUE}?kind={kind}", not failing_only),
            Choosing("What failed", f"{QUEUE}?kind={kind}&only=failing", failing_only),
        ],
        sentence=_sentence(backlog, now) if backlog else "",
        rows=[_row(one, now) for one in tasks],
        note=f"the first {MOST}; what failed most often stands first" if len(tasks) == MOST else "",
        nothing="" if tasks else "Nothing of it has failed." if backlog else NOTHING[kind],
    )


def _sentence(backlog: Backlog, now: datetime) -> str:
    verb = "waits" if backlog.waiting == 1 else "wait"
    failing = f"{backlog.failing:,} failed before" if backlog.failing else "none failed before"
    return f"{backlog.waiting:,} {verb}, {failing}; the oldest since {present.ago_text(backlog.oldest, now)}."


def _differing(one: Difference) -> DifferingRow:
    seen = f"seen {present.moment_text(one.found_at)} UTC" if one.found_at else "not compared yet"
    return DifferingRow(visible(one.number), invoice_href(one.slug, one.number), one.slug, f"{visible(one.sentence)} ({seen})")


def _row(one: Waiting, now: datetime) -> TaskRow:
    again = f"again at {present.moment_text(one.due_at)} UTC" if one.due_at > now else "due now"
    tries = f"{present.plural(one.attempts, 'attempt')}, {again}" if one.attempts else again
    return TaskRow(
        key=f"{one.org_id}-{one.invoice_id}" if one.attempts else "",
        id=str(one.id),
        number=visible(one.number) if one.number else "–",
        href=invoice_href(one.slug, one.number) if one.number else "",
        org=one.slug,
        amount=format_minor(one.gross_minor, CURRENCIES[one.currency]) if one.currency and one.gross_minor is not None else "",
        what=visible(one.action),
        age=present.ago_text(one.created_at, now),
        since=f"{present.moment_text(one.created_at)} UTC",
        state=tries,
        tone="late" if one.last_error else "open",
        error=visible(one.last_error) if one.last_error else "",
    )
