import ast
import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

import flyusage
from flyusage.invoices.models import Kind
from flyusage.orgs.audit import AuditEntry, Wanted
from flyusage.orgs.permissions import Permission
from flyusage.pricing.agreements import Agreement
from flyusage.ui.pages.audit.address import Choice, audit_href, choice_in
from flyusage.ui.pages.audit.screen import Found, detail_text, screen, who
from flyusage.ui.pages.audit.words import ACTIONS, words_of

NOW = datetime(2026, 11, 15, 9, 30, 7, tzinfo=UTC)


def entry(number: int, **given: object) -> AuditEntry:
    said = {"actor": "user:7", "action": "session.start", "subject": "user:7", "detail": {}, "address": "192.0.2.7"} | given
    return AuditEntry(id=number, at=NOW, **said)  # pyright: ignore[reportArgumentType]


def shown(*entries: AuditEntry, has_more: bool = False, choice: Choice | None = None):
    found = Found(entries, has_more, {7: "Ada"}, ["system:cli", "user:7"], ["session.start"], len(entries), "ab" * 32)
    return screen("prism", choice or Choice(), found)


def test_an_entry_is_told_with_names_times_and_words():
    (row,) = shown(entry(3)).rows
    assert (row.who, row.action, row.subject, row.at, row.address) == ("Ada", "Signed in", "", "Nov 15, 09:30:07", "192.0.2.7")
    assert (row.detail, row.name) == ("", "session.start")
    assert shown(entry(3, actor="system:cli")).rows[0].subject == "Ada"


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("user:7", "Ada"),
        ("user:8", "Somebody who is no member now (user:8)"),
        ("staff:7", "Ada (flyusage staff)"),
        ("staff:8", "flyusage staff"),
        ("system:cli", "The command line"),
        ("system:tests", "tests"),
        ("user:" + "9" * 30, "user:" + "9" * 30),
        ("\u202euser", "‹RLO›user"),
    ],
)
def test_people_are_called_by_their_names(actor: str, said: str):
    assert who(actor, {7: "Ada"}) == said


def test_what_changed_is_said_before_and_after():
    assert (
        detail_text({"role": {"from": "viewer", "to": "admin"}, "email": "ada@example.com"})
        == "role: viewer → admin · email: ada@example.com"
    )
    assert detail_text({"from": None, "to": "Infra"}) == "nothing → Infra"
    assert detail_text({"apps": ["web", "api"], "days": 3}) == "apps: web, api · days: 3"
    assert (
        detail_text({"assigned": [["web", "2026-10", "Shop"], ["api", "2026-10", None]]})
        == "assigned: web 2026-10 Shop, api 2026-10 nothing"
    )
    assert detail_text({"is_synthetic": True, "emails": []}) == "is synthetic: yes · emails: nothing"
    assert detail_text({"device": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}) == "Firefox on Linux"
    assert len(detail_text({"x": "é" * 10_000})) < 450


def test_pages_follow_one_another_and_keep_the_filters():
    choice = Choice(actor="user:7", since=date(2026, 11, 1), before=90)
    page = shown(entry(9), entry(8), has_more=True, choice=choice)
    assert page.next_href == "/orgs/prism/audit?actor=user%3A7&from=2026-11-01&before=8"
    assert page.first_href == "/orgs/prism/audit?actor=user%3A7&from=2026-11-01"
    assert page.csv_href == "/orgs/prism/audit.csv?actor=user%3A7&from=2026-11-01"
    assert page.json_href == "/orgs/prism/audit.jsonl"  # a chain with holes could not be checked
    assert not shown(entry(9)).next_href


def test_an_empty_audit_says_what_will_fill_it():
    assert shown().empty_title == "Nothing has been recorded yet"
    assert shown(choice=Choice(action="x")).empty_title == "No entry matches"


def test_days_of_the_address_are_whole_and_included():
    chosen = choice_in(MappingProxyType({"from": "2026-11-01", "to": "2026-11-02", "actor": "user:7", "action": ""}))
    assert chosen.wanted == Wanted("user:7", None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC))
    assert (
        choice_in(dict(part.split("=") for part in audit_href("prism", chosen).partition("?")[2].replace("%3A", ":").split("&"))) == chosen
    )


@pytest.mark.parametrize("junk", [None, 7, [], {"a": 1}, "x" * 1000, "9" * 50, "2026-99-99", "0001-01-01", "-1", "\0"])
def test_nonsense_chooses_nothing(junk: object):
    chosen = choice_in({"from": junk, "to": junk, "before": junk})
    assert (chosen.since, chosen.until) == (None, None)
    assert chosen.before is None or chosen.before < 2**63


def actions_written() -> set[str]:
    """Every `subject.verb` in the modules that write to the audit, with those that are put together of a kind and a verb."""
    written = {f"{kind}.{verb}" for kind in Agreement for verb in ("agree", "end", "withdraw")}
    written |= {f"{kind}.issue" for kind in Kind} | {f"price_experiment.{verb}" for verb in ("start", "end")}
    composed = set()
    for path in sorted(Path(flyusage.__file__).parent.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "audit" not in text or path.name in ("staff.py", "permissions.py") or "models" in path.name or "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value):
                written.add(node.value)
            if isinstance(node, ast.keyword) and node.arg == "action" and isinstance(node.value, ast.JoinedStr):
                composed.add(ast.unparse(node.value))
    assert composed == {
        "f'{kind.value}.agree'", "f'{kind.value}.end'", "f'{kind.value}.withdraw'", "f'{one.kind}.issue'", "f'price_experiment.{verb}'",
        "f'{what}.export'",
    }, "name what it may come to above"  # fmt: skip
    others = {"budget.reached", "http.route", "flyusage.request_id"}  # what endpoints are told, and what spans say of a request
    return {one for one in written if not one.endswith(".css")} - set(Permission) - others


def test_every_action_has_words_for_people():
    assert sorted(actions_written() - set(ACTIONS)) == []
    assert len(set(ACTIONS.values())) == len(ACTIONS), "two actions that read alike cannot be told apart in the filter"
    assert words_of("recurring_fee.withdraw") == "Withdrew a recurring fee"
    assert words_of("old_thing.do_well") == "Old thing: do well"


def test_papers_are_called_by_their_numbers():
    paper = entry(3, action="invoice.void", subject="invoice:12", detail={"number": "PRISM-000042", "reason": "twice"})
    assert shown(paper).rows[0].subject == "Invoice PRISM-000042"
    assert shown(entry(3, action="recurring_fee.end", subject="recurring_fee:4")).rows[0].subject == "recurring fee 4"
