"""What the budgets page asks of the database, printed. Blocks; call it off the event loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flyusage import clock, db
from flyusage.alerts import budgets as verbs
from flyusage.alerts import saved_views, telling
from flyusage.alerts.budgets import Budget, Plan, Standing
from flyusage.alerts.errors import BudgetInvalid
from flyusage.alerts.saved_views import Reader, SavedView
from flyusage.alerts.telling import Alert
from flyusage.money import CURRENCIES, format_minor, parse_minor
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.permissions import Permission
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing.books import book_of
from flyusage.pricing.urls import view_to_query
from flyusage.pricing.view import Dimension, Measure, View
from flyusage.ui import present
from flyusage.ui.addresses import id_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import usage_href
from flyusage.ui.session import OpenOrganization, open_organization

FULL = 100.0
MOST_ALERTS = 20
VIEW = "view:"  # before a saved view's id, where a form says what a budget is of


@dataclass(frozen=True)
class BudgetRow:
    """A budget as the page shows it. `fill` and `expected_at` are percent of the bar's width, `expected_at` empty without a forecast."""

    id: str
    name: str
    scope: str
    href: str
    amount: str
    spent: str
    percent: str
    tone: str
    fill: str
    expected_at: str
    expected: str
    between: str
    tells: str
    ends: str


@dataclass(frozen=True)
class AlertRow:
    """A threshold that was reached."""

    at: str
    name: str
    what: str
    amount: str
    mail: str


@dataclass(frozen=True)
class Screen:
    """The whole page. `may_edit` shows forms; what they do is decided when they are sent."""

    month: str = ""
    currency: str = ""
    may_edit: bool = False
    rows: list[BudgetRow] = field(default_factory=list)
    alerts: list[AlertRow] = field(default_factory=list)
    dimensions: list[tuple[str, str]] = field(default_factory=list)
    views: list[tuple[str, str]] = field(default_factory=list)


def ask(slug: str) -> Screen | None:
    """How every budget stands, and what they told; None where there is no organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.USAGE_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        found = [verbs.standing(session, org.id, one) for one in verbs.budgets(session, org.id)]
        told = telling.alerts(session, org.id, limit=MOST_ALERTS)
        currency = book_of(session, org.id).currency
        saved = saved_views.views(session, org.id, Reader(org.by, org.permissions))
    month = month_period(clock.now())
    return Screen(
        month=present.period_text(month),
        currency=currency,
        may_edit=Permission.BUDGETS_EDIT in org.permissions,
        rows=[row_of(slug, one, saved) for one in found],
        alerts=[alert_of(one) for one in told],
        dimensions=[(one.value, present.DIMENSIONS[one][0]) for one in Dimension if one is not Dimension.MACHINE],
        views=[(f"{VIEW}{one.id}", visible(one.name)) for one in saved if one.scope and Dimension.MACHINE.value not in one.scope],
    )


def create(slug: str, form: Mapping[str, str]) -> str:
    """Set the budget that the form describes; its name. Raises NotPermitted, BudgetInvalid, ViewUnknown and AddressInvalid."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        plan = plan_of(form, book_of(session, org.id).currency)
        if (number := id_in(form["dimension"].removeprefix(VIEW))) is not None:
            plan = replace(plan, scope=saved_views.view_of(session, org.id, number, Reader(org.by, org.permissions)).scope)
        return verbs.create(session, org.id, plan, by=org.by).plan.name


def end(slug: str, budget_id: int) -> None:
    """End a budget. Raises NotPermitted and BudgetUnknown."""
    org = _org(slug)
    with db.transaction(org.id, apps=org.apps) as session:
        verbs.end(session, org.id, budget_id, by=org.by)


def plan_of(form: Mapping[str, str], currency: str) -> Plan:
    """What a form's fields say: name, amount, dimension, values, percents, expected, recipients. Raises BudgetInvalid. Pure.

    A `dimension` that is a saved view leaves its scope to whoever knows the view.
    """
    minor = parse_minor(form["amount"], CURRENCIES[currency])
    if minor is None:
        raise BudgetInvalid(f"{form['amount'][:40]!r} is no amount in {currency}. Write it as 50000 or 1,234.50.")
    scope = {form["dimension"]: form["values"].strip()} if form["dimension"] and form["values"].strip() else {}
    if form["dimension"].startswith(VIEW):
        scope = {}
    elif form["dimension"] and not scope:
        raise BudgetInvalid("Name what the budget is of, separated by commas, or choose everything.")
    recipients = tuple(form["recipients"].replace(",", " ").replace(";", " ").split())
    return Plan(form["name"], minor, scope, _percents(form["percents"]), _percents(form["expected"]), recipients, bool(form.get("cap")))


