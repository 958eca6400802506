"""An invoice's PDF, XML and CSV over HTTP, and who gets them."""

import io
import zipfile
from typing import TYPE_CHECKING

import billed_site
import httpx
import pytest
import sqlalchemy as sa
from background import run_async
from starlette.applications import Starlette

from flyusage import db
from flyusage.invoices.breakdowns import By
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS
from flyusage.ui import invoice_downloads, session
from flyusage.ui.pages.invoice import question

if TYPE_CHECKING:
    from conftest import Database

ENDINGS = ("pdf", "xml", "csv")


@pytest.fixture(scope="module")
def number(shared_database: "Database") -> str:
    return billed_site.fill()


def get(path: str) -> httpx.Response:
    """What the routes answer."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Starlette(routes=invoice_downloads.routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    return run_async(ask())


def test_the_stored_pdf_is_given_byte_for_byte(number: str) -> None:
    answer = get(f"/orgs/prism/invoices/{number}.pdf")
    with db.platform_transaction() as opened:
        stored = opened.connection().execute(sa.text("SELECT pdf FROM invoice_document")).scalar_one()
    assert answer.content == bytes(stored)
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f'attachment; filename="{number}.pdf"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_xml_and_lines(number: str) -> None:
    assert b"CrossIndustryInvoice" in get(f"/orgs/prism/invoices/{number}.xml").content
    csv = get(f"/orgs/prism/invoices/{number}.csv")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.text.splitlines()[-1].split(",")[11] == "167.58"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("path", ["/orgs/rival/invoices/{number}", "/orgs/nobody/invoices/{number}", "/orgs/prism/invoices/PRISM-000099"])
def test_what_is_not_this_organizations_is_not_there(number: str, path: str, ending: str) -> None:
    answer = get(f"{path.format(number=number)}.{ending}")
    assert (answer.status_code, answer.text) == (404, invoice_downloads.NONE)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_reader_without_the_permission_is_refused(number: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "permitted", lambda _org_id: PERMISSIONS[Role.VIEWER])
    answer = get(f"/orgs/prism/invoices/{number}.{ending}")
    assert answer.status_code == 403
    assert "invoices.read" in answer.text
    with pytest.raises(NotPermitted):
        question.ask(question.Asked("prism", number, By.REGION))


def test_a_document_that_is_still_being_made_says_so(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_downloads.queries, "_stored", _pending)
    answer = get(f"/orgs/prism/invoices/{number}.pdf")
    assert answer.status_code == 503
    assert "still being made" in answer.text


def test_a_line_gives_its_working_and_its_evidence(number: str) -> None:
    working = get(f"/orgs/prism/invoices/{number}/lines/1.json")
    assert working.headers["content-disposition"] == f'attachment; filename="{number}-line-1.json"'
    assert working.json()["invoice"] == number
    evidence = get(f"/orgs/prism/invoices/{number}/lines/1.zip")
    assert evidence.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(evidence.content)) as archive:
        assert archive.read("line.json") == working.content


def test_whoever_reads_invoices_alone_is_told_of_no_machine(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "permitted", lambda _org_id: PERMISSIONS[Role.BILLING])
    assert get(f"/orgs/prism/invoices/{number}/lines/1.json").status_code == 200
    refused = get(f"/orgs/prism/invoices/{number}/lines/1.zip")
    assert (refused.status_code, "machines.read" in refused.text) == (403, True)
    shown = question.ask(question.Asked("prism", number, By.MACHINE)).screen
    assert shown is not None
    assert (shown.parts_head, "Machine" in [way.label for way in shown.ways]) == ("Region", False)
    lines = [line for product in shown.products for region in product.regions for line in region.lines]
    assert lines
    assert {line.zip_href for line in lines} == {""}


def test_a_years_pdfs_come_as_one_file(number: str) -> None:
    answer = get("/orgs/prism/billing/2026.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="prism-2026.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"{number}.pdf"]


BESIDE = ("/invoices/PRISM-000001/lines/1.json", "/invoices/PRISM-000001/lines/1.zip", "/billing/2026.zip")


@pytest.mark.parametrize(
    "path",
    [
        *(f"/orgs/rival{one}" for one in BESIDE),
        "/orgs/prism/invoices/PRISM-000001/lines/99999999999.zip",
        "/orgs/prism/billing/2025.zip",
        "/orgs/prism/billing/99999.zip",
    ],
)
def test_what_is_beside_an_invoice_is_its_organizations_too(number: str, path: str) -> None:
    assert get(path).status_code == 404


@pytest.mark.parametrize("path", BESIDE)
def test_what_is_beside_an_invoice_needs_the_permission_too(number: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "permitted", lambda _org_id: PERMISSIONS[Role.VIEWER])
    assert get(f"/orgs/prism{path}").status_code == 403
    with pytest.raises(NotPermitted):
        question.question_line("prism", number, 1, "Why?")


def _pending(*_: object) -> bytes:
    from flyusage.invoices.errors import DocumentPending  # as the query raises it

    raise DocumentPending("The document is still being made.")


def test_the_page_shows_only_the_invoices_of_its_organization(number: str) -> None:
    mine = question.ask(question.Asked("prism", number, By.APP)).screen
    assert mine is not None
    assert mine.parts_total == "$167.58"
    others = question.ask(question.Asked("rival", number, By.APP))
    assert others.screen is None
    assert others.missing.billing_href == "/orgs/rival/billing"


@pytest.mark.parametrize("number_of_nothing", ["", "\0", "<b>", "x" * 5000, "%", "PRISM-000001'; --"])
def test_nonsense_is_no_invoice(number: str, number_of_nothing: str) -> None:
    assert question.ask(question.Asked("prism", number_of_nothing, By.DAY)).screen is None
