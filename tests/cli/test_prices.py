"""`flyusage prices rate`: finance tries a price."""

import io
import json
from pathlib import Path

import pytest

FACTS = Path(__file__).parents[1] / "pricing" / "facts"


@pytest.fixture
def cases(tmp_path: Path):
    def write(*cases: object) -> str:
        path = tmp_path / "cases.json"
        path.write_text(json.dumps(list(cases)))
        return str(path)

    return write


GOOD = {"id": "good", "kind": "unit", "input": {"unit": "7", "qty": "1"}, "expected": "7"}
WRONG = {"id": "wrong", "kind": "unit", "input": {"unit": "7", "qty": "1"}, "expected": "8"}
BAD = {"id": "bad", "kind": "unit", "input": {"unit": "7"}}


def test_the_published_cases_are_all_good(flyusage):
    said = flyusage("prices", "rate", str(FACTS / "billing_cases.json"), "--json")
    answers = json.loads(said.out)
    assert (said.code, len(answers)) == (0, 39)
    assert {one["matches"] for one in answers} == {True}
    assert answers[0] == {
        "id": "stripe-volume-1",
        "kind": "volume",
        "answer": "7.00",
        "working": [{"text": "Tier 1: 1 × 7", "amount": "7", "quantity": "1", "unit_amount": "7"}],
        "expected": "7",
        "matches": True,
    }


def test_exit_code_1_says_that_a_case_has_no_answer_or_another(flyusage, cases):
    assert flyusage("prices", "rate", cases(GOOD)).code == 0
    assert flyusage("prices", "rate", cases(GOOD, WRONG)).code == 1
    said = flyusage("prices", "rate", cases(BAD, GOOD), "--json")
    bad, good = json.loads(said.out)
    assert said.code == 1
    assert bad == {"id": "bad", "kind": "unit", "error": {"code": "input_missing", "message": "qty is missing."}}
    assert good["matches"]


def test_standard_input_is_read(flyusage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([GOOD])))
    said = flyusage("prices", "rate", "-", "--json")
    assert (said.code, json.loads(said.out)[0]["answer"]) == (0, "7.00")


def test_people_get_a_table_and_the_working_on_request(flyusage, cases):
    name = cases(GOOD, WRONG, BAD, {**GOOD, "id": "\x1b[31mred"})
    said = flyusage("prices", "rate", name)
    assert [line.split() for line in said.out.splitlines()[:4]] == [
        ["id", "kind", "answer", "expected"],
        ["good", "unit", "7.00", "7", "as", "expected"],
        ["wrong", "unit", "7.00", "8", "differs"],
        ["bad", "unit", "input_missing:", "qty", "is", "missing."],
    ]
    assert "4 cases, 2 not as they should be." in said.out
    assert "\x1b" not in said.out
    assert "7  1 × 7" in flyusage("prices", "rate", name, "--working").out
    assert flyusage("prices", "rate", cases()).out == "No cases.\n"


@pytest.mark.parametrize(("name", "words"), [("missing.json", "cannot be read: No such file"), ("bytes.json", "it is not UTF-8")])
def test_a_file_that_cannot_be_read_is_one_sentence(flyusage, tmp_path: Path, name: str, words: str):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe[]")
    said = flyusage("prices", "rate", str(tmp_path / name))
    assert (said.code, said.out) == (1, "")
    assert words in said.err
    assert said.err.count("\n") == 1
