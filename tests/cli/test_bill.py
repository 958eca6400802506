"""`flyusage bill` and what `flyusage invoices` does with issued invoices, from the command line."""

import hashlib
import io
import json
import zipfile

import pytest
from billing_world import NOW, bill_to, rows, take_in, volume
from conftest import Database
from factories import started
from typer.testing import CliRunner

from flyusage import clock
from flyusage.cli import bootstrap
from flyusage.cli.bill import app as bill
from flyusage.cli.invoices import app as invoices
from flyusage.invoices import background


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch, database: Database):
    monkeypatch.setattr(bootstrap, "be_ready", lambda: None)  # the fixture's database is
    with clock.freeze(NOW):
        yield


@pytest.fixture
def three() -> dict[str, int]:
    """Prism with $150.00 and $75.00, Rival with $30.00, and Silent, whose machine runs on without a sign. All German: 19 %."""
    known = take_in(
        *volume("v1", 1000), *volume("v2", 500, app="api"), *volume("v", 200, org="rival"),
        started("m", "2026-10-20T00:00:00Z", org="silent"),
    )  # fmt: skip
    for org_id in known.values():
        bill_to(org_id)
    return known


def run(app, *arguments: str):
    return CliRunner().invoke(app, list(arguments))


def answer(app, *arguments: str):
    found = run(app, *arguments, "--json")
    return found.exit_code, json.loads(found.stdout)


def test_a_rehearsal_lists_exceptions_first_and_issues_nothing(three):
    code, said = answer(bill, "close", "2026-10", "--dry-run")
    assert (code, said["is_rehearsal"], said["counts"]["issued"], said["counts"]["waiting"]) == (0, True, 2, 1)
    # 225.00 and 30.00 net, 267.75 and 35.70 gross
    assert said["totals"] == {"USD": {"documents": 2, "net_minor": 25500, "gross_minor": 30345}}
    assert [(one["org"], [problem["code"] for problem in one["problems"]]) for one in said["exceptions"]] == [("silent", ["stale"])]
    printed = run(bill, "close", "2026-10", "--dry-run").stdout
    assert printed.index("No events since Oct 20, 00:00") < printed.index("October 2026: 2 could be issued, 1 wait for a decision.")
    assert "flyusage bill release 2026-10 --org SLUG --reason WHY" in printed
    assert rows("SELECT count(*) FROM invoice") == [(0,)]


def test_a_close_bills_what_it_can_and_leaves_with_1_while_something_waits(three):
    found = run(bill, "close", "2026-10")
    assert found.exit_code == 1
    assert "October 2026: 2 issued, 1 wait for a decision." in found.stdout
    assert "2 in USD: $255.00 net, $303.45 with tax." in found.stdout
    assert run(bill, "release", "2026-10", "--exception", "stale", "--reason", "Known").stdout == "Released: silent.\n"
    again = run(bill, "close", "2026-10")
    assert (again.exit_code, "1 issued, 2 issued before" in again.stdout) == (0, True)
    assert run(bill, "close", "2026-10", "--org", "prism").exit_code == 0
    assert [number for (number,) in rows("SELECT number FROM invoice ORDER BY 1")] == ["PRISM-000001", "RIVAL-000001", "SILENT-000001"]


def test_status_tells_decisions(three):
    assert run(bill, "hold", "2026-10", "--org", "silent", "--reason", "We ask them.").stdout == "Held: silent.\n"
    code, said = answer(bill, "status", "2026-10")
    assert (code, said["counts"]["held"], said["exceptions"][0]["held"]) == (0, 1, "We ask them.")
    assert "held" in run(bill, "status", "2026-10").stdout
    assert run(bill, "close", "2026-10").exit_code == 0  # what is held was decided


def test_release_names_what_it_is_for(three):
    found = run(bill, "release", "2026-10", "--reason", "x")
    assert (found.exit_code, "Name organizations with --org" in found.output) == (2, True)
    assert "no month" in str(run(bill, "close", "October").exception)


def test_lists_and_sums(three):
    run(bill, "close", "2026-10")
    code, said = answer(invoices, "list")
    assert (code, [(one["number"], one["state"]) for one in said["entries"]]) == (0, [("RIVAL-000001", "open"), ("PRISM-000001", "open")])
    assert answer(invoices, "list", "--org", "prism")[1]["sums"] == [
        {"currency": "USD", "documents": 1, "net_minor": 22500, "gross_minor": 26775, "balance_minor": 26775}
    ]
    printed = run(invoices, "list", "--search", "rival").stdout
    assert "RIVAL-000001" in printed
    assert "PRISM" not in printed
    assert "1 document, $35.70 in all, $35.70 to pay" in printed
    assert answer(invoices, "list", "--year", "2025")[1]["entries"] == []
    assert answer(invoices, "list", "--state", "paid")[1]["entries"] == []
    first = answer(invoices, "list", "--limit", "1")[1]
    assert [one["number"] for one in answer(invoices, "list", "--limit", "1", "--after", first["after"])[1]["entries"]] == ["PRISM-000001"]
    with clock.freeze(NOW.replace(month=12, day=20)):
        assert [one["number"] for one in answer(invoices, "list", "--overdue")[1]["entries"]] == ["RIVAL-000001", "PRISM-000001"]
        assert "overdue" in run(invoices, "list").stdout


def test_an_empty_list_says_what_fills_it():
    assert "flyusage bill close 2026-10" in run(invoices, "list").stdout


