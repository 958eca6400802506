"""What is left of a deleted organization after 30 days, when nobody can undo that any more.

Kept is what the law has the seller keep, for ten years in many countries, and what explains it: invoices and credit notes with their
frozen evidence, payments, the terms they were made by, whom they were sent to, and the audit. All else goes: usage and machines,
members and invitations, tokens, budgets, cost centres, what a directory told. People's accounts are theirs and stay; so does the slug, so
that no stranger gets an address that was known.

A month whose invoice is still to be issued holds everything back until it is. A table that neither list names fails a test: whoever
adds one decides.
"""

import threading
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from flyusage import clock, db, jobs
from flyusage.auth import sign_up, throttle
from flyusage.invoices import old_refusals
from flyusage.metering.locks import lock_organizations
from flyusage.orgs import audit
from flyusage.orgs.acting import system
from flyusage.orgs.organizations import UNDO

BY = system("purge")
EVERY_SECONDS = 600.0
GONE = (  # those that others refer to after them
    "usage_event", "usage_interval", "usage_day", "usage_day_by_region", "usage_month", "usage_month_by_region", "event_finding",
    "event_identity", "voided_event", "open_cell", "dirty_day", "dirty_resource", "running_day", "costliest_month", "resource_month",
    "resource_month_revision", "rollup_state", "resource",
    "deployment", "cost_centre_app", "cost_centre", "app",
    "delivery_attempt", "delivery", "alert_endpoint", "anomaly", "anomaly_watch", "budget_alert", "budget", "saved_view", "member_mail",
    "scim_group_member", "scim_group", "scim_user", "scim_token", "former_grant", "provisioning", "provisioned_account",
    "sso_flow", "sso_identity", "sso_group", "sso_domain", "sso_connection",
    "idempotent_write", "terminal_sign_in", "api_token", "invitation", "membership",
)  # fmt: skip
KEPT = (
    "audit_event", "audit_head", "audit_link", "former_slug",
    "billing_profile", "billing_close", "billing_hold", "late_month",
    "invoice", "invoice_cell", "invoice_counter", "invoice_document", "invoice_line", "invoice_machine", "invoice_question", "invoice_snapshot",
    "invoice_total_change", "invoice_usage", "outbox", "payment", "processor_customer", "processor_invoice",
    "credit_grant", "credit_use", "discount", "one_off_charge", "paid_seat", "price_experiment_member", "price_experiment_notice",
    "price_override", "recurring_fee", "reservation", "seat_plan", "spend_limit", "subscription",
)  # fmt: skip

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Purged:
    """What went, in rows by table; tables that held nothing are absent."""

    org_id: int
    rows: dict[str, int]


def run(stop: threading.Event) -> None:
    """Empty organizations whose time has come, until `stop` is set. Several may run."""
    jobs.Worker(work, channel="flyusage_purge", every=EVERY_SECONDS).run(stop)


def work() -> bool:
    """A round over those that are due; nothing is left for another one."""
    with db.platform_transaction() as session:
        found = due(session)
        _ = throttle.sweep(session), sign_up.sweep(session)
    old_refusals.sweep()
    for org_id in jobs.until_stopped(found):
        with db.platform_transaction() as session:
            purged = purge(session, org_id)
        if purged is not None:
            _log.info("a deleted organization is emptied", org_id=org_id, rows=sum(purged.rows.values()))
    return False


def due(session: Session) -> list[int]:
    """Organizations that were deleted 30 days ago or earlier, and have nothing left to be invoiced. Needs the platform's role."""
    return list(session.scalars(sa.text(_DUE), {"gone": clock.now() - UNDO}))


def purge(session: Session, org_id: int) -> Purged | None:
    """Empty one that is due, all or nothing, and say so in its audit; None where it is not, or was emptied already.

    Waits for who writes its metering, and whoever comes after finds it emptied: no roll-up under way puts back what is taken out.
    """
    lock_organizations(session, [org_id])
    held = sa.text("SELECT id FROM organization WHERE id = :org AND id = ANY (:due) FOR UPDATE")
    if session.scalar(held, {"org": org_id, "due": due(session)}) is None:
        return None
    rows = {}
    for table in GONE:
        removed = session.connection().execute(sa.text(f"DELETE FROM {table} WHERE org_id = :org"), {"org": org_id}).rowcount
        if removed:
            rows[table] = removed
    session.execute(sa.text("UPDATE organization SET purged_at = :now WHERE id = :org"), {"now": clock.now(), "org": org_id})
    audit.record(session, org_id, actor=BY.name, action="organization.purge", subject="organization", detail={"rows": rows})
    return Purged(org_id, rows)


_DUE = """
SELECT o.id FROM organization o
WHERE o.deleted_at <= :gone AND o.purged_at IS NULL
  AND NOT EXISTS (SELECT FROM usage_month u WHERE u.org_id = o.id AND EXISTS (SELECT FROM billing_close)
                  AND NOT EXISTS (SELECT FROM billing_close c WHERE c.org_id = o.id AND c.month = u.month AND c.state IN ('issued', 'nothing')))
  AND NOT EXISTS (SELECT FROM invoice i WHERE i.org_id = o.id AND i.state = 'open' AND i.balance_minor > 0)
ORDER BY o.id"""
