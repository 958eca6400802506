"""Which thresholds were reached, and the mail that says so.

A threshold is reached once a month: its row's key says budget, month, basis and percent, and whoever comes second with it finds it
there. The row is also the mail's place in the queue. It is held while the message is handed over and noted as done with the server's
answer; a process that dies in the instant between sends it again under the same Message-ID, by which mail systems know the two for one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import escape
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import deliveries
from flyusage.alerts.budgets import Standing, budgets, standing
from flyusage.alerts.caps import running_in
from flyusage.alerts.deliveries import Message
from flyusage.alerts.endpoints import BUDGETS, STOPS
from flyusage.alerts.models import budget_alert
from flyusage.alerts.places import page_link, told_of
from flyusage.config import settings
from flyusage.logs import harmless
from flyusage.mail import Letter, MailRefused, MailServerDown, Postbox, compose
from flyusage.mail_page import bar, button, document, figure, html_name, one_line, quiet, tinted
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs import audit

SPENT, EXPECTED, CAP = "spent", "expected", "cap"
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


@dataclass(frozen=True)
class Reached:
    """Where a page of alerts ends: the last one's place in the list."""

    at: datetime
    budget_id: int
    month: date
    basis: str
    percent: int


def organizations_with_budgets(session: Session) -> list[int]:
    """Their ids, without those that are deleted. Needs the platform's role."""
    return list(session.scalars(sa.text(_WITH_BUDGETS)))


def note_reached(session: Session, org_id: int) -> list[Standing]:
    """Note the thresholds of the organization's budgets that are reached this month and were not before; how each budget stands.

    When several of a budget are reached at once, the highest tells and the others are noted as told with it.
    """
    found = [standing(session, org_id, one) for one in budgets(session, org_id)]
    for one in found:
        whole = one.budget.plan.amount_minor
        for basis, percents, amount in _measured(one):
            _note(session, org_id, one, basis, [percent for percent in percents if amount * 100 >= whole * percent], amount)
        if one.budget.plan.is_capped and one.spent_minor >= whole:
            _cap(session, org_id, one)
    return found


def alerts(session: Session, org_id: int, *, limit: int = 50, after: Reached | None = None) -> list[Alert]:
    """What was reached, newest first; `after` continues behind the last one of a page."""
    place = {name: getattr(after, name, None) for name in ("at", "budget_id", "month", "basis", "percent")}
    rows = session.execute(sa.text(_ALERTS), {"org": org_id, "limit": limit, **place})
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
    subject, said = said_of(alert, org)
    more = "It is told once a month. Cost is usage at your own prices, before fees, credits and tax."
    lines = [said, *([link] if link else []), more]
    return Letter(subject=subject, text="\n\n".join(lines) + "\n", html=_html(alert, org, link, (subject, said, more)))


def _html(alert: Alert, org: str, link: str | None, words: tuple[str, str, str]) -> str:
    """The figure first, as in every mail with figures; then how far it is, as a bar that needs no picture."""
    subject, said, more = words
    currency, is_over = CURRENCIES[alert.currency], alert.amount_minor > alert.budget_minor
    amount, whole = format_minor(alert.amount_minor, currency), format_minor(alert.budget_minor, currency)
    of_it = alert.amount_minor * 100 // alert.budget_minor if alert.budget_minor else 100
    parts = [
        quiet(f"{html_name(org)} · {html_name(alert.budget_name)} · {alert.month:%B %Y}"),
        figure(amount),
        tinted(f"{of_it:,} % of {whole} {'spent' if alert.basis == SPENT else 'expected by the end of the month'}", is_over=is_over),
        bar(of_it, is_over=is_over),
        f'<p style="margin:16px 0 0">{escape(one_line(said))}</p>',
        button(link, "Open the budgets"),
    ]
    return document(subject, said, parts, [more])


def said_of(alert: Alert, org: str) -> tuple[str, str]:
    """A reached threshold as a subject and as a sentence. Pure."""
    currency = CURRENCIES[alert.currency]
    amount, whole = format_minor(alert.amount_minor, currency), format_minor(alert.budget_minor, currency)
    name, month = alert.budget_name, f"{alert.month:%B %Y}"
    if alert.basis == SPENT:
        said = f"{org} has spent {amount} of the {whole} that the budget {name} allows for {month}, {alert.percent} % or more."
        return f"Budget {name}: {alert.percent} % spent", said
    pace = f"At the present pace {org} will have spent {amount} by the end of {month}."
    return (
        f"Budget {name}: {alert.percent} % expected",
        f"{pace} The budget {name} allows {whole}: that is {alert.percent} % of it or more.",
    )


def plain_minor(minor: int, currency: str) -> str:
    """An amount as webhooks tell it: `1234.50`, without currency or separators."""
    exponent = CURRENCIES[currency].exponent
    return str(Decimal(minor).scaleb(-exponent).quantize(Decimal(1).scaleb(-exponent)))


def _measured(one: Standing) -> Iterator[tuple[str, tuple[int, ...], int]]:
    yield SPENT, one.budget.plan.percents, one.spent_minor
    if one.expected is not None:
        yield EXPECTED, one.budget.plan.forecast_percents, round(one.expected.expected)


