"""Anomalies by mail, for organizations none of whose endpoints hears of them: at most one mail a day, each anomaly in one of them."""

from datetime import datetime, timedelta
from html import escape

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.anomalies import Found, anomalies_told, sentence, view_of
from flyusage.alerts.endpoints import ANOMALIES, endpoints
from flyusage.alerts.member_mails import Due, Kind, Recipient, note
from flyusage.alerts.places import Place, told_of
from flyusage.mail import Letter
from flyusage.mail_page import button, document, heading, html_name, link, one_line, plain, rows
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs.permissions import Permission
from flyusage.pricing.urls import view_to_query

FRESH = timedelta(days=2)  # what is longer over is shown, and not sent


def organizations_due(session: Session) -> list[int]:
    """Those that have anomalies which no mail told yet, and had none today. Needs the platform's role."""
    return list(session.scalars(sa.text(_UNTOLD), {"since": clock.now() - FRESH, "today": clock.now().date()}))


def note_due(session: Session, org_id: int) -> int:
    """Put today's mails into the queue; how many: none where an endpoint hears of anomalies, or while they are looked for.

    In the organization's own transaction.
    """
    if endpoints(session, org_id, topic=ANOMALIES):
        return 0
    if _is_looked_at(session, org_id):
        return 0
    now = clock.now()
    last = session.scalar(sa.text("SELECT max(told_to) FROM member_mail WHERE org_id = :org AND kind = 'anomalies'"), {"org": org_id})
    since = max(last, now - FRESH) if last else now - FRESH
    if not _fresh(session, org_id, since, now):
        return 0
    return note(session, org_id, Kind.ANOMALIES, now.date(), (since, now))


def write(due: Due, to: Recipient, stop: str | None) -> Letter | None:
    """The mail to one member; None where none of it is of their apps."""
    with db.transaction(due.org_id, apps=to.apps) as session:
        found, place = _fresh(session, due.org_id, due.told_from, due.told_to), told_of(session, due.org_id)
    return digest_letter(place, found, stop, sees_machines=Permission.MACHINES_READ in to.permissions) if found else None


def digest_letter(place: Place, found: list[Found], stop: str | None, *, sees_machines: bool) -> Letter:
    """What the mail says, the costliest first. Pure."""
    most = found[0]
    count = f"{len(found):,} anomalies" if len(found) > 1 else "an anomaly"
    subject = f"{plain(place.name)}: {_signed(most)}, {plain(most.where)}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    said = [plain_sentence(one, sees_machines=sees_machines) for one in found]
    links = [place.link("/usage", view_to_query(view_of(one))) for one in found]
    foot = [
        "At most once a day, since no endpoint of yours hears of anomalies.",
        "Choose your mails on your account's page. Times are UTC.",
    ]
    text = [f"flyusage found {count}:", *("\n".join([one, *([href] if href else [])]) for one, href in zip(said, links, strict=True))]
    text += ["\n".join(foot), *([f"Stop this mail: {stop}"] if stop else [])]
    lines = [
        (link(href, html_name(one.where)), escape(words), _signed(one), "up" if one.is_rise else "down")
        for one, words, href in zip(found, said, links, strict=True)
    ]
    parts = [
        f'<h1 style="margin:0;font-size:20px;line-height:1.3;font-weight:650">{html_name(place.name)}: {count}</h1>',
        heading("Against what is usual"),
        rows(lines),
        button(place.link("/alerts"), "Open alerts"),
    ]
    return Letter(subject, "\n\n".join(text) + "\n", document(subject, said[0], parts, foot, stop=stop), stop_link=stop)


def plain_sentence(one: Found, *, sees_machines: bool) -> str:
    """What happened and why, as one line whatever names are in it. Pure."""
    return one_line(f"{sentence(one)} {one.cause.words(with_names=sees_machines)}".strip())


def _is_looked_at(session: Session, org_id: int) -> bool:
    """Whether anomalies are being looked for: what is told there is of before now, and not to be read yet. Else nobody looks until we end."""
    watched = session.scalar(sa.text("SELECT count(*) FROM anomaly_watch WHERE org_id = :org"), {"org": org_id})
    held = session.scalars(sa.text("SELECT 1 FROM anomaly_watch WHERE org_id = :org FOR UPDATE SKIP LOCKED"), {"org": org_id}).all()
    return len(held) != watched


def _fresh(session: Session, org_id: int, since: datetime, until: datetime) -> list[Found]:
    return [one for one in anomalies_told(session, org_id, since, until) if until - one.until < FRESH]


def _signed(one: Found) -> str:
    return ("+" if one.is_rise else "−") + format_minor(abs(one.difference_minor), CURRENCIES[one.currency])


_UNTOLD = """
SELECT DISTINCT a.org_id FROM anomaly a JOIN organization o ON o.id = a.org_id
WHERE o.deleted_at IS NULL AND a.told_at > :since
  AND NOT EXISTS (SELECT FROM member_mail w WHERE w.org_id = a.org_id AND w.kind = 'anomalies' AND (w.about = :today OR w.told_to >= a.told_at))
ORDER BY a.org_id"""
