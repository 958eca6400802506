"""Budgets: an amount for each calendar month, of everything or of what a filter leaves, and when to tell whom.

What counts is contracted cost: usage at the organization's own prices, before invoices reduce it or add fees. It is asked of the
explorer's engine, so that a budget and its chart cannot differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts.errors import BudgetInvalid, BudgetUnknown
from flyusage.alerts.models import budget
from flyusage.auth.accounts import normal
from flyusage.money import CURRENCIES, to_minor
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission
from flyusage.periods import DAY, Period, midnight, month_period, month_start
from flyusage.pricing import urls
from flyusage.pricing.ahead import ahead
from flyusage.pricing.books import book_of
from flyusage.pricing.explorer import explore
from flyusage.pricing.forecast import Forecast
from flyusage.pricing.view import Dimension, Filter, Granularity, Measure, View

LONGEST_NAME = 100
MOST_RECIPIENTS = 20
MOST_BUDGETS = 200
LARGEST_PERCENT = 1000
PERCENTS, FORECAST_PERCENTS = (50, 80, 100), (100,)


@dataclass(frozen=True)
class Plan:
    """What a budget is to be. `scope` are the explorer's filters as its address writes them (`{"app": "web,api"}`); empty: everything.

    `percents` of `amount_minor` are told when that much is spent, `forecast_percents` when it is expected by the month's end. One that
    `is_capped` asks endpoints, once all of it is spent, to stop what of its scope runs.
    """

    name: str
    amount_minor: int
    scope: Mapping[str, str] = field(default_factory=dict)
    percents: tuple[int, ...] = PERCENTS
    forecast_percents: tuple[int, ...] = FORECAST_PERCENTS
    recipients: tuple[str, ...] = ()
    is_capped: bool = False


@dataclass(frozen=True)
class Budget:
    """A budget in force."""

    id: int
    plan: Plan
    currency: str
    created_at: datetime


@dataclass(frozen=True)
class Standing:
    """How a budget stands in a month, minor units: spent so far, and by the month's end (None: over, or nothing to go by)."""

    budget: Budget
    month: date
    spent_minor: int
    expected: Forecast | None

    @property
    def percent(self) -> float:
        """Of the amount, spent."""
        return 100 * self.spent_minor / self.budget.plan.amount_minor


def create(session: Session, org_id: int, plan: Plan, *, by: Actor) -> Budget:
    """A new budget in the currency of the organization's price book. Raises NotPermitted and BudgetInvalid."""
    by.may(Permission.BUDGETS_EDIT)
    sound, currency = _sound(plan), book_of(session, org_id).currency
    _require_own(session, sound)
    present = budgets(session, org_id)
    if len(present) >= MOST_BUDGETS:
        raise BudgetInvalid(f"An organization has {MOST_BUDGETS} budgets at most. End one that nobody needs.")
    if any(one.plan.name == sound.name for one in present):
        raise BudgetInvalid(f"There is a budget called {sound.name} already. Give this one another name.")
    now = clock.now()
    put = insert(budget).values(
        org_id=org_id, **_columns(sound), app_ids=_apps(session, org_id, sound), currency=currency, created_at=now, created_by=by.name
    )
    made = session.execute(put.on_conflict_do_nothing().returning(budget.c.id)).scalar()
    if made is None:  # one that the reader does not see
        raise BudgetInvalid(f"There is a budget called {sound.name} already. Give this one another name.")
    audit.record(session, org_id, actor=by.name, action="budget.create", subject=f"budget:{made}", detail=_columns(sound))
    return Budget(made, sound, currency, now)


def change(session: Session, org_id: int, budget_id: int, plan: Plan, *, by: Actor) -> Budget:
    """Another amount, scope, thresholds or recipients; what was told this month stays told.

    Raises NotPermitted, BudgetInvalid and BudgetUnknown.
    """
    by.may(Permission.BUDGETS_EDIT)
    before, sound = budget_of(session, org_id, budget_id, is_held=True), _sound(plan)
    _require_own(session, sound)
    if any(one.plan.name == sound.name and one.id != budget_id for one in budgets(session, org_id)):
        raise BudgetInvalid(f"There is a budget called {sound.name} already. Give this one another name.")
    of = budget.c
    session.execute(
        sa.update(budget).where(of.org_id == org_id, of.id == budget_id).values(**_columns(sound), app_ids=_apps(session, org_id, sound))
    )
    detail = {"before": _columns(before.plan), "after": _columns(sound)}
    audit.record(session, org_id, actor=by.name, action="budget.change", subject=f"budget:{budget_id}", detail=detail)
    return Budget(budget_id, sound, before.currency, before.created_at)