def _note(session: Session, org_id: int, one: Standing, basis: str, percents: list[int], amount_minor: int) -> None:
    made = {percent: key for percent in percents if (key := _reach(session, org_id, one, basis, percent, amount_minor)) is not None}
    if not made:
        return
    *others, told = sorted(made)
    for percent in others:
        _finish(session, (org_id, one.budget.id, one.month, basis, percent), f"Told with {told} %.")
    if not one.budget.plan.recipients:
        _finish(session, (org_id, one.budget.id, one.month, basis, told), "Not sent: the budget names nobody.")
    _announce(session, org_id, _alert(one, basis, told, amount_minor), made[told])
    detail = {"budget": one.budget.plan.name, "basis": basis, "percents": list(made), "amount_minor": amount_minor}
    audit.record(session, org_id, actor="system:budgets", action="budget.reach", subject=f"budget:{one.budget.id}", detail=detail)


def _cap(session: Session, org_id: int, one: Standing) -> None:
    """Ask endpoints, once a month, to stop what runs in the scope of a budget that is spent."""
    key = _reach(session, org_id, one, CAP, 100, one.spent_minor)
    if key is None:
        return
    found = running_in(session, org_id, one.budget)
    place = told_of(session, org_id)
    name, whole = one.budget.plan.name, format_minor(one.budget.plan.amount_minor, CURRENCIES[one.budget.currency])
    text = f"Stop: {place.name} has spent all {whole} of the budget {name} for {one.month:%B %Y}; {found.words()}."
    facts = {
        **_facts(_alert(one, CAP, 100, one.spent_minor)), "scope": dict(one.budget.plan.scope), **found.facts(),
    }  # fmt: skip
    asked = deliveries.announce(
        session, org_id, STOPS, Message(deliveries.message_id(key), "budget.stop", text, facts, place.link("/budgets"))
    )
    outcome = f"Asked {asked:,} {'endpoint' if asked == 1 else 'endpoints'} to stop {found.count:,} running machines."
    _finish(session, (org_id, one.budget.id, one.month, CAP, 100), outcome if asked else "Asked nobody: no endpoint hears of stops.")
    detail = {"budget": name, "endpoints": asked, "running": found.count, "named": len(found.machines), "amount_minor": one.spent_minor}
    audit.record(session, org_id, actor="system:budgets", action="budget.stop", subject=f"budget:{one.budget.id}", detail=detail)


def _reach(session: Session, org_id: int, one: Standing, basis: str, percent: int, amount_minor: int) -> UUID | None:
    """The new row's key; None where it was reached before, here or in another worker."""
    binds = {
        "org": org_id, "budget": one.budget.id, "month": one.month, "basis": basis, "percent": percent, "now": clock.now(),
        "amount": amount_minor, "whole": one.budget.plan.amount_minor,
    }  # fmt: skip
    return session.execute(sa.text(_REACH), binds).scalar()


def _announce(session: Session, org_id: int, alert: Alert, key: UUID) -> None:
    place = told_of(session, org_id)
    said = Message(deliveries.message_id(key), "budget.reached", said_of(alert, place.name)[1], _facts(alert), place.link("/budgets"))
    deliveries.announce(session, org_id, BUDGETS, said)


def _facts(alert: Alert) -> dict[str, object]:
    return {
        "budget": alert.budget_name, "budget_id": alert.budget_id, "month": f"{alert.month:%Y-%m}", "basis": alert.basis,
        "percent": alert.percent, "amount": plain_minor(alert.amount_minor, alert.currency),
        "budget_amount": plain_minor(alert.budget_minor, alert.currency), "currency": alert.currency,
    }  # fmt: skip


def _alert(one: Standing, basis: str, percent: int, amount_minor: int) -> Alert:
    plan = one.budget.plan
    return Alert(
        one.budget.id, plan.name, one.month, basis, percent, clock.now(), amount_minor, plan.amount_minor, one.budget.currency, None, None
    )


def _hand_over(postbox: Postbox, row: sa.RowMapping) -> str:
    if row["ended_at"] is not None:
        return "Not sent: the budget has ended."
    if not row["recipients"]:
        return "Not sent: the budget names nobody."
    found = Alert(
        row["budget_id"], row["name"], row["month"], row["basis"], row["percent"], row["reached_at"], row["amount_minor"],
        row["budget_minor"], row["currency"], None, None,
    )  # fmt: skip
    link = page_link(row["slug"], "/budgets")
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
VALUES (:org, :budget, :month, :basis, :percent, :now, :amount, :whole, :now) ON CONFLICT DO NOTHING RETURNING key"""
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
WHERE a.org_id = :org AND (CAST(:at AS timestamptz) IS NULL OR a.reached_at < :at OR a.reached_at = :at
  AND (a.budget_id, a.month, a.basis, -a.percent) > (:budget_id, CAST(:month AS date), :basis, -CAST(:percent AS integer)))
ORDER BY a.reached_at DESC, a.budget_id, a.month, a.basis, a.percent DESC LIMIT :limit"""
_WITH_BUDGETS = """
SELECT DISTINCT b.org_id FROM budget b JOIN organization o ON o.id = b.org_id WHERE b.ended_at IS NULL AND o.deleted_at IS NULL ORDER BY b.org_id"""
