"""The billing page's budget line, asked of the database: the tightest one of everything, and only in the present month."""

from datetime import UTC, date, datetime

import pytest
from cast import Cast

from flyusage import clock, db
from flyusage.alerts.budgets import Plan, create
from flyusage.orgs.acting import system
from flyusage.ui import session
from flyusage.ui.pages.billing.address import Choice
from flyusage.ui.pages.billing.question import ask


def test_the_tightest_budget_of_everything_has_its_line(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "present_person", lambda: session.Person("Ann", session.LOOPBACK, frozenset()))

    def said(month: date | None = None) -> str:
        found = ask("prism", Choice(month=month))
        assert found is not None
        return "".join(one.text for one in found.screen.sentence)

    with clock.freeze(datetime(2026, 10, 9, tzinfo=UTC)):
        assert "Budget" not in said()
        with db.transaction(cast.prism.id) as transaction:
            for plan in (Plan("Loose", 50_000), Plan("Tight", 20_000), Plan("Part", 100, {"region": "fra"})):
                create(transaction, cast.prism.id, plan, by=system("test"))
        assert said().endswith(" Budget Tight: $0.00 of $200.00 used (0 %), before discounts, fees and tax.")
