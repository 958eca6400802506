"""`/budgets`: what a month may cost, and whom to tell when it will cost more."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StrictBool
from sqlmodel import Session
from starlette.responses import Response

from flyusage import db
from flyusage.alerts import budgets as verbs
from flyusage.alerts.budgets import FORECAST_PERCENTS, LARGEST_PERCENT, LONGEST_NAME, MOST_RECIPIENTS, PERCENTS, Plan
from flyusage.alerts.errors import BudgetInvalid
from flyusage.api.answers import Id, Money, answer, money
from flyusage.api.auth import Caller, route
from flyusage.api.forms import BUDGET, MONTH
from flyusage.api.writes import Key, written
from flyusage.money import CURRENCIES, parse_minor
from flyusage.orgs.permissions import Permission
from flyusage.pricing.books import book_of
from flyusage.pricing.view import Dimension

router = APIRouter(tags=["budgets"])

READ, EDIT = Permission.USAGE_READ, Permission.BUDGETS_EDIT
Percent = Annotated[int, Field(ge=1, le=LARGEST_PERCENT)]


class Budget(BaseModel):
    """A budget in force."""

    id: int
    name: str
    amount: Money = Field(description="For each calendar month, at contracted prices.")
    scope: dict[str, str] = Field(description="What it is of: the explorer's filters. Empty: everything.")
    percents: list[int] = Field(description="Told when so much of the amount is spent.")
    forecast_percents: list[int] = Field(description="Told when so much is expected by the month's end.")
    recipients: list[str] = Field(description="Mail addresses.")
    is_capped: bool = Field(default=False, description="Whether endpoints are asked to stop its machines once all of it is spent.")
    created_at: datetime


class Budgets(BaseModel):
    """All budgets in force, by name."""

    data: list[Budget]


class WantedBudget(BaseModel):
    """What a budget is to be."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"name": "web in Europe", "amount": "5000.00", "scope": {"app": "web", "continent": "Europe"}}]},
    }

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    amount: str = Field(pattern=BUDGET, description="For a calendar month, in the organization's currency.")
    scope: dict[Dimension, str] = Field(default={}, description="Filters as `/usage` takes them: `web,api`, or `!fra` for all but fra.")
    percents: list[Percent] = Field(default=list(PERCENTS), max_length=20)
    forecast_percents: list[Percent] = Field(default=list(FORECAST_PERCENTS), max_length=20)
    recipients: list[str] = Field(default=[], max_length=MOST_RECIPIENTS, description="Mail addresses.")
    is_capped: StrictBool | None = Field(
        default=None, description="Ask endpoints for a stop when it is spent. Null: as it is, no for a new one."
    )


class Expected(BaseModel):
    """What the month is expected to come to, and between what it lies in eight of ten cases."""

    expected: Money
    low: Money
    high: Money


class Standing(BaseModel):
    """How a budget stands in a month."""

    budget: int
    month: date = Field(description="Its first day.")
    amount: Money
    spent: Money = Field(description="So far.")
    percent: float = Field(description="Of the amount, spent.")
    forecast: Expected | None = Field(description="By the month's end; null once it is over, or without anything to go by.")


@route(router, "GET", "/budgets", needs=READ, response_model=Budgets, summary="Budgets")
def list_budgets(request: Request, bearer: Caller) -> Response:
    """Those in force, by name."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = verbs.budgets(session, bearer.org_id)
    return answer(request, Budgets(data=[_told(one) for one in found]))


@route(router, "GET", "/budgets/{budget}", needs=READ, problems=(404,), response_model=Budget, summary="One budget")
def one_budget(request: Request, bearer: Caller, budget: Id) -> Response:
    """As it is in force."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        found = verbs.budget_of(session, bearer.org_id, budget)
    return answer(request, _told(found))