def end(session: Session, org_id: int, budget_id: int, *, by: Actor) -> None:
    """The budget tells nothing any more. Raises NotPermitted and BudgetUnknown."""
    by.may(Permission.BUDGETS_EDIT)
    ending = budget_of(session, org_id, budget_id, is_held=True)
    of = budget.c
    session.execute(sa.update(budget).where(of.org_id == org_id, of.id == budget_id).values(ended_at=clock.now()))
    audit.record(session, org_id, actor=by.name, action="budget.end", subject=f"budget:{budget_id}", detail={"name": ending.plan.name})


def budgets(session: Session, org_id: int) -> list[Budget]:
    """Those in force, by name."""
    of = budget.c
    rows = session.execute(sa.select(budget).where(of.org_id == org_id, of.ended_at.is_(None)).order_by(of.name, of.id)).mappings()
    return [_budget(row) for row in rows]


def budget_of(session: Session, org_id: int, budget_id: int, *, is_held: bool = False) -> Budget:
    """The budget in force with that id; `is_held` so that nobody else changes it meanwhile. Raises BudgetUnknown."""
    of = budget.c
    asked = sa.select(budget).where(of.org_id == org_id, of.id == budget_id, of.ended_at.is_(None))
    row = session.execute(asked.with_for_update() if is_held else asked).mappings().one_or_none()
    if row is None:
        raise BudgetUnknown("There is no such budget, or it has ended. Open the list of budgets for those there are.")
    return _budget(row)


def standing(session: Session, org_id: int, one: Budget, *, month: date | None = None) -> Standing:
    """How `one` stands in `month` (by default the present one): spent so far, and what is expected by its end."""
    now = clock.now()
    whole = month_period(midnight(month)) if month else month_period(now)
    spent = explore(session, org_id, _view(one, whole), now=now)
    minor = to_minor(spent.total, CURRENCIES[one.currency])
    return Standing(one, whole.start.date(), minor, _expected(session, org_id, one, whole, minor))


def filters_of(one: Budget) -> tuple[Filter, ...]:
    """The filters that the budget counts under."""
    return _filters(one.plan.scope)


@dataclass(frozen=True)
class Outlook:
    """What the present month comes to by its end (`total`), and what each day from today on costs, in units of the currency."""

    total: Forecast
    days: tuple[Forecast, ...]


def outlook(session: Session, org_id: int, filters: tuple[Filter, ...]) -> Outlook | None:
    """Where the present month is heading under `filters`; None where there is nothing to go by."""
    now = clock.now()
    found = ahead(session, org_id, Measure.CONTRACTED_COST, filters, now=now)
    if found is None:
        return None
    spent = explore(session, org_id, View(Measure.CONTRACTED_COST, month_period(now), None, filters, Granularity.DAY), now=now)
    so_far, rest = float(spent.total), found.rest  # what today cost so far is spent; only the rest of it is expected
    return Outlook(Forecast(so_far + rest.expected, so_far + rest.low, so_far + rest.high), found.days())


def _expected(session: Session, org_id: int, one: Budget, whole: Period, spent_minor: int) -> Forecast | None:
    now = clock.now()
    found = ahead(session, org_id, Measure.CONTRACTED_COST, filters_of(one), now=now) if now in whole else None
    if found is None:
        return None
    rest, units = found.rest, 10 ** CURRENCIES[one.currency].exponent
    return Forecast(spent_minor + units * rest.expected, spent_minor + units * rest.low, spent_minor + units * rest.high)


def _view(one: Budget, period: Period) -> View:
    return View(Measure.CONTRACTED_COST, period, None, filters_of(one), Granularity.DAY)


