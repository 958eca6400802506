"""Mail about invoices, sent from the outbox: at issue with the PDF, when voided, when overdue; and the notices that prices change or a token ends.

Each mail goes once. A task's row is held while its message is handed over, and noted as done the moment the server has answered
for it. If this process dies in the instant between that answer and the commit, the message goes again, under the same
Message-ID, by which mail systems know the two for one: SMTP leaves no way to close that window without risking that none goes.
"""

import threading
import time
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from flyusage import clock, db, jobs
from flyusage.config import settings
from flyusage.invoices import letters, outbox, token_mail
from flyusage.invoices.billed import document_of
from flyusage.invoices.document import Document
from flyusage.invoices.models import invoice_document
from flyusage.invoices.storing import CHANNEL, tell
from flyusage.mail import Attachment, Letter, MailRefused, MailServerDown, Postbox, compose
from flyusage.pricing.experiments import BEGINS, due_notices, experiment_named, hand_over

KIND = "mail"
SHARE = 20  # mails between two looks at whether to stop
ISSUED, VOIDED, REMINDER, PRICES = "issued", "voided", "reminder", "prices"
UNSET = "Mail is not set up: FLYUSAGE_SMTP_URL is not set. It waits here and goes as soon as it is."

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Mail:
    """A letter and whom it goes to. Without anybody it is not sent, and `letter` is None where there is nothing to say any more."""

    letter: Letter | None
    to: tuple[str, ...]
    sender: tuple[str, str]
    instead: str = ""


def run(stop: threading.Event) -> None:
    """Send what waits, and write reminders and notices when they are due, until `stop` is set. Several may run."""
    jobs.Worker(Post().work, channel=CHANNEL, every=5.0).run(stop)


class Post:
    """Rounds over the mail that waits. A server that is down is left alone for longer and longer, up to five minutes."""

    def __init__(self) -> None:
        self._resume_at = 0.0
        self._downs = 0
        self._said_unset = False

    def work(self) -> bool:
        """A share of the mail that waits; whether more is left."""
        with db.platform_transaction() as session:
            remember_overdue(session)
            take_over_notices(session)
            tell(session, token_mail.ending(session))
            waiting = outbox.due(session, KIND, SHARE)
        if not waiting or not self._is_set() or time.monotonic() < self._resume_at:
            return False
        with Postbox(settings().smtp_url or "") as postbox:
            for org_id, task_id in waiting:
                if not self._send(postbox, org_id, task_id):
                    return False
        return len(waiting) == SHARE

    def _is_set(self) -> bool:
        is_set = settings().smtp_url is not None
        if not is_set and not self._said_unset:
            _log.warning(UNSET)
        self._said_unset = not is_set
        return is_set

    def _send(self, postbox: Postbox, org_id: int, task_id: int) -> bool:
        """One mail, in a transaction of its own; False when the server is down."""
        task = None
        try:
            with db.platform_transaction() as session:
                task = outbox.claim(session, org_id, task_id)
                if task is not None:
                    outbox.done(session, task, _hand_over(session, postbox, task))
        except MailRefused as error:
            assert task is not None
            outbox.failed(task, "refused", str(error))
            _log.warning("a mail was refused", org_id=org_id, task=task_id, error=str(error))
        except MailServerDown as error:
            assert task is not None
            outbox.failed(task, "down", str(error))
            self._resume_at = time.monotonic() + min(300.0, outbox.back_off(self._downs))
            self._downs += 1
            _log.warning("the mail server does not take mail", error=str(error))
            return False
        self._downs = 0
        return True


def remember_overdue(session: Session) -> None:
    """Put a reminder of each open invoice into the outbox whose day has come, once for each of FLYUSAGE_REMINDER_DAYS.

    After a time without a worker only the latest is written, not those that were missed.
    """
    days = settings().reminders
    if days:
        rows = session.execute(sa.text(_OVERDUE), {"days": list(days), "today": clock.now().date()}).all()
        tell(session, [{"org_id": row.org_id, "kind": KIND, "invoice_id": row.id, "action": f"{REMINDER} {row.day}"} for row in rows])


def take_over_notices(session: Session) -> None:
    """Put the mails of price experiments that are due into the outbox."""
    notices = due_notices(session)
    tell(
        session,
        [
            {
                "org_id": one.org_id,
                "kind": KIND,
                "invoice_id": outbox.NO_INVOICE,
                "action": f"{PRICES} {one.experiment} {one.kind} {one.changes_on}",
            }
            for one in notices
        ],
    )
    hand_over(session, notices)


