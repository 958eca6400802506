"""That `docs/security.md` says something true about every requirement, and what no other test is for."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOLD = (ROOT / "docs" / "security.md").read_text()
REQUIRED = {  # OWASP ASVS 5.0: of each section, the numbers of levels 1 and 2 go from 1 to this
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5,
    "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4,
    "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3,
    "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4,
    "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


@cache
def named_in(file: str) -> frozenset[str]:
    path = ROOT / "tests" / file
    if not path.is_file():
        return frozenset()
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))


def rows() -> list[tuple[list[str], str, list[tuple[str, str]]]]:
    """Each row of the tables: the requirements, how, and the tests that are named."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in TOLD.splitlines() if line.startswith("| V")]
    return [(one.split(), how, NAMED.findall(tests)) for one, how, tests in cells]


def test_every_requirement_of_level_2_is_told_once() -> None:
    told = [one for ids, _, _ in rows() for one in ids]
    assert sum(REQUIRED.values()) == 253
    assert sorted(told) == sorted(f"V{section}.{number}" for section, last in REQUIRED.items() for number in range(1, last + 1))


def test_each_has_a_test_or_a_reason() -> None:
    for ids, how, tests in rows():
        assert tests or "does not apply" in how or "left" in how, ids
        assert how


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(TOLD))))
def test_each_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in named_in(file)


def test_every_transaction_of_a_page_or_the_api_says_whose_apps_it_sees() -> None:
    """Who sees some apps only is held to them by the transaction; one that says nothing would see all."""
    asked = []
    for part in ("ui", "api"):
        for path in sorted((ROOT / "flyusage" / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("db.transaction", "transaction"):
                    given = {one.arg: ast.unparse(one.value) for one in node.keywords}
                    is_directory = path.parent.name == "scim" and given.get("apps") == "None"  # it tells of people, and asks for no usage
                    assert is_directory or given.get("apps", "").endswith(".apps"), f"{path.name}:{node.lineno} says no apps"
                    asked.append(path.name)
    assert len(asked) > 40


def test_no_write_of_the_api_waits_for_a_second_connection_while_it_holds_one() -> None:
    """Requests of one Idempotency-Key wait for each other, each with its connection: none would be left for the one that writes."""
    asked = []
    for path in sorted((ROOT / "flyusage" / "api").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name == "write":
                calls = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                assert not any(call.startswith("db.") for call in calls), f"{path.name}:{function.lineno}"
                asked.append(path.name)
    assert len(asked) > 15


def test_nothing_is_built_from_the_host_that_a_browser_names() -> None:
    """Path and query of `router.url` are parsed; its origin, and the headers beside the cookie, are the client's to forge."""
    forged = re.compile(r"router\.(?:page\b|headers\.(?!cookie\b)|url\.(?!path\b|query_parameters\b)|url\b(?![.\n]|$))")
    for path in sorted((ROOT / "flyusage").rglob("*.py")):
        for line in path.read_text().splitlines():
            assert not forged.search(line), f"{path.name}: {line.strip()}"
