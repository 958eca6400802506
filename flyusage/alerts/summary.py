"""The monthly summary: what a month came to, against the month before, what changed most and why, budgets, and the invoice.

It is due once the month's invoice is out, or when the month has been over for four days, and not where that is long ago.
"""

from datetime import date, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.budgets import budgets, standing
from flyusage.alerts.member_mails import Due, Kind, Recipient, note
from flyusage.alerts.places import told_of
from flyusage.alerts.summary_letter import Summary, summary_letter
from flyusage.invoices import queries
from flyusage.invoices.queries import InvoiceEntry
from flyusage.mail import Letter
from flyusage.orgs.permissions import Permission
from flyusage.periods import add_months, midnight, month_period, month_start
from flyusage.pricing.changes import what_changed
from flyusage.pricing.explorer import explore
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Comparison, Dimension, Granularity, Measure, View

WAITS_FOR_INVOICE, TOO_LATE = timedelta(days=4), timedelta(days=15)  # after the month's end
MOST_CHANGES = 3


def organizations_due(session: Session) -> list[tuple[int, date]]:
    """Those whose last month is to be told now and nobody was told of yet, with its first day. Needs the platform's role."""
    over = month_start(clock.now())
    month = add_months(over, -1).date()
    if clock.now() - over > TOO_LATE:
        return []
    is_late = clock.now() - over >= WAITS_FOR_INVOICE
    return [(org_id, month) for org_id in session.scalars(sa.text(_UNTOLD), {"month": month, "over": over, "is_late": is_late})]


def note_due(session: Session, org_id: int, month: date) -> int:
    """Put the month's mails into the queue, if it is time; how many. In the organization's own transaction."""
    whole = month_period(midnight(month))
    if clock.now() - whole.end < WAITS_FOR_INVOICE and _invoice(session, org_id, month) is None:
        return 0
    return note(session, org_id, Kind.SUMMARY, month, (whole.start, whole.end))


def write(due: Due, to: Recipient, stop: str | None) -> Letter | None:
    """The mail of a month to one member; None where their apps cost nothing in it or before."""
    with db.transaction(due.org_id, apps=to.apps) as session:
        found = summary(session, due.org_id, due.about, to.permissions)
    return summary_letter(found, stop) if found.total or found.before else None


def summary(session: Session, org_id: int, month: date, permissions: frozenset[Permission]) -> Summary:
    """What the month is told as to a reader with `permissions`, in their transaction."""
    whole, now, place = month_period(midnight(month)), clock.now(), told_of(session, org_id)
    view = View(Measure.CONTRACTED_COST, whole, Dimension.APP, granularity=Granularity.DAY, comparison=Comparison.PREVIOUS)
    answer = explore(session, org_id, view, now=now)
    changed = what_changed(session, org_id, view, limit=MOST_CHANGES, now=now)
    kept = [standing(session, org_id, one, month=month) for one in budgets(session, org_id) if one.created_at < whole.end]
    may_read = Permission.INVOICES_READ in permissions
    return Summary(
        place=place,
        month=month,
        is_part=db.granted_apps(session) is not None,
        currency=answer.currency,
        total=answer.total,
        before=answer.previous_total,
        changes=tuple(one for one in changed.contributors if one.difference) if changed else (),
        budgets=tuple(sorted(kept, key=lambda one: (-one.percent, one.budget.plan.name))),
        invoice=_invoice(session, org_id, month) if may_read else None,
        explorer=place.link("/usage", view_to_query(view)),
    )


def _invoice(session: Session, org_id: int, month: date) -> InvoiceEntry | None:
    """The month's invoice, once it is issued."""
    page = queries.invoices(session, org_id, limit=50)
    return next((one for one in page.entries if one.starts_on == month and one.kind == "invoice" and one.state != "void"), None)


_UNTOLD = """
SELECT o.id FROM organization o JOIN rollup_state s ON s.org_id = o.id
WHERE o.deleted_at IS NULL AND s.first_event_at < :over
  AND (:is_late OR EXISTS (SELECT FROM invoice i WHERE i.org_id = o.id AND i.starts_on = :month AND i.state <> 'draft'))
  AND NOT EXISTS (SELECT FROM member_mail w WHERE w.org_id = o.id AND w.kind = 'summary' AND w.about = :month) ORDER BY o.id"""
