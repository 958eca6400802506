"""Budgets over the API, and what sending a write twice does."""

from typing import TYPE_CHECKING

import billed_site
import pytest
import sqlalchemy as sa
from asking_api import ask, token_of

from flyusage import clock, db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.orgs.acting import system

if TYPE_CHECKING:
    from conftest import Database

PLAN = {"name": "web", "amount": "5000.50", "scope": {"app": "web", "region": "!fra"}, "recipients": ["ops@example.com"]}


@pytest.fixture
def org_id(database: "Database"):
    with billed_site.filled() as found:
        yield found


def test_a_budget_is_set_changed_and_ended_and_the_audit_names_the_token(org_id: int):
    token = token_of(org_id)
    made = ask("/budgets", token=token, method="POST", json=PLAN)
    assert made.status_code == 201
    assert made.json()["amount"] == {"amount": "5000.50", "currency": "USD"}
    assert (made.json()["percents"], made.json()["scope"]) == ([50, 80, 100], PLAN["scope"])
    path = f"/budgets/{made.json()['id']}"
    assert ask(path, token=token).json() == made.json()
    changed = ask(path, token=token, method="PUT", json={**PLAN, "amount": "70", "percents": [90]})
    assert (changed.json()["amount"]["amount"], changed.json()["percents"]) == ("70.00", [90])
    assert [one["name"] for one in ask("/budgets", token=token).json()["data"]] == ["web"]
    assert ask(path, token=token, method="DELETE").status_code == 204
    assert ask(path, token=token, method="DELETE").json()["code"] == "budget_unknown"
    with db.platform_transaction() as session:
        rows = session.execute(sa.text("SELECT action, actor FROM audit_event WHERE action LIKE 'budget.%' ORDER BY id")).all()
    assert [action for action, _ in rows] == ["budget.create", "budget.change", "budget.end"]
    assert all(actor.startswith("token:") for _, actor in rows)


def test_a_change_leaves_the_stop_of_a_budget_as_it_was(org_id: int):
    with db.transaction(org_id) as session:
        kept = budgets.create(session, org_id, Plan("web", 5000, is_capped=True), by=system("tests"))
    assert ask(f"/budgets/{kept.id}", token=token_of(org_id), method="PUT", json=PLAN).status_code == 200
    with db.transaction(org_id) as session:
        assert budgets.budget_of(session, org_id, kept.id).plan.is_capped


def test_the_same_key_does_nothing_twice(org_id: int):
    token, other = token_of(org_id), token_of(org_id)
    headers = {"idempotency-key": "k-1"}

    def send(secret: str = token, **more):
        return ask("/budgets", token=secret, method="POST", headers=headers, json={**PLAN, **more})

    first, again = send(), send()
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert "idempotent-replayed" not in first.headers
    refused = send(amount="1")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert send(other).json()["code"] == "budget_invalid"  # another token's key is another one: the name is taken
    assert len(ask("/budgets", token=token).json()["data"]) == 1
    path = f"/budgets/{first.json()['id']}"
    ended = [ask(path, token=token, method="DELETE", headers={"idempotency-key": "k-2"}).status_code for _ in range(2)]
    assert ended == [204, 204]
    with clock.freeze(clock.now().replace(day=28)):  # a key is good for a day
        assert send().json()["id"] != first.json()["id"]


def test_a_write_that_failed_is_not_remembered(org_id: int):
    token, headers = token_of(org_id), {"idempotency-key": "k"}
    wrong = ask("/budgets", token=token, method="POST", headers=headers, json={**PLAN, "recipients": ["nobody"]})
    assert wrong.status_code == 422
    assert ask("/budgets", token=token, method="POST", headers=headers, json=PLAN).status_code == 201


def test_credit_notes_alone(org_id: int):
    token = token_of(org_id)
    kinds = [
        {one["kind"] for one in ask("/invoices", token=token, params={"kind": kind}).json()["data"]} for kind in ("invoice", "credit_note")
    ]
    assert kinds[0] == {"invoice"} and kinds[1] <= {"credit_note"}


def test_an_address_names_all_the_methods_it_answers(org_id: int):
    told = [ask(path, token=token_of(org_id), method="OPTIONS") for path in ("/budgets", "/budgets/1", "/usage")]
    assert [(one.status_code, one.headers["allow"]) for one in told] == [
        (405, "GET, HEAD, POST"),
        (405, "DELETE, GET, HEAD, PUT"),
        (405, "GET, HEAD"),
    ]
