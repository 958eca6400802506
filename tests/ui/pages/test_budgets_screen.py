"""What the budgets page prints, and what its form means."""

from datetime import UTC, date, datetime

import pytest

from flyusage.alerts.budgets import Budget, Plan, Standing
from flyusage.alerts.errors import BudgetInvalid
from flyusage.alerts.telling import Alert
from flyusage.pricing.forecast import Forecast
from flyusage.ui.pages.budgets.question import alert_of, plan_of, row_of, scope_text

FORM = {
    "name": "Web", "amount": "1,234.50", "dimension": "app", "values": " web, api ", "percents": "50, 80 %; 100", "expected": "",
    "recipients": "ann@example.com; bob@example.com",
}  # fmt: skip


def standing(spent_minor: int, expected: Forecast | None = None, *, amount_minor: int = 10_000) -> Standing:
    plan = Plan("Web", amount_minor, {"app": "web"}, recipients=("ann@example.com",))
    return Standing(Budget(7, plan, "USD", datetime(2026, 10, 1, tzinfo=UTC)), date(2026, 10, 1), spent_minor, expected)


@pytest.mark.parametrize(
    ("spent", "expected", "tone", "fill"),
    [
        (5_000, None, "calm", "50.00%"),
        (5_000, Forecast(9_999, 9_000, 11_000), "calm", "50.00%"),
        (5_000, Forecast(10_000, 9_000, 11_000), "near", "50.00%"),
        (10_000, Forecast(15_000, 9_000, 20_000), "over", "100.00%"),
        (40_000, None, "over", "100.00%"),
        (0, None, "calm", "0.00%"),
    ],
)
def test_a_bar_is_as_full_as_its_budget_and_never_fuller(spent: int, expected: Forecast | None, tone: str, fill: str):
    row = row_of("prism", standing(spent, expected))
    assert (row.tone, row.fill) == (tone, fill)


def test_a_row_says_what_is_spent_expected_and_told():
    row = row_of("prism", standing(5_000, Forecast(8_000.4, 7_000, 9_000)))
    assert (row.spent, row.amount, row.percent, row.scope) == ("$50.00", "$100.00", "50 %", "web")
    assert row.expected == "$80.00 expected by the month's end"
    assert row.between == "$70.00 to $90.00 in 8 of 10 cases"
    assert row.expected_at == "80.00%"
    assert row.tells == "Tells at 50 %, 80 %, 100 % spent and 100 % expected: ann@example.com"
    assert row.href.startswith("/orgs/prism/usage?show=contracted_cost&by=app&from=2026-10-01")
    assert "app=web" in row.href


def test_a_form_is_a_plan():
    plan = plan_of(FORM, "USD")
    assert (plan.amount_minor, plan.scope, plan.percents, plan.forecast_percents) == (123_450, {"app": "web, api"}, (50, 80, 100), ())
    assert plan.recipients == ("ann@example.com", "bob@example.com")
    assert plan_of({**FORM, "dimension": ""}, "USD").scope == {}


@pytest.mark.parametrize(
    ("changed", "part"),
    [({"amount": "much"}, "no amount in USD"), ({"percents": "half"}, "no percentages"), ({"values": " "}, "Name what the budget is of")],
)
def test_what_a_form_cannot_mean_is_a_sentence(changed: dict[str, str], part: str):
    with pytest.raises(BudgetInvalid, match=part):
        plan_of({**FORM, **changed}, "USD")


@pytest.mark.parametrize(
    ("scope", "words"),
    [({}, "everything"), ({"app": "web,api"}, "web, api"), ({"app": "web", "region": "!fra"}, "web in all but fra")],
)
def test_a_scope_is_said_in_words(scope: dict[str, str], words: str):
    assert scope_text(scope) == words


def test_an_alert_says_when_what_and_to_whom():
    one = Alert(7, "Web", date(2026, 10, 1), "spent", 80, datetime(2026, 10, 9, 4, 5, tzinfo=UTC), 8_000, 10_000, "USD", None, None)
    row = alert_of(one)
    assert (row.what, row.amount, row.mail) == ("80 % spent", "$80.00", "Waits to be sent.")
