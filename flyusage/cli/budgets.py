"""`flyusage budgets`: amounts for each month, how they stand, and what they told."""

from typing import Annotated

import typer
from sqlmodel import Session

from flyusage import db
from flyusage.alerts import saved_views, telling
from flyusage.alerts.budgets import FORECAST_PERCENTS, PERCENTS, Plan, Standing, budgets, create, end, standing
from flyusage.alerts.errors import BudgetInvalid
from flyusage.cli import bootstrap, views
from flyusage.cli.output import print_json, print_table
from flyusage.money import CURRENCIES, format_minor, parse_minor
from flyusage.orgs.acting import system
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.books import book_of

app = typer.Typer(help="Set budgets, see how they stand and what they told.", no_args_is_help=True)
Org = Annotated[str, typer.Option("--org", help="The organization's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BY = system("cli")


@app.command("list")
def list_budgets(org: Org, as_json: AsJson = False) -> None:
    """How each budget stands this month: spent, and expected by the month's end with the 80 % interval.

    Example: flyusage budgets list --org demo
    """
    bootstrap.be_ready()
    org_id = _org_id(org)
    with db.transaction(org_id) as session:
        found = [standing(session, org_id, one) for one in budgets(session, org_id)]
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    if not found:
        typer.echo(f'{org} has no budget yet. Try: flyusage budgets create "Everything" 50000 --org {org}')
        return
    rows = [(str(one.budget.id), one.budget.plan.name, _scope(one), *_amounts(one)) for one in found]
    print_table(("id", "budget", "of", "amount", "spent", "", "expected", "80 % of cases"), rows)


@app.command("create")
def create_budget(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    amount: Annotated[str, typer.Argument(help="For each calendar month, in the organization's currency: 50000 or 1234.50.")],
    org: Org,
    scope: Annotated[
        list[str] | None, typer.Option("--only", metavar="DIMENSION=VALUES", help="A filter, as in the explorer's address: app=web,api.")
    ] = None,
    view: Annotated[str, typer.Option("--view", help="Of what a saved view's filters leave, beside --only.", show_default=False)] = "",
    percents: Annotated[list[int] | None, typer.Option("--at", help="Tell when this percentage is spent; several may be given.")] = None,
    forecast_percents: Annotated[list[int] | None, typer.Option("--expected", help="Tell when this percentage is expected.")] = None,
    recipients: Annotated[list[str] | None, typer.Option("--tell", metavar="ADDRESS", help="Whom to write to.")] = None,
    is_capped: Annotated[bool, typer.Option("--cap", help="Ask endpoints to stop its machines once all of it is spent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set a budget.

    Example: flyusage budgets create "Web in Europe" 1200 --org demo --only app=web --only continent=Europe --tell ann@example.com
    """
    bootstrap.be_ready()
    org_id = _org_id(org)
    with db.transaction(org_id) as session:
        minor = parse_minor(amount, CURRENCIES[book_of(session, org_id).currency])
        if minor is None:
            raise BudgetInvalid(f"{amount[:40]!r} is no amount. Write it as 50000 or 1234.50.")
        filters = _filters(scope or []) | (_scope_of(session, org_id, view) if view else {})
        told = tuple(percents or PERCENTS), tuple(forecast_percents or FORECAST_PERCENTS), tuple(recipients or ())
        plan = Plan(name, minor, filters, *told, is_capped)
        made = standing(session, org_id, create(session, org_id, plan, by=BY))
    if as_json:
        print_json(_as_json(made))
    else:
        typer.echo(f"Budget {made.budget.id}, {made.budget.plan.name}: {_amounts(made)[1]} of {_amounts(made)[0]} spent so far.")


@app.command("end")
def end_budget(budget_id: Annotated[int, typer.Argument(help="Its number in `flyusage budgets list`.")], org: Org) -> None:
    """End a budget: it tells nothing any more. What it told stays to be seen."""
    bootstrap.be_ready()
    org_id = _org_id(org)
    with db.transaction(org_id) as session:
        end(session, org_id, budget_id, by=BY)
    typer.echo(f"Budget {budget_id} has ended.")


@app.command("alerts")
def list_alerts(org: Org, as_json: AsJson = False) -> None:
    """What budgets told, newest first, and to whom."""
    bootstrap.be_ready()
    org_id = _org_id(org)
    with db.transaction(org_id) as session:
        found = telling.alerts(session, org_id)
    if as_json:
        print_json([vars(one) for one in found])
        return
    rows = [
        (
            f"{one.reached_at:%Y-%m-%d %H:%M}", one.budget_name, f"{one.percent} % {one.basis}",
            format_minor(one.amount_minor, CURRENCIES[one.currency]), one.outcome or one.last_error or "Waiting to be sent.",
        )
        for one in found
    ]  # fmt: skip
    print_table(("at (UTC)", "budget", "reached", "amount", "mail"), rows)


def _org_id(slug: str) -> int:
    with db.lookup_transaction() as session:
        return organization_by_slug(session, slug).id


def _filters(given: list[str]) -> dict[str, str]:
    scope: dict[str, str] = {}
    for one in given:
        key, equals, values = one.partition("=")
        if not equals or not values:
            raise BudgetInvalid(f"{one[:60]!r} is no filter. Write it as app=web,api or region=!fra.")
        scope[key.strip()] = f"{scope[key.strip()]},{values}" if key.strip() in scope else values
    return scope


def _scope_of(session: Session, org_id: int, name: str) -> dict[str, str]:
    return saved_views.view_named(session, org_id, name, views.OPERATOR).scope


def _scope(one: Standing) -> str:
    return ", ".join(f"{key} {value}" for key, value in one.budget.plan.scope.items()) or "everything"


def _amounts(one: Standing) -> tuple[str, str, str, str, str]:
    currency = CURRENCIES[one.budget.currency]
    expected, between = "–", "–"
    if one.expected is not None:
        expected = format_minor(round(one.expected.expected), currency)
        between = f"{format_minor(round(one.expected.low), currency)} to {format_minor(round(one.expected.high), currency)}"
    return (
        format_minor(one.budget.plan.amount_minor, currency), format_minor(one.spent_minor, currency), f"{one.percent:.0f} %",
        expected, between,
    )  # fmt: skip


def _as_json(one: Standing) -> dict[str, object]:
    plan, expected = one.budget.plan, one.expected
    return {
        "id": one.budget.id, "name": plan.name, "scope": dict(plan.scope), "currency": one.budget.currency, "month": one.month,
        "amount_minor": plan.amount_minor, "spent_minor": one.spent_minor, "percents": plan.percents,
        "forecast_percents": plan.forecast_percents, "recipients": plan.recipients, "is_capped": plan.is_capped,
        "expected_minor": expected and {"expected": round(expected.expected), "low": round(expected.low), "high": round(expected.high)},
    }  # fmt: skip
