"""What a line rests on, as a zip that can be checked without us; and a year's PDFs in one."""

import csv
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from billing_world import NOW, bill_to, billed, take_in, volume

from flyusage import clock, db
from flyusage.invoices.background import work
from flyusage.invoices.errors import DocumentPending, InvoiceUnknown
from flyusage.invoices.evidence import evidence, working
from flyusage.invoices.storing import Issued
from flyusage.invoices.yearly import year_zip

if TYPE_CHECKING:
    from conftest import Begun, Database


def an_invoice() -> tuple[int, Issued]:
    """Prism's invoice of $150.00: 1,000 GB for 30 days."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    return org_id, billed(org_id)


@pytest.fixture
def issued(begun: "Begun") -> tuple[int, Issued]:
    return begun(an_invoice)


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def line_of(issued: tuple[int, Issued], position: int = 1) -> bytes:
    with db.transaction(issued[0]) as session:
        return evidence(session, issued[0], issued[1].id, position)


def test_a_line_can_be_followed_from_events_to_cents(issued: tuple[int, Issued]) -> None:
    files = files_of(line_of(issued))
    line = json.loads(files["line.json"])
    assert (line["invoice"], line["amount_minor"]) == ("PRISM-000001", 15000)
    assert sum(int(one["amount_minor"]) for one in read(files["amounts.csv"])) == 15000
    (place,) = read(files["quantities.csv"])
    # 1,000 GB are 1,024,000 MiB, for 30 days of 86,400 s
    assert int(place["total"]) == 1_024_000 * 30 * 86_400
    assert sum(int(one["quantity"]) for one in read(files["machines.csv"])) == int(place["total"])
    assert [(one["resource"], one["started_at"], one["stopped_at"]) for one in read(files["intervals.csv"])] == [
        ("v1", "2026-10-01T00:00:00+00:00", "2026-10-31T00:00:00+00:00")
    ]
    assert [one["type"] for one in read(files["events.csv"])] == ["volume_created", "volume_destroyed"]
    assert {one["after_issue"] for one in read(files["events.csv"])} == {"False"}
    (price,) = json.loads(files["price.json"])
    assert (price["sku"], price["book"], price["amount"]) == ("volume", "list", "0.15")


def test_no_name_is_a_formula_in_its_files(database: "Database") -> None:
    org_id = take_in(*volume("=1+1", 1000, app="@web"))["prism"]
    bill_to(org_id)
    files = files_of(line_of((org_id, billed(org_id))))
    named = {cell for name, content in files.items() if name.endswith(".csv") for row in read(content) for cell in row.values()}
    assert {"'=1+1", "'@web"} <= named
    assert not {"=1+1", "@web"} & named


def test_the_manifest_holds_every_files_hash_and_the_documents(issued: tuple[int, Issued]) -> None:
    files = files_of(line_of(issued))
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    assert len(manifest["document_sha256"]) == 64


def test_the_same_ledger_gives_the_same_bytes(issued: tuple[int, Issued]) -> None:
    assert line_of(issued) == line_of(issued)


def test_the_working_alone_is_the_zips_line(issued: tuple[int, Issued]) -> None:
    with db.transaction(issued[0]) as session:
        assert working(session, issued[0], issued[1].id, 1) == files_of(line_of(issued))["line.json"]


def test_what_is_no_line_or_another_organizations_is_unknown(issued: tuple[int, Issued]) -> None:
    with pytest.raises(InvoiceUnknown):
        line_of(issued, 99)
    rival = take_in(*volume("v2", 1, org="rival"))["rival"]
    with pytest.raises(InvoiceUnknown):
        line_of((rival, issued[1]))


def test_a_years_pdfs_are_those_that_are_stored(issued: tuple[int, Issued]) -> None:
    org_id, _ = issued
    with pytest.raises(DocumentPending, match="PRISM-000001"), db.transaction(org_id) as session:
        year_zip(session, org_id, 2026)
    with clock.freeze(NOW):
        work()
    with db.transaction(org_id) as session:
        files = files_of(year_zip(session, org_id, 2026))
        assert list(files) == ["PRISM-000001.pdf"]
        assert files["PRISM-000001.pdf"].startswith(b"%PDF")
        with pytest.raises(InvoiceUnknown, match="2025"):
            year_zip(session, org_id, 2025)
