"""`flyusage prices`: what things cost, drafts, and prices tried before they are prices."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories import ingest, started, stopped, volume_created, volume_destroyed

from flyusage import clock, db
from flyusage.metering.rollups import catch_up
from flyusage.orgs.queries import organization_by_slug

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


def test_prices_are_listed_in_a_region_and_on_a_day(flyusage, database):
    said = flyusage("prices", "list", "--region", "sjc", "--sku", "machine.shared-cpu-1x", "--on", "2026-10-01")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1].split() == ["machine.shared-cpu-1x", "sjc", "0.000000894691", "machine-second", "$2.32"]
    listed = json.loads(flyusage("prices", "list", "--region", "sjc", "--json").out)
    assert (listed["currency"], listed["region"]) == ("USD", "sjc")
    assert {one["sku"]: one["amount"] for one in listed["prices"]}["machine.extra_ram"] == "0.000002299976"
    assert "has no such price on 2020-01-01" in flyusage("prices", "list", "--on", "2020-01-01").out
    assert flyusage("prices", "list", "--book", "none").code == 1


def test_history_says_since_when(flyusage, database):
    said = flyusage("prices", "history", "machine.performance-1x", "--region", "dfw")
    assert [line.split()[:4] for line in said.out.splitlines()[1:3]] == [
        ["2024-07-01", "2024-08-01", "dfw", "0.000011959877"],
        ["2024-08-01", "2024-09-01", "dfw", "0.000012707369"],
    ]
    assert "35 regions" in flyusage("prices", "history", "volume").out


def test_a_draft_from_the_first_to_the_last_command(flyusage, database):
    assert "No drafts." in flyusage("prices", "drafts").out
    assert "is drafted with 565 prices" in flyusage("prices", "draft", "new", "list", "2090-01-01", "--from", "list").out
    name = "list@2090-01-01"
    assert name in flyusage("prices", "drafts").out
    assert "volume costs 0.2 per GB-month in global" in flyusage("prices", "draft", "set", name, "volume", "global", "0.20").out
    tiers = json.dumps([{"up_to": 1000, "unit": "0.02"}, {"up_to": None, "unit": "0.01"}])
    said = flyusage("prices", "draft", "set", name, "egress.public", "na_eu", "--model", "graduated", "--tiers", tiers)
    assert "graduated: to 1,000 0.02; beyond 0.01" in said.out
    assert "35 prices changed by 5 %" in flyusage("prices", "draft", "scale", name, "5", "--sku", "machine.performance-2x").out
    compared = flyusage("prices", "draft", "compare", name)
    assert ["machine.performance-2x", "35", "scopes", "+5.00", "%"] in [line.split() for line in compared.out.splitlines()]
    found = json.loads(flyusage("prices", "draft", "compare", name, "list", "--json").out)
    assert [(one["sku"], one["percent"]) for one in found["changed"] if one["sku"] in ("volume", "egress.public")] == [
        ("egress.public", None),
        ("volume", "33.333333"),
    ]
    assert "is published and holds from 2090-01-01 00:00 UTC on" in flyusage("prices", "draft", "publish", name).out
    assert flyusage("prices", "draft", "discard", name).code == 1
    books = json.loads(flyusage("prices", "books", "--json").out)
    assert books[0]["versions"][-1]["version"] == name


def test_what_a_draft_cannot_be_is_one_sentence(flyusage, database):
    for arguments, words in (
        (("new", "list", "2024-11-01"), "has a version of 2024-11-01 already"),
        (("new", "moon", "2090-01-01"), "There is no book 'moon'"),
        (("set", "list@2024-11-01", "volume", "global", "1"), "is published and stays"),
        (("publish", "list@2090-01-01"), "There is no version 'list@2090-01-01'"),
    ):
        said = flyusage("prices", "draft", *arguments)
        assert (said.code, said.out) == (1, "")
        assert words in said.err
    flyusage("prices", "draft", "new", "list", "2090-01-01")
    assert "its unit is not known" in flyusage("prices", "draft", "set", "list@2090-01-01", "volume", "global", "1").err
    assert (
        "--tiers is not JSON"
        in flyusage("prices", "draft", "set", "list@2090-01-01", "volume", "global", "--per", "GB", "--tiers", "[").err
    )
    assert "is discarded" in flyusage("prices", "draft", "discard", "list@2090-01-01").out


@pytest.fixture
def october(database):
    """Prism has one performance-1x in dfw for all of October 2026, and a volume of 100 GB."""
    with clock.freeze(datetime(2026, 11, 15, 10, 40, tzinfo=UTC)):
        machine = [started("m", "2026-10-01T00:00:00Z"), stopped("m", "2026-11-01T00:00:00Z")]
        ingest([*machine, volume_created("v", "2026-10-01T00:00:00Z", gb=100), volume_destroyed("v", "2026-11-01T00:00:00Z")])
        with db.lookup_transaction() as session:
            catch_up(organization_by_slug(session, "prism").id)
        yield


def test_what_if_from_the_command_line(flyusage, october):
    # 31 days: 0.000014949846 × 2,678,400 s = 40.0416675264; iad 0.000011959877 × 2,678,400 = 32.0333345568; 100 GB × 0.15 × 31/30 = 15.50.
    said = flyusage("prices", "simulate", "--move", "dfw=iad", "--range", "2026-10")
    assert [line.split() for line in said.out.splitlines()[1:3]] == [
        ["machine.performance-1x", "dfw", "$40.04", "$32.03", "−$8.01"],
        ["Total", "$55.54", "$47.53", "−$8.01"],
    ]
    found = json.loads(flyusage("prices", "simulate", "--resize", "performance-1x=performance-2x", "--json").out)
    assert (found["before"], found["from"], found["to"]) == ("55.541667526400", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")
    assert found["lines"][0]["sku"] == "machine.performance-1x"
    reserved = json.loads(flyusage("prices", "simulate", "--reserve", "dfw:performance:144:20", "--json").out)
    assert reserved["reserved"] == "-8.000000000000"  # 12 up front each month for 20 of credit


def test_what_if_for_all_organizations(flyusage, october):
    flyusage("prices", "draft", "new", "list", "2027-01-01", "--from", "list")
    flyusage("prices", "draft", "scale", "list@2027-01-01", "10", "--sku", "volume")
    said = flyusage("prices", "simulate", "--all", "--version", "list@2027-01-01")
    assert "1 would pay more" in said.out
    assert ["prism", "$55.54", "$57.09", "+$1.55", "2.8", "%"] in [line.split() for line in said.out.splitlines()]
    found = json.loads(flyusage("prices", "simulate", "--all", "--version", "list@2027-01-01", "--json").out)
    assert [(one["org"], one["difference"]) for one in found["organizations"]] == [("prism", "1.550000000000")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--move", "dfw"), "--move is written FROM=TO"),
        (("--move", "mars=fra"), "There is no region 'mars'"),
        (("--resize", "tiny=huge"), "There is no VM size 'tiny'"),
        (("--reserve", "dfw:144:20"), "--reserve is written REGION:shared|performance:UPFRONT:MONTHLY"),
        (("--version", "list@2099-01-01"), "There is no version"),
        (("--range", "soon"), "soon"),
        (("--all",), "are compared under a --version"),
    ],
)
def test_a_what_if_that_makes_no_sense_is_one_sentence(flyusage, october, arguments: tuple[str, ...], words: str):
    said = flyusage("prices", "simulate", *arguments)
    assert (said.code, said.out) == (1, "")
    assert words in said.err
    assert said.err.count("\n") == 1


def test_an_experiment_from_start_to_return(flyusage, october):
    assert "No experiments." in flyusage("prices", "experiment", "list").out
    flyusage("prices", "draft", "new", "spring", "2026-11-16", "--from", "list")
    flyusage("prices", "draft", "publish", "spring@2026-11-16")
    said = flyusage("prices", "experiment", "start", "try-spring", "spring", "2026-12-01", "--org", "prism", "--until", "2027-02-01")
    assert "try-spring: 1 of 1 organizations buy at spring from 2026-12-01 until 2027-02-01." in said.out
    assert json.loads(flyusage("prices", "list", "--org", "prism", "--on", "2026-12-01", "--json").out)["book"] == "spring"
    assert json.loads(flyusage("prices", "list", "--org", "prism", "--on", "2026-11-30", "--json").out)["book"] == "list"
    (listed,) = json.loads(flyusage("prices", "experiment", "list", "--json").out)
    assert (listed["take_part"], listed["do_not"], listed["until"]) == (1, 0, "2027-02-01")
    months = json.loads(flyusage("prices", "experiment", "revenue", "try-spring", "--json").out)["months"]
    assert [(one["month"], one["revenue"]) for one in months if one["takes_part"]][1] == ("2026-10-01", "55.541667526400")
    assert "2026-11 so far" in flyusage("prices", "experiment", "revenue", "try-spring").out
    assert "try-spring never begins." in flyusage("prices", "experiment", "end", "try-spring").out
    assert flyusage("prices", "experiment", "end", "other").code == 1
