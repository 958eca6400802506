"""Budgets that are watched, and their mail, for as long as a worker runs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from flyusage import db, jobs
from flyusage.alerts import anomalies, deliveries, digest, member_mails, summary, telling
from flyusage.alerts.errors import ONE_ORGANIZATIONS
from flyusage.alerts.member_mails import Kind
from flyusage.config import settings
from flyusage.invoices.storing import CHANNEL
from flyusage.mail import Postbox
from flyusage.metering.rollup_state import CHANNEL as ROLLED_UP

LOOK_SECONDS = 60.0  # between two looks at how budgets stand
SHARE = 20
WRITERS = {Kind.SUMMARY: summary.write, Kind.ANOMALIES: digest.write}
AT_A_TIME = 8

_log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> None:
    """Watch budgets and send what they tell, until `stop` is set. Several may run."""
    jobs.Worker(Watch().work, channel=CHANNEL, every=5.0).run(stop)


def deliver(stop: threading.Event) -> None:
    """Send messages to endpoints until `stop` is set. Several may run."""
    jobs.Worker(send_due, channel=deliveries.CHANNEL, every=5.0).run(stop)


def watch(stop: threading.Event) -> None:
    """Look for anomalies in what was added up, until `stop` is set. Several may run."""
    jobs.Worker(look_for_anomalies, channel=ROLLED_UP, every=LOOK_SECONDS).run(stop)


def look_for_anomalies() -> bool:
    """A day of each organization that has hours nobody looked at, each in a transaction of its own; whether more is left.

    What fails leaves the others alone.
    """
    with db.platform_transaction() as session:
        due = anomalies.organizations_to_look_at(session)
    is_more = False
    for org_id in jobs.until_stopped(due):
        try:
            with db.transaction(org_id) as session:
                is_more |= anomalies.look_for(session, org_id, days=1)
        except ONE_ORGANIZATIONS as error:
            _log.error("anomalies could not be looked for", org_id=org_id, error=str(error))
    return is_more


def send_due() -> bool:
    """Send what is due, several at a time so that a slow receiver holds up nobody else's; whether more waits."""
    with db.platform_transaction() as session:
        found = deliveries.due(session, SHARE)
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="delivery") as threads:
        for one in [threads.submit(deliveries.send, *key) for key in found]:
            one.result()
    return len(found) == SHARE


class Watch:
    """Rounds over the budgets, once a minute, and over the mail that waits."""

    def __init__(self) -> None:
        self._look_at = 0.0
        self._resume_at = 0.0

    def work(self) -> bool:
        """A round; whether more mail waits."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            look()
            note_member_mails()
        with db.platform_transaction() as session:
            due, chosen = telling.waiting(session, SHARE), member_mails.waiting(session, SHARE)
        if not (due or chosen) or settings().smtp_url is None or time.monotonic() < self._resume_at:
            return False
        with Postbox(settings().smtp_url or "") as postbox:
            for key in due:
                if not telling.send(postbox, key):
                    self._resume_at = time.monotonic() + LOOK_SECONDS
                    return False
            for one in chosen:
                if not member_mails.send(postbox, one, WRITERS[one.kind]):
                    self._resume_at = time.monotonic() + LOOK_SECONDS
                    return False
        return SHARE in (len(due), len(chosen))


def note_member_mails() -> None:
    """Put summaries of the last month and what was out of the ordinary into the queue, each organization's in a transaction of its own.

    What fails leaves the others alone.
    """
    with db.platform_transaction() as session:
        months, days = summary.organizations_due(session), digest.organizations_due(session)
    noting = [(org_id, partial(summary.note_due, org_id=org_id, month=month)) for org_id, month in months]
    noting += [(org_id, partial(digest.note_due, org_id=org_id)) for org_id in days]
    for org_id, note in jobs.until_stopped(noting):
        try:
            with db.transaction(org_id) as session:
                note(session)
        except ONE_ORGANIZATIONS as error:
            _log.error("mails could not be noted", org_id=org_id, error=str(error))


def look() -> None:
    """Note what every organization's budgets have reached, each in a transaction of its own; what fails leaves the others alone."""
    with db.platform_transaction() as session:
        organizations = telling.organizations_with_budgets(session)
    for org_id in jobs.until_stopped(organizations):
        try:
            with db.transaction(org_id) as session:
                telling.note_reached(session, org_id)
        except ONE_ORGANIZATIONS as error:
            _log.error("budgets could not be looked at", org_id=org_id, error=str(error))