def mail_of(session: Session, task: outbox.Task) -> Mail:
    """What a task's mail says now, and to whom."""
    verb, *rest = task.action.split(" ")
    if verb == PRICES:
        return _notice(session, task, *rest)
    if verb == token_mail.ENDS:
        return _token(session, task, int(rest[0]))
    document = document_of(session, task.org_id, task.invoice_id)
    to, link = _contacts(session, task.org_id), _link(session, task.org_id, f"invoices/{document.number}")
    sender = _sender(document)
    if verb == ISSUED:
        return Mail(letters.issued(document, _files(session, task, document), link), to, sender)
    row = session.execute(sa.text(_STATE), {"org": task.org_id, "id": task.invoice_id}).one()
    if verb == VOIDED:
        return Mail(letters.voided(document, row.closed_reason or "", link), to, sender)
    if row.state != "open" or not row.balance_minor:
        return Mail(None, to, sender, f"Not sent: the invoice is {row.state}.")
    days_over = (clock.now().date() - row.due_on).days
    return Mail(letters.reminder(document, row.balance_minor, days_over, _files(session, task, document), link), to, sender)


def _hand_over(session: Session, postbox: Postbox, task: outbox.Task) -> str:
    """Send a task's mail; what to note of it. Raises MailRefused and MailServerDown."""
    mail = mail_of(session, task)
    if mail.letter is None:
        return mail.instead
    if not mail.to:
        return "Not sent: the organization names no billing contact."
    refused = postbox.send(compose(mail.letter, sender=mail.sender, to=mail.to, message_id=str(task.key), at=clock.now()))
    taken = ", ".join(one for one in mail.to if one not in refused)
    return f"Sent to {taken}." + "".join(f" Refused for {address}: {said}." for address, said in refused.items())


def _notice(session: Session, task: outbox.Task, slug: str, kind: str, day: str) -> Mail:
    row = session.execute(sa.text(_NOTICED), {"org": task.org_id}).one()
    found = experiment_named(session, slug)
    changes_on = found.starts_on if kind == BEGINS else found.ends_on
    sender = (row.seller, settings().mail_from or row.seller_email)
    if str(changes_on) != day or (kind == BEGINS and found.was_cancelled):
        return Mail(None, tuple(row.emails or ()), sender, "Not sent: the day has changed since.")
    change = letters.PriceChange(
        row.buyer, row.seller, found.starts_on if changes_on is None else changes_on, kind != BEGINS, found.was_cancelled
    )
    return Mail(letters.price_change(change, _link(session, task.org_id, "prices")), tuple(row.emails or ()), sender)


def _token(session: Session, task: outbox.Task, token_id: int) -> Mail:
    told = token_mail.told_of(session, task.org_id, token_id)
    row = session.execute(sa.text(_NOTICED), {"org": task.org_id}).one()
    sender = (row.seller, settings().mail_from or row.seller_email)
    if told is None or not told.to:
        return Mail(None, (), sender, "Not sent: the token does not work any more.")
    return Mail(token_mail.letter(told, _link(session, task.org_id, "tokens")), told.to, sender)


def _contacts(session: Session, org_id: int) -> tuple[str, ...]:
    """The organization's billing contacts as they are now."""
    return tuple(session.execute(sa.text("SELECT emails FROM billing_profile WHERE org_id = :org"), {"org": org_id}).scalar() or ())


def _sender(document: Document) -> tuple[str, str]:
    return document.seller.name, settings().mail_from or document.seller.email or ""


def _files(session: Session, task: outbox.Task, document: Document) -> tuple[Attachment, ...]:
    of = invoice_document.c
    pdf = session.scalar(sa.select(of.pdf).where(of.org_id == task.org_id, of.invoice_id == task.invoice_id))
    return (Attachment(f"{document.number}.pdf", bytes(pdf), "pdf"),) if pdf is not None else ()


def _link(session: Session, org_id: int, page: str) -> str | None:
    base = settings().base_url
    if base is None:
        return None
    slug = session.execute(sa.text("SELECT slug FROM organization WHERE id = :org"), {"org": org_id}).scalar_one()
    return f"{base.rstrip('/')}/orgs/{slug}/{page}"


_OVERDUE = f"""
SELECT i.org_id, i.id, max(day) AS day FROM invoice i JOIN unnest(CAST(:days AS int[])) AS day ON i.due_on + day <= :today
WHERE i.state = 'open' AND i.balance_minor > 0 AND i.due_on < :today AND i.kind = 'invoice'
GROUP BY i.org_id, i.id
HAVING NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = i.org_id AND o.kind = 'mail' AND o.invoice_id = i.id
                                          AND o.action = '{REMINDER} ' || max(day))
ORDER BY i.org_id, i.id LIMIT 1000"""
_STATE = "SELECT state, balance_minor, due_on, closed_reason FROM invoice WHERE org_id = :org AND id = :id"
_NOTICED = """
SELECT coalesce(p.legal_name, o.name) AS buyer, p.emails, s.name AS seller, s.email AS seller_email
FROM organization o LEFT JOIN billing_profile p ON p.org_id = o.id
CROSS JOIN (SELECT name, email FROM seller ORDER BY starts_on DESC LIMIT 1) AS s WHERE o.id = :org"""