def test_show_explain_and_breakdown(three):
    run(bill, "close", "2026-10")
    printed = run(invoices, "show", "prism-000001").stdout
    assert "PRISM-000001, Prism GmbH: open, due 2026-12-02" in printed
    assert "Volumes" in printed
    assert "$267.75" in printed
    code, said = answer(invoices, "explain", "PRISM-000001", "1")
    assert (code, said["exact"], said["working"]["steps"][0]["unit_amount"], said["price_version"]) == (0, "225", "0.15", "2024-07-01")
    assert (
        "Exactly this usage: flyusage usage --org prism --show list_cost --by app" in run(invoices, "explain", "PRISM-000001", "1").stdout
    )
    code, said = answer(invoices, "breakdown", "PRISM-000001", "--by", "app")
    assert [(part["key"], part["amount_minor"]) for part in said["parts"]] == [("web", 15000), ("api", 7500)]
    assert "$225.00" in run(invoices, "breakdown", "PRISM-000001", "--by", "day").stdout
    assert "no line 9" in str(run(invoices, "explain", "PRISM-000001", "9").exception)
    assert "There is no invoice 'NOBODY-000001'" in str(run(invoices, "show", "NOBODY-000001").exception)


def test_pay_credit_void_and_give_up(three):
    run(bill, "close", "2026-10")
    assert run(invoices, "pay", "PRISM-000001", "300.00", "--reference", "wire 7").stdout.splitlines() == [
        "PRISM-000001: $267.75 taken, $0.00 to pay; paid",
        "$32.25 too much are kept as prepaid credit 1.",
    ]
    assert (
        run(invoices, "credit", "PRISM-000001", "--line", "1=10.00", "--reason", "x").stdout
        == "Credit note PRISM-C000001: $11.90, $0.00 to pay\n"
    )
    code, said = answer(invoices, "credit", "PRISM-000001", "--amount", "1", "--reason", "x")
    assert (code, said["number"], said["gross_minor"]) == (0, "PRISM-C000002", 119)
    assert run(invoices, "void", "RIVAL-000001", "--reason", "wrong").stdout == "RIVAL-000001 is void.\n"
    assert "RIVAL-000001 is void and cannot be voided" in str(run(invoices, "void", "RIVAL-000001", "--reason", "x").exception)
    for wrong in ("1.005", "many", "NaN", "1e99"):
        assert "no amount" in str(run(invoices, "pay", "PRISM-000001", wrong, "--reference", "x").exception)
    both = run(invoices, "credit", "PRISM-000001", "--amount", "1", "--line", "1", "--reason", "x")
    assert "either --amount or --line" in str(both.exception)
    assert "names no line" in str(run(invoices, "credit", "PRISM-000001", "--line", "first", "--reason", "x").exception)


def test_an_invoice_issued_alone_can_be_downloaded_at_once(three, tmp_path):
    assert run(invoices, "issue", "--org", "prism", "--month", "2026-10").stdout == "Invoice PRISM-000001: $267.75, $267.75 to pay\n"
    for part, beginning in (("pdf", b"%PDF"), ("xml", b"<?xml"), ("json", b"{")):
        file = tmp_path / part
        run(invoices, "download", "PRISM-000001", "--as", part, "--out", str(file))
        assert file.read_bytes().startswith(beginning)
    ((pdf, snapshot),) = rows("SELECT pdf_sha256, s.sha256 FROM invoice_document JOIN invoice_snapshot s USING (org_id, invoice_id)")
    assert pdf == hashlib.sha256((tmp_path / "pdf").read_bytes()).hexdigest()
    assert snapshot == hashlib.sha256((tmp_path / "json").read_bytes()).hexdigest()


def test_documents_of_a_closed_month_are_made_by_the_worker(three, tmp_path):
    run(bill, "close", "2026-10")
    assert "still being made" in str(run(invoices, "download", "PRISM-000001").exception)
    assert background.work() is False
    run(invoices, "download", "PRISM-000001", "--out", str(tmp_path / "a.pdf"))
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert rows("SELECT count(*) FROM outbox WHERE kind = 'document' AND done_at IS NULL") == [(0,)]
    before = rows("SELECT pdf_sha256, rendered_at FROM invoice_document ORDER BY invoice_id")
    background.work()
    assert rows("SELECT pdf_sha256, rendered_at FROM invoice_document ORDER BY invoice_id") == before


def test_evidence_holds_what_the_line_rests_on(three, tmp_path):
    run(invoices, "issue", "--org", "prism", "--month", "2026-10")
    for file in ("a.zip", "b.zip"):
        assert run(invoices, "evidence", "PRISM-000001", "1", "--out", str(tmp_path / file)).exit_code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert manifest["document_sha256"] == rows("SELECT sha256 FROM invoice_snapshot")[0][0]
    table = {name: [line.split(",") for line in content.decode().splitlines()] for name, content in files.items() if name.endswith(".csv")}
    assert [row[:1] + row[-1:] for row in table["amounts.csv"][1:]] == [["api", "7500"], ["web", "15000"]]
    assert [(row[0], row[5], row[6]) for row in table["intervals.csv"][1:]] == [
        ("v1", "2026-10-01T00:00:00+00:00", "2026-10-31T00:00:00+00:00"),
        ("v2", "2026-10-01T00:00:00+00:00", "2026-10-31T00:00:00+00:00"),
    ]
    told = [(name, f"volume_{what}", "False") for name in ("v1", "v2") for what in ("created", "destroyed")]
    assert [(row[0], row[2], row[-1]) for row in table["events.csv"][1:]] == told
    assert [(row[0], row[-1]) for row in table["machines.csv"][1:]] == [
        ("v1", str(1000 * 1024 * 30 * 86_400)), ("v2", str(500 * 1024 * 30 * 86_400)),
    ]  # fmt: skip
    assert json.loads(files["line.json"])["amount_minor"] == 22500
    assert json.loads(files["price.json"])[0]["amount"] == "0.15"