def row_of(slug: str, one: Standing, saved: Sequence[SavedView] = ()) -> BudgetRow:
    """A budget's row. Pure."""
    view = saved_views.with_filters_of(saved, one.budget.plan.scope)
    plan, currency, expected = one.budget.plan, CURRENCIES[one.budget.currency], one.expected
    most = max(one.spent_minor, round(expected.expected) if expected else 0)
    said = between = at = ""
    if expected is not None:
        said = f"{format_minor(round(expected.expected), currency)} expected by the month's end"
        between = f"{format_minor(round(expected.low), currency)} to {format_minor(round(expected.high), currency)} in 8 of 10 cases"
        at = _width(100 * expected.expected / plan.amount_minor)
    return BudgetRow(
        id=str(one.budget.id),
        name=visible(plan.name),
        scope=scope_text(plan.scope) + (f", as the saved view {visible(view.name)}" if view else ""),
        href=usage_href(slug, view_to_query(_view(one.budget, month_period(midnight(one.month))))),
        amount=format_minor(plan.amount_minor, currency),
        spent=format_minor(one.spent_minor, currency),
        percent=f"{one.percent:,.0f} %",
        tone="over" if one.spent_minor >= plan.amount_minor else "near" if most >= plan.amount_minor else "calm",
        fill=_width(one.percent),
        expected_at=at,
        expected=said,
        between=between,
        tells=_tells(plan),
        ends=f"The budget {visible(plan.name)} tells nothing any more. What it told stays to be seen; a new one can be set at any time.",
    )


def alert_of(one: Alert) -> AlertRow:
    """An alert's row. Pure."""
    what = {telling.SPENT: f"{one.percent} % spent", telling.EXPECTED: f"{one.percent} % expected", telling.CAP: "all spent: stop"}[
        one.basis
    ]
    amount = format_minor(one.amount_minor, CURRENCIES[one.currency])
    return AlertRow(
        f"{present.moment_text(one.reached_at)} UTC", visible(one.budget_name), what, amount, visible(one.outcome or "Waits to be sent.")
    )


def scope_text(scope: Mapping[str, str]) -> str:
    """What a budget is of, in words. Pure."""
    parts = []
    for written in scope.values():
        values = visible(written.replace("!", "").replace(",", ", "))
        parts.append(f"all but {values}" if written.startswith("!") else values)
    return " in ".join(parts) or "everything"


def _tells(plan: Plan) -> str:
    spent = ", ".join(f"{one} %" for one in plan.percents)
    expected = ", ".join(f"{one} %" for one in plan.forecast_percents)
    when = " and ".join(part for part in (f"{spent} spent" if spent else "", f"{expected} expected" if expected else "") if part)
    whom = ", ".join(plan.recipients) or "this page only"
    said = f"Tells at {when}: {visible(whom)}" if when else "Tells nobody"
    return f"{said}. Asks to stop its machines once all is spent" if plan.is_capped else said


def _view(one: Budget, period: Period) -> View:
    return View(Measure.CONTRACTED_COST, period, Dimension.APP, verbs.filters_of(one))


def _width(percent: float) -> str:
    return f"{max(0.0, min(FULL, percent)):.2f}%"


def _percents(text: str) -> tuple[int, ...]:
    parts = text.replace("%", " ").replace(",", " ").replace(";", " ").split()
    if any(not (part.isascii() and part.isdecimal()) for part in parts):
        raise BudgetInvalid(f"{text[:40]!r} are no percentages. Write them as 50, 80, 100.")
    return tuple(int(part[:9]) for part in parts)


def _org(slug: str) -> OpenOrganization:
    org = open_organization(slug, Permission.BUDGETS_EDIT)
    if org is None:
        raise OrganizationUnknown("There is no organization at this address.")
    return org
