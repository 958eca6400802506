"""The billing page's questions to the database, answered ready to print. Blocks; call it off the event loop."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import budgets
from flyusage.invoices import queries
from flyusage.invoices.adjusting import late_usage
from flyusage.invoices.drafting import read
from flyusage.invoices.issuing import closes_at
from flyusage.invoices.models import Kind, State
from flyusage.invoices.outlook import outlook
from flyusage.invoices.queries import InvoiceEntry, Wanted
from flyusage.invoices.totals import MonthTotal, month_totals
from flyusage.orgs.permissions import Permission
from flyusage.periods import Period
from flyusage.pricing import explorer
from flyusage.ui import month_totals as printed
from flyusage.ui.charts.figure import Figure
from flyusage.ui.pages.billing.address import OVERDUE, Choice
from flyusage.ui.pages.billing.listing import Issued, listing, standing
from flyusage.ui.pages.billing.rows import InvoiceList, Screen, Standing
from flyusage.ui.pages.billing.screen import Told, draft_screen, issued_screen
from flyusage.ui.session import OpenOrganization, open_organization

PAGE_LENGTH = 50


@dataclass(frozen=True)
class Answered:
    """The page, and the chart of what was billed by month, where anything was."""

    screen: Screen
    months: Figure | None = None


def ask(slug: str, choice: Choice) -> Answered | None:
    """The page; None where there is no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.INVOICES_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        totals = month_totals(session, org.id)
        code = totals[-1].currency if totals else ""
        screen = replace(
            _month(session, org, choice),
            standing=_standing(session, org, totals),
            invoices=_listing(session, org, choice, totals),
            months_billed=printed.month_totals(totals, code),
        )
    return Answered(screen, printed.month_figure(totals, code) if code else None)


def _month(session: Session, org: OpenOrganization, choice: Choice) -> Screen:
    now = clock.now()
    history = explorer.history(session, org.id)
    months = list(Period(min(history.start, now) if history else now, now + timedelta(seconds=1)).months())[::-1]
    month = choice.month if choice.month in months else months[0]
    told = Told(
        org.slug, month, months, now, choice, closes_at(month), _unbilled(session, org.id, months, month),
        _budget(session, org) if month == months[0] else None, Permission.MACHINES_READ in org.permissions,
    )  # fmt: skip
    if month != months[0] and (issued := _issued(session, org.id, month)):
        return issued_screen(told, queries.detail(session, org.id, issued.id))
    reading, late = read(session, org.id, month), late_usage(session, org.id, month).lines
    return draft_screen(told, reading.statement(late), outlook(session, reading, late))


def _unbilled(session: Session, org_id: int, months: list[date], shown: date) -> date | None:
    """The month before the present one, where that is looked at, had usage and has no invoice."""
    if shown != months[0] or len(months) == 1:
        return None
    return None if _issued(session, org_id, months[1]) else months[1]


def _budget(session: Session, org: OpenOrganization) -> budgets.Standing | None:
    """How the tightest budget of everything stands, for who may see budgets."""
    if Permission.USAGE_READ not in org.permissions:
        return None
    whole = [one for one in budgets.budgets(session, org.id) if not one.plan.scope]
    tightest = min(whole, key=lambda one: one.plan.amount_minor, default=None)
    return budgets.standing(session, org.id, tightest) if tightest else None


def _issued(session: Session, org_id: int, month: date) -> InvoiceEntry | None:
    """The invoice of a month, if there is one that holds."""
    page = queries.invoices(session, org_id, Wanted(year=month.year), limit=queries.MOST)
    is_it = (one for one in page.entries if one.starts_on == month and one.kind is Kind.INVOICE and one.state is not State.VOID)
    return next(is_it, None)


def _listing(session: Session, org: OpenOrganization, choice: Choice, totals: Sequence[MonthTotal]) -> InvoiceList:
    states = (State(choice.state),) if choice.state in set(State) else ()
    wanted = Wanted(states, choice.year, choice.find, overdue_only=choice.state == OVERDUE)
    page = queries.invoices(session, org.id, wanted, limit=PAGE_LENGTH, after=choice.after or None)
    years = sorted({total.month.year for total in totals}, reverse=True)
    return listing(org.slug, Issued(page, years, _last_month(clock.now())), choice)


def _standing(session: Session, org: OpenOrganization, totals: Sequence[MonthTotal]) -> list[Standing]:
    """What is to be paid, the last invoice, and what this year came to; nothing before the first invoice."""
    page = queries.invoices(session, org.id, Wanted(), limit=1)
    return standing(org.slug, page, [one for one in totals if one.month.year == clock.now().year], clock.now().year)


def _last_month(now: datetime) -> date:
    return (now.date().replace(day=1) - timedelta(days=1)).replace(day=1)
