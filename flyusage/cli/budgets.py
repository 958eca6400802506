"""`flyusage budgets`: amounts for each month, how they stand, and what they told."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import Annotated, Any

import typer

from flyusage import db
from flyusage.alerts import telling
from flyusage.alerts.budgets import FORECAST_PERCENTS, PERCENTS, Plan, Standing, budgets, create, end, standing
from flyusage.alerts.errors import BudgetInvalid
from flyusage.cli import asked, bootstrap, remote, views
from flyusage.cli.invoices_there import minor
from flyusage.cli.output import LAST_ID, print_json, print_table
from flyusage.cli.remote import Remote
from flyusage.money import CURRENCIES, format_minor, parse_minor, round_half_away
from flyusage.orgs.acting import system
from flyusage.pricing.books import book_of
from flyusage.pricing.urls import parse_moment

app = typer.Typer(help="Set budgets, see how they stand and what they told.", no_args_is_help=True)
Org = Annotated[str | None, typer.Option("--org", help="The organization's slug; needed where there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BY = system("cli")
MOST_ALERTS = 50


@app.command("list")
def list_budgets(org: Org = None, as_json: AsJson = False) -> None:
    """How each budget stands this month: spent, and expected by the month's end with the 80 % interval.

    Example: flyusage budgets list --org demo
    """
    there = remote.of(org)
    if there is not None:
        found = [_there(there, one) for one in there.get("/budgets")["data"]]
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            found = [_here(standing(session, org_id, one)) for one in budgets(session, org_id)]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo('There is no budget yet. Try: flyusage budgets create "Everything" 50000')
        return
    rows = [(str(one["id"]), one["name"], _scope(one), *_amounts(one)) for one in found]
    print_table(("id", "budget", "of", "amount", "spent", "", "expected", "80 % of cases"), rows)


@app.command("create")
def create_budget(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    amount: Annotated[str, typer.Argument(help="For each calendar month, in the organization's currency: 50000 or 1234.50.")],
    org: Org = None,
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
    told = {
        "name": name, "scope": _filters(scope or []) | (views.named(view, org)["scope"] if view else {}), "percents": percents or list(PERCENTS),
        "forecast_percents": forecast_percents or list(FORECAST_PERCENTS), "recipients": recipients or [], "is_capped": is_capped,
    }  # fmt: skip
    there = remote.of(org)
    if there is not None:
        made = _there(there, there.write("POST", "/budgets", {**told, "amount": amount}))
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            parsed = parse_minor(amount, CURRENCIES[book_of(session, org_id).currency])
            if parsed is None:
                raise BudgetInvalid(f"{amount[:40]!r} is no amount. Write it as 50000 or 1234.50.")
            plan = Plan(
                name, parsed, told["scope"], tuple(told["percents"]), tuple(told["forecast_percents"]), tuple(told["recipients"]), is_capped
            )
            made = _here(standing(session, org_id, create(session, org_id, plan, by=BY)))
    if as_json:
        print_json(made)
    else:
        typer.echo(f"Budget {made['id']}, {made['name']}: {_amounts(made)[1]} of {_amounts(made)[0]} spent so far.")


@app.command("end")
def end_budget(
    budget_id: Annotated[int, typer.Argument(min=1, max=LAST_ID, help="Its number in `flyusage budgets list`.")], org: Org = None
) -> None:
    """End a budget: it tells nothing any more. What it told stays to be seen."""
    there = remote.of(org)
    if there is not None:
        there.write("DELETE", f"/budgets/{budget_id}")
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            end(session, org_id, budget_id, by=BY)
    typer.echo(f"Budget {budget_id} has ended.")


@app.command("alerts")
def list_alerts(org: Org = None, as_json: AsJson = False) -> None:
    """What budgets told, newest first, and to whom."""
    there = remote.of(org)
    if there is not None:
        found = [_alert_there(one) for one in islice(there.pages("/alerts"), MOST_ALERTS)]
    else:
        bootstrap.be_ready()
        org_id = asked.organization(org).id
        with db.transaction(org_id) as session:
            found = [vars(one) for one in telling.alerts(session, org_id, limit=MOST_ALERTS)]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("No budget has told anything yet. `flyusage budgets list` says how each stands.")
        return
    rows = [
        (
            f"{one['reached_at']:%Y-%m-%d %H:%M}", one["budget_name"], f"{one['percent']} % {one['basis']}",
            format_minor(one["amount_minor"], CURRENCIES[one["currency"]]), one["outcome"] or one["last_error"] or "Waiting to be sent.",
        )
        for one in found
    ]  # fmt: skip
    print_table(("at (UTC)", "budget", "reached", "amount", "mail"), rows)


def _filters(given: list[str]) -> dict[str, str]:
    scope: dict[str, str] = {}
    for one in given:
        key, equals, values = one.partition("=")
        if not equals or not values:
            raise BudgetInvalid(f"{one[:60]!r} is no filter. Write it as app=web,api or region=!fra.")
        scope[key.strip()] = f"{scope[key.strip()]},{values}" if key.strip() in scope else values
    return scope


def _scope(one: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in one["scope"].items()) or "everything"


def _amounts(one: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    currency, found = CURRENCIES[one["currency"]], one["expected_minor"]
    expected, between = "–", "–"
    if found is not None:
        expected = format_minor(found["expected"], currency)
        between = f"{format_minor(found['low'], currency)} to {format_minor(found['high'], currency)}"
    percent = round_half_away(Fraction(100 * one["spent_minor"], one["amount_minor"]), 0)
    spent = format_minor(one["spent_minor"], currency)
    return format_minor(one["amount_minor"], currency), spent, f"{percent} %", expected, between


def _here(one: Standing) -> dict[str, Any]:
    plan, expected = one.budget.plan, one.expected
    return {
        "id": one.budget.id, "name": plan.name, "scope": dict(plan.scope), "currency": one.budget.currency, "month": one.month,
        "amount_minor": plan.amount_minor, "spent_minor": one.spent_minor, "percents": list(plan.percents),
        "forecast_percents": list(plan.forecast_percents), "recipients": list(plan.recipients), "is_capped": plan.is_capped,
        "expected_minor": expected and {"expected": round(expected.expected), "low": round(expected.low), "high": round(expected.high)},
    }  # fmt: skip


def _there(there: Remote, one: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a budget as the API tells it, and how it stands there."""
    stands = there.get(f"/budgets/{one['id']}/standing")
    expected, kept = stands["forecast"], ("percents", "forecast_percents", "recipients", "is_capped")
    return {
        "id": one["id"], "name": one["name"], "scope": one["scope"], "currency": one["amount"]["currency"],
        "month": date.fromisoformat(stands["month"]), "amount_minor": minor(one["amount"]), "spent_minor": minor(stands["spent"]),
        **{name: one[name] for name in kept}, "expected_minor": expected and {name: minor(value) for name, value in expected.items()},
    }  # fmt: skip


def _alert_there(one: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: one[name] for name in ("basis", "percent", "outcome", "last_error")}
    return {
        "budget_id": one["budget"], "budget_name": one["name"], "month": date.fromisoformat(one["month"]), "basis": kept.pop("basis"),
        "percent": kept.pop("percent"), "reached_at": parse_moment(one["reached_at"]), "amount_minor": minor(one["amount"]),
        "budget_minor": minor(one["of"]), "currency": one["amount"]["currency"], **kept,
    }  # fmt: skip
