"""A month as files from the pages, by command and by the API: the same bytes, and only for whom they are."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import httpx
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from asking_api import ask, token_of
from background import run_async
from commanding import Flyusage, flyusage  # noqa: F401 a fixture
from starlette.applications import Starlette

from flyusage import db
from flyusage.auth import throttle
from flyusage.errors import FlyusageError
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS
from flyusage.ui import audit_downloads, downloads, failures, invoice_downloads, month_downloads, session

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture(scope="module")
def org_id(shared_database: "Database"):
    with billed_site.filled() as found:
        yield found


def get(path: str, method: str = "GET") -> httpx.Response:
    async def talk() -> httpx.Response:
        files = (*month_downloads.routes, *downloads.routes, *audit_downloads.routes, *invoice_downloads.routes)
        app = Starlette(routes=files, exception_handlers={FlyusageError: failures.answer})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:
            return await client.request(method, path)

    return run_async(talk())


def exports_of(action: str) -> list[tuple[str, str, dict]]:
    """(actor, subject, detail) of the entries so far, in their order."""
    with db.platform_transaction() as opened:
        found = sa.text("SELECT actor, subject, detail FROM audit_event WHERE action LIKE :action ORDER BY id")
        return [(one.actor, one.subject, one.detail) for one in opened.execute(found, {"action": action})]


def test_page_api_and_command_give_the_same_files(org_id: int, flyusage: Flyusage, tmp_path: Path):  # noqa: F811
    token, before = token_of(org_id), len(exports_of("invoice.export"))
    for what, page, api, command in (
        ("focus.csv", "focus.csv", "/exports/focus?month=2026-10", ("focus",)),
        ("focus.parquet", "focus.parquet", "/exports/focus?month=2026-10&format=parquet", ("focus", "--format", "parquet")),
        ("cc.csv", "cost-centres.csv", "/exports/cost-centres.csv?month=2026-10", ("cost-centres",)),
        ("cc.pdf", "cost-centres.pdf", "/exports/cost-centres.pdf?month=2026-10", ("cost-centres", "--format", "pdf")),
    ):
        shown, told = get(f"/orgs/prism/billing/2026-10/{page}"), ask(api, token=token)
        out = tmp_path / what
        said = flyusage("export", *command, "--org", "prism", "--month", "2026-10", "--out", str(out))
        assert (shown.status_code, told.status_code, said.code) == (200, 200, 0), (shown.text, told.text, said.err)
        assert shown.content == told.content == out.read_bytes(), what
        assert shown.headers["cache-control"] == "private, no-store"
    with db.platform_transaction() as opened:
        net, due = opened.execute(sa.text("SELECT net_minor, due_minor FROM invoice WHERE number = 'PRISM-000001'")).one()
    told = exports_of("invoice.export")[before:]
    assert [(one["format"], actor.partition(":")[0], one.get("command", "")) for actor, _, one in told] == [
        (file, who, command)
        for file in ("focus.csv", "focus.parquet", "cost-centres.csv", "cost-centres.pdf")
        for who, command in (("system", ""), ("token", ""), ("system", f"export {file.partition('.')[0]}"))
    ]
    assert {one["month"] for _, _, one in told} == {"2026-10"}
    parts = list(csv.DictReader(io.StringIO((tmp_path / "cc.csv").read_text())))
    assert Decimal(parts[-1]["net"]) * 100 == net
    assert sum(row["BilledCost"] for row in pq.read_table(tmp_path / "focus.parquet").to_pylist()) * 100 == due


def test_whatever_the_api_or_a_command_gives_as_a_file_is_told_and_what_is_read_is_not(org_id: int, flyusage: Flyusage, tmp_path: Path):  # noqa: F811
    token, number = token_of(org_id), "PRISM-000001"
    before = len(exports_of("%.export"))
    for path in ("/usage?by=app", f"/invoices/{number}", f"/invoices/{number}/lines/1/working", "/invoices", "/costs", "/cost-centres"):
        assert ask(path, token=token).status_code == 200, path
    assert ask("/usage.csv?by=nobody", token=token).status_code == 400
    assert ask("/invoices/PRISM-000009/pdf", token=token).status_code == 404
    assert flyusage("usage", "--org", "prism", "--json").code == 0
    assert flyusage("invoices", "show", number).code == 0
    assert len(exports_of("%.export")) == before
    for path, action, subject, file in (
        *((f"/usage.{one}?by=app&range=2026-10", "usage.export", "usage", one) for one in ("csv", "ndjson", "parquet", "arrow")),
        *((f"/invoices/{number}/{one}", "invoice.export", f"invoice:{number}", one) for one in ("pdf", "xml", "csv")),
        (f"/invoices/{number}/lines/1/evidence", "invoice.export", f"invoice:{number}-line-1", "zip"),
        ("/exports/invoices.zip?year=2026", "invoice.export", "invoice:prism-2026", "zip"),
    ):
        given = ask(path, token=token)
        assert given.status_code == 200, path
        again = ask(path, token=token, headers={"if-none-match": given.headers["etag"]})
        actor, about, detail = exports_of(action)[-1]
        assert (actor.partition(":")[0], about, detail["format"]) == ("token", subject, file)
        assert (again.status_code, detail.get("view")) == (304, "by=app&range=2026-10" if action == "usage.export" else None)
    assert len(exports_of("%.export")) == before + 9
    for words, action, subject in (
        (("usage", "--org", "prism", "--by", "app", "--csv"), "usage.export", "usage"),
        (("invoices", "download", number, "--out", str(tmp_path / "a")), "invoice.export", f"invoice:{number}"),
        (("invoices", "evidence", number, "1", "--out", str(tmp_path / "b")), "invoice.export", f"invoice:{number}-line-1"),
        (("invoices", "year", "2026", "--org", "prism", "--out", str(tmp_path / "c")), "invoice.export", "invoice:prism-2026"),
    ):
        assert flyusage(*words).code == 0, words
        actor, about, detail = exports_of(action)[-1]
        assert (actor, about) == ("system:command", subject)
        assert detail["command"] in " ".join(words).replace("usage --org prism --by app", "usage")
    assert len(exports_of("%.export")) == before + 13


def test_asking_for_a_files_headers_takes_nothing(org_id: int):
    before = len(exports_of("%.export"))
    for path in ("usage.csv", "audit.csv", "members.csv", "billing/2026-10/focus.csv", "invoices/PRISM-000001.pdf"):
        assert get(f"/orgs/prism/{path}", "HEAD").status_code == 200, path
    assert len(exports_of("%.export")) == before


def test_who_may_not_read_invoices_gets_none(org_id: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "permitted", lambda _org_id: PERMISSIONS[Role.VIEWER])
    for ending in ("focus.csv", "cost-centres.pdf"):
        answer = get(f"/orgs/prism/billing/2026-10/{ending}")
        assert answer.status_code == 403
        assert "invoices.read" in answer.text


@pytest.mark.parametrize("path", ["/orgs/nobody/billing/2026-10/focus.csv", "/orgs/prism/billing/nonsense/focus.csv",
                                  "/orgs/prism/billing/2026-10/focus.exe", "/orgs/prism/billing/2026-10/cost-centres.xls"])  # fmt: skip
def test_what_is_no_file_is_not_there(org_id: int, path: str):
    assert get(path).status_code == 404


def test_a_month_without_anything_says_so_and_no_file_is_left(org_id: int, flyusage: Flyusage, tmp_path: Path):  # noqa: F811
    assert "Nothing was used or billed in March 2025" in get("/orgs/prism/billing/2025-03/focus.csv").text
    said = flyusage("export", "focus", "--org", "prism", "--month", "2025-03", "--out", str(tmp_path / "x.csv"))
    assert said.code == 1
    assert list(tmp_path.iterdir()) == []
    assert ask("/exports/focus?month=2025-03", token=token_of(org_id)).json()["code"] == "nothing_billed"


def test_whoever_downloads_without_end_is_told_when_to_come_back(org_id: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttle, "DOWNLOADS", throttle.Limit(0, 600))
    noted = sa.text("SELECT count(*) FROM audit_event WHERE action = 'invoice.export'")
    path = "/orgs/prism/billing/2026-10/cost-centres.csv"
    with db.platform_transaction() as opened:
        before = opened.execute(noted).scalar_one()
    for other in (
        path,
        "/orgs/prism/usage.csv",
        "/orgs/prism/audit.csv",
        "/orgs/prism/members.csv",
        "/orgs/prism/invoices/PRISM-000001.pdf",
    ):
        refused = get(other)
        assert (refused.status_code, refused.text.partition(". ")[0]) == (429, "That was tried too often"), other
        assert 0 < int(refused.headers["retry-after"]) <= 600
    with db.platform_transaction() as opened:
        assert opened.execute(noted).scalar_one() == before
        opened.execute(sa.text("DELETE FROM rate_counter"))  # the others download too
