"""Which thresholds were reached, and the mail that says so.

A threshold is reached once a month: its row's key says budget, month, basis and percent, and whoever comes second with it finds it
there. The row is also the mail's place in the queue. It is held while the message is handed over and noted as done with the server's
answer; a process that dies in the instant between sends it again under the same Message-ID, by which mail systems know the two for one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.budgets import Standing, budgets, standing
from flyusage.alerts.models import budget_alert
from flyusage.config import settings
from flyusage.logs import harmless
from flyusage.mail import Letter, MailRefused, MailServerDown, Postbox, compose
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs import audit

SPENT, EXPECTED = "spent", "expected"
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 3600.0
LONGEST_ERROR = 1000


@dataclass(frozen=True)
class Alert:
    """A threshold that was reached: `amount_minor` of `budget_minor` were spent, or expected by the month's end."""

    budget_id: int
    budget_name: str
    month: date
    basis: str
    percent: int
    reached_at: datetime
    amount_minor: int
    budget_minor: int
    currency: str
    outcome: str | None
    last_error: str | None


def organizations_with_budgets(session: Session) -> list[int]:
    """Their ids, without those that are deleted. Needs the platform's role."""
    return list(session.scalars(sa.text(_WITH_BUDGETS)))


def note_reached(session: Session, org_id: int) -> list[Standing]:
    """Note the thresholds of the organization's budgets that are reached this month and were not before; how each budget stands.

    When several of a budget are reached at once, the highest tells and the others are noted as told with it.
    """
    found = [standing(session, org_id, one) for one in budgets(session, org_id)]
    for one in found:
        for basis, percents, amount in _measured(one):
            _note(
                session,
                org_id,
                one,
                basis,
                [percent for percent in percents if amount * 100 >= one.budget.plan.amount_minor * percent],
                amount,
            )
    return found


def alerts(session: Session, org_id: int, *, limit: int = 50) -> list[Alert]:
    """What was reached, newest first."""
    rows = session.execute(sa.text(_ALERTS), {"org": org_id, "limit": limit})
    return [Alert(*row) for row in rows]


def waiting(session: Session, limit: int) -> list[tuple[int, int, date, str, int]]:
    """The keys of alerts whose mail is due. Needs the platform's role."""
    return [tuple(row) for row in session.execute(sa.text(_DUE), {"now": clock.now(), "limit": limit})]


def send(postbox: Postbox, key: tuple[int, int, date, str, int]) -> bool:
    """Hand one alert's mail over, in a transaction of its own; False where the server takes none now."""
    try:
        with db.platform_transaction() as session:
            row = session.execute(sa.text(_CLAIM), _binds(key)).mappings().one_or_none()
            if row is not None:
                _finish(session, key, _hand_over(postbox, row))
    except MailRefused as error:
        _failed(key, str(error))
    except MailServerDown as error:
        _failed(key, str(error))
        return False
    return True


def letter(alert: Alert, org: str, link: str | None) -> Letter:
    """What a reached threshold's mail says. Pure."""
    currency = CURRENCIES[alert.currency]
    amount, whole = format_minor(alert.amount_minor, currency), format_minor(alert.budget_minor, currency)
    month = f"{alert.month:%B %Y}"
    if alert.basis == SPENT:
        subject = f"Budget {alert.budget_name}: {alert.percent} % spent"
        said = f"{org} has spent {amount} of the {whole} that the budget {alert.budget_name} allows for {month}, {alert.percent} % or more."
    else:
        subject = f"Budget {alert.budget_name}: {alert.percent} % expected"
        said = (
            f"At the present pace {org} will have spent {amount} by the end of {month}. "
            f"The budget {alert.budget_name} allows {whole}: that is {alert.percent} % of it or more."
        )
    more = "It is told once a month. Cost is usage at your own prices, before fees, credits and tax."
    lines = [said, *([link] if link else []), more]
    linked = f'<p><a href="{escape(link, quote=True)}">Open the budgets</a></p>' if link else ""
    return Letter(subject=subject, text="\n\n".join(lines) + "\n", html=f"<p>{escape(said)}</p>{linked}<p>{escape(more)}</p>")


def _measured(one: Standing) -> Iterator[tuple[str, tuple[int, ...], int]]:
    yield SPENT, one.budget.plan.percents, one.spent_minor
    if one.expected is not None:
        yield EXPECTED, one.budget.plan.forecast_percents, round(one.expected.expected)


def _note(session: Session, org_id: int, one: Standing, basis: str, percents: list[int], amount_minor: int) -> None:
    now, made = clock.now(), []
    for percent in percents:
        binds = {
            "org": org_id, "budget": one.budget.id, "month": one.month, "basis": basis, "percent": percent, "now": now,
            "amount": amount_minor, "whole": one.budget.plan.amount_minor,
        }  # fmt: skip
        if session.execute(sa.text(_REACH), binds).first() is not None:
            made.append(percent)
    for percent in made[:-1]:
        _finish(session, (org_id, one.budget.id, one.month, basis, percent), f"Told with {made[-1]} %.")
    if made and not one.budget.plan.recipients:
        _finish(session, (org_id, one.budget.id, one.month, basis, made[-1]), "Not sent: the budget names nobody.")
    if made:
        detail = {"budget": one.budget.plan.name, "basis": basis, "percents": made, "amount_minor": amount_minor}
        audit.record(session, org_id, actor="system:budgets", action="budget.reach", subject=f"budget:{one.budget.id}", detail=detail)