def _filters(scope: Mapping[str, str]) -> tuple[Filter, ...]:
    now = clock.now()
    view, notices = urls.view_from_query(dict(scope), now=now, history=Period(month_start(now), now + DAY))
    if notices:
        raise BudgetInvalid(f"That is no filter of the explorer: {' '.join(notices)}")
    return view.filters


def _sound(plan: Plan) -> Plan:
    """The plan as it is kept. Raises BudgetInvalid."""
    name = "".join(one for one in plan.name if one.isprintable()).strip()
    if not name or len(name) > LONGEST_NAME:
        raise BudgetInvalid(f"A budget has a name of 1 to {LONGEST_NAME} characters.")
    if not 0 < plan.amount_minor < 2**53:
        raise BudgetInvalid("A budget's amount is above zero.")
    # Not of machines: who sets budgets may be somebody whose role sees no single machine.
    unknown = set(plan.scope) - {one.value for one in Dimension if one is not Dimension.MACHINE}
    if unknown:
        raise BudgetInvalid(f"A budget counts under the explorer's filters but machines; {', '.join(sorted(unknown))} is none.")
    scope = {key: value for key, value in plan.scope.items() if value}
    if not all(map(urls.is_holdable, scope.values())):
        raise BudgetInvalid("A budget's filters name what is there; one of them holds a character that no name has.")
    _filters(scope)
    recipients = tuple(dict.fromkeys(normal(one) for one in plan.recipients if one.strip()))
    if len(recipients) > MOST_RECIPIENTS:
        raise BudgetInvalid(f"A budget tells {MOST_RECIPIENTS} people at most. Name a mailing list instead.")
    return Plan(name, plan.amount_minor, scope, _percents(plan.percents), _percents(plan.forecast_percents), recipients, plan.is_capped)


def _require_own(session: Session, plan: Plan) -> None:
    """Raise BudgetInvalid where somebody who sees some apps only would be told of others."""
    if db.granted_apps(session) is not None and _named(plan) is None:
        raise BudgetInvalid("You see some apps only, and a budget of everything would tell of the others. Name the apps that it is of.")


def _named(plan: Plan) -> frozenset[str] | None:
    """The apps that the plan is of, None where it names none or says which to leave out."""
    chosen = [frozenset(one.values) for one in _filters(plan.scope) if one.dimension is Dimension.APP and not one.is_exclusion]
    return frozenset.intersection(*chosen) if chosen else None


def _apps(session: Session, org_id: int, plan: Plan) -> list[int] | None:
    """The same as ids: what decides who sees the budget. None too where one of them is unknown; who sees some apps only is told so."""
    named = _named(plan)
    if named is None:
        return None
    known = session.scalars(
        sa.text("SELECT id FROM app WHERE org_id = :org AND name = ANY(CAST(:names AS text[])) ORDER BY id"),
        {"org": org_id, "names": sorted(named)},
    ).all()
    if len(known) == len(named):
        return list(known)
    if db.granted_apps(session) is not None:
        raise BudgetInvalid("One of these apps is not known here. Write them as the explorer does.")
    return None


def _percents(given: Iterable[int]) -> tuple[int, ...]:
    found = tuple(sorted(set(given)))
    if any(not 0 < one <= LARGEST_PERCENT for one in found):
        raise BudgetInvalid(f"A threshold is between 1 and {LARGEST_PERCENT} percent.")
    return found


def _columns(plan: Plan) -> dict[str, object]:
    return {
        "name": plan.name, "scope": dict(plan.scope), "amount_minor": plan.amount_minor, "percents": list(plan.percents),
        "forecast_percents": list(plan.forecast_percents), "recipients": list(plan.recipients), "is_capped": plan.is_capped,
    }  # fmt: skip


def _budget(row: sa.RowMapping) -> Budget:
    plan = Plan(
        row["name"],
        row["amount_minor"],
        row["scope"],
        tuple(row["percents"]),
        tuple(row["forecast_percents"]),
        tuple(row["recipients"]),
        row["is_capped"],
    )
    return Budget(row["id"], plan, row["currency"], row["created_at"])