@route(
    router, "GET", "/budgets/{budget}/standing", needs=READ, problems=(404,), response_model=Standing, summary="How a budget stands"
)  # fmt: skip
def budget_standing(
    request: Request,
    bearer: Caller,
    budget: Id,
    month: Annotated[str | None, Query(pattern=MONTH, description="2026-10; the present month without it.")] = None,
) -> Response:
    """Spent so far, and what is expected by the month's end."""
    with db.transaction(bearer.org_id, apps=bearer.apps) as session:
        one = verbs.budget_of(session, bearer.org_id, budget)
        found = verbs.standing(session, bearer.org_id, one, month=date.fromisoformat(f"{month}-01") if month else None)
    expected = found.expected
    told = Standing(
        budget=budget,
        month=found.month,
        amount=money(one.plan.amount_minor, one.currency),
        spent=money(found.spent_minor, one.currency),
        percent=round(found.percent, 2),
        forecast=None
        if expected is None
        else Expected(**{name: money(round(getattr(expected, name)), one.currency) for name in ("expected", "low", "high")}),
    )
    return answer(request, told)


@route(
    router, "POST", "/budgets", needs=EDIT, problems=(422,), response_model=Budget, status_code=201, summary="Set a budget"
)  # fmt: skip
def create_budget(request: Request, bearer: Caller, wanted: WantedBudget, key: Key = "") -> Response:
    """In the currency of the organization's price book. Repeat it safely with an `Idempotency-Key`."""

    def write(session: Session) -> tuple[int, Budget]:
        return 201, _told(verbs.create(session, bearer.org_id, _plan(session, bearer.org_id, wanted), by=bearer.by))

    return written(request, bearer, key, wanted, write)


@route(router, "PUT", "/budgets/{budget}", needs=EDIT, problems=(404, 422), response_model=Budget, summary="Change a budget")
def change_budget(request: Request, bearer: Caller, budget: Id, wanted: WantedBudget, key: Key = "") -> Response:
    """All of it is replaced; what was told this month stays told."""

    def write(session: Session) -> tuple[int, Budget]:
        asked = _plan(session, bearer.org_id, wanted)
        if wanted.is_capped is None:
            asked = replace(asked, is_capped=verbs.budget_of(session, bearer.org_id, budget).plan.is_capped)
        return 200, _told(verbs.change(session, bearer.org_id, budget, asked, by=bearer.by))

    return written(request, bearer, key, wanted, write)


@route(
    router, "DELETE", "/budgets/{budget}", needs=EDIT, problems=(404, 422), status_code=204, response_class=Response, summary="End a budget"
)  # fmt: skip
def end_budget(request: Request, bearer: Caller, budget: Id, key: Key = "") -> Response:
    """It tells nothing any more; what it told stays to be seen."""

    def write(session: Session) -> tuple[int, None]:
        verbs.end(session, bearer.org_id, budget, by=bearer.by)
        return 204, None

    return written(request, bearer, key, None, write)


def _plan(session: Session, org_id: int, wanted: WantedBudget) -> Plan:
    currency = book_of(session, org_id).currency
    minor = parse_minor(wanted.amount, CURRENCIES[currency])
    if minor is None:
        raise BudgetInvalid(f"{wanted.amount} is no amount of whole minor units of {currency}. Write it as 5000 or 1234.50.")
    scope = {one.value: values for one, values in wanted.scope.items()}
    told = tuple(wanted.percents), tuple(wanted.forecast_percents), tuple(wanted.recipients)
    return Plan(wanted.name, minor, scope, *told, bool(wanted.is_capped))


def _told(one: verbs.Budget) -> Budget:
    plan = one.plan
    return Budget(
        id=one.id,
        name=plan.name,
        amount=money(plan.amount_minor, one.currency),
        scope=dict(plan.scope),
        percents=list(plan.percents),
        forecast_percents=list(plan.forecast_percents),
        recipients=list(plan.recipients),
        is_capped=plan.is_capped,
        created_at=one.created_at,
    )