def _hand_over(postbox: Postbox, row: sa.RowMapping) -> str:
    if row["ended_at"] is not None:
        return "Not sent: the budget has ended."
    if not row["recipients"]:
        return "Not sent: the budget names nobody."
    found = Alert(
        row["budget_id"], row["name"], row["month"], row["basis"], row["percent"], row["reached_at"], row["amount_minor"],
        row["budget_minor"], row["currency"], None, None,
    )  # fmt: skip
    base = settings().base_url
    link = f"{base.rstrip('/')}/orgs/{row['slug']}/budgets" if base else None
    message_id: UUID = row["key"]
    sender = (row["seller"] or "flyusage", settings().mail_from or row["seller_email"] or "no-reply@localhost")
    written = compose(letter(found, row["org_name"], link), sender=sender, to=row["recipients"], message_id=str(message_id), at=clock.now())
    refused = postbox.send(written)
    taken = ", ".join(one for one in row["recipients"] if one not in refused)
    return f"Sent to {taken}." + "".join(f" Refused for {address}: {said}." for address, said in refused.items())


def _finish(session: Session, key: tuple[int, int, date, str, int], outcome: str) -> None:
    session.execute(sa.text(_DONE), {**_binds(key), "now": clock.now(), "outcome": outcome[:LONGEST_ERROR]})


def _failed(key: tuple[int, int, date, str, int], error: str) -> None:
    """Tried again after a pause that doubles from 5 s to an hour, with jitter."""
    with db.platform_transaction() as session:
        of = budget_alert.c
        attempts = session.scalar(sa.text(_ATTEMPTS), _binds(key)) or 0
        pause = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(attempts, 16)) * (0.5 + random.random())
        session.execute(
            sa.update(budget_alert)
            .where(of.org_id == key[0], of.budget_id == key[1], of.month == key[2], of.basis == key[3], of.percent == key[4])
            .values(
                attempts=attempts + 1,
                last_error=harmless(error)[:LONGEST_ERROR],
                due_at=clock.now() + timedelta(seconds=pause),
            )
        )


def _binds(key: tuple[int, int, date, str, int]) -> dict[str, object]:
    return dict(zip(("org", "budget", "month", "basis", "percent"), key, strict=True))


_ONE = "a.org_id = :org AND a.budget_id = :budget AND a.month = :month AND a.basis = :basis AND a.percent = :percent"
_REACH = """
INSERT INTO budget_alert (org_id, budget_id, month, basis, percent, reached_at, amount_minor, budget_minor, due_at)
VALUES (:org, :budget, :month, :basis, :percent, :now, :amount, :whole, :now) ON CONFLICT DO NOTHING RETURNING percent"""
_DONE = f"UPDATE budget_alert AS a SET done_at = :now, outcome = :outcome WHERE {_ONE} AND a.done_at IS NULL"
_ATTEMPTS = f"SELECT attempts FROM budget_alert AS a WHERE {_ONE}"
_DUE = """
SELECT a.org_id, a.budget_id, a.month, a.basis, a.percent FROM budget_alert a JOIN organization o ON o.id = a.org_id
WHERE a.done_at IS NULL AND a.due_at <= :now AND o.deleted_at IS NULL ORDER BY a.due_at LIMIT :limit"""
_CLAIM = f"""
SELECT a.*, b.name, b.currency, b.recipients, b.ended_at, o.slug, o.name AS org_name, s.name AS seller, s.email AS seller_email
FROM budget_alert a JOIN budget b ON b.org_id = a.org_id AND b.id = a.budget_id JOIN organization o ON o.id = a.org_id
LEFT JOIN (SELECT name, email FROM seller ORDER BY starts_on DESC LIMIT 1) AS s ON true
WHERE {_ONE} AND a.done_at IS NULL FOR UPDATE OF a SKIP LOCKED"""
_ALERTS = """
SELECT a.budget_id, b.name, a.month, a.basis, a.percent, a.reached_at, a.amount_minor, a.budget_minor, b.currency, a.outcome, a.last_error
FROM budget_alert a JOIN budget b ON b.org_id = a.org_id AND b.id = a.budget_id
WHERE a.org_id = :org ORDER BY a.reached_at DESC, a.budget_id, a.basis, a.percent DESC LIMIT :limit"""
_WITH_BUDGETS = """
SELECT DISTINCT b.org_id FROM budget b JOIN organization o ON o.id = b.org_id WHERE b.ended_at IS NULL AND o.deleted_at IS NULL ORDER BY b.org_id"""
