"""`flyusage seller`: who issues the invoices, printed with its logo from the first day on."""

import json
import zlib
from datetime import UTC, datetime
from pathlib import Path

from billing_world import bill_to, rows
from cast import Cast

from flyusage import clock
from flyusage.invoices.document import Document
from flyusage.invoices.pdf import render

ACME = ("seller", "set", "Acme GmbH", "--address", "Hauptstr. 1", "--postcode", "10115", "--city", "Berlin", "--country", "DE")
WHOLE = (*ACME, "--email", "billing@acme.example", "--vat", "DE 136 695 976", "--registration", "HRB 7", "--from", "2026-10-01")


def png() -> bytes:
    """One blue pixel."""
    parts = ((b"IHDR", b"\0\0\0\1\0\0\0\1\10\2\0\0\0"), (b"IDAT", zlib.compress(b"\0\0\0\xff")), (b"IEND", b""))
    chunks = [len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4) for name, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_the_invoice_is_the_sellers_of_its_month_with_logo(flyusage, cast: Cast, tmp_path: Path) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(png())
    said = flyusage(*WHOLE, "--iban", "DE89 3704 0044 0532 0130 00", "--logo", str(picture))
    assert said.out == "Acme GmbH issues invoices for what is complete from 2026-10-01 on.\n"
    bill_to(cast.prism.id)
    with clock.freeze(datetime(2026, 11, 2, tzinfo=UTC)):
        for day in ("2026-09-05", "2026-10-05"):
            flyusage("terms", "charge", "prism", "Migration", "10", "--on", day)
            issued = flyusage("invoices", "issue", "--org", "prism", "--month", day[:7])
            assert issued.code == 0, issued
    before, after = (Document.from_json(json.loads(one)) for (one,) in rows("SELECT document FROM invoice_snapshot ORDER BY invoice_id"))
    assert ("invented" in before.seller.name, before.logo) == (True, None)
    assert (after.seller.name, after.seller.vat_number, after.logo) == ("Acme GmbH", "DE136695976", png())
    assert after.bank is not None
    assert after.bank.iban == "DE89370400440532013000"
    assert render(after).startswith(b"%PDF")
    known = json.loads(flyusage("seller", "show", "--json").out)
    assert [(one["name"], one["logo_bytes"]) for one in known][1:] == [("Acme GmbH", len(png()))]
    assert ("seller.name", "system:command") in rows("SELECT action, actor FROM price_book_event")


def test_a_seller_that_no_invoice_could_print_is_refused(flyusage, cast: Cast, tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.png", tmp_path / "text.png"
    broken.write_bytes(png()[:20])
    text.write_bytes(b"no picture")
    wrong = {
        ("--vat", "DE123456789"): "is not a VAT number of DE",
        ("--iban", "DE00370400440532013000"): "The bank account is none",
        ("--country", "de"): "by its two letters",
        ("--email", "nowhere"): "The seller's mail address",
        ("--city", " "): "needs a town of its seller",
        ("--logo", str(broken)): "The logo cannot be printed",
        ("--logo", str(text)): "A logo is a PNG or JPEG of at most 32 KiB",
    }
    for words, sentence in wrong.items():
        said = flyusage(*WHOLE, *words)
        assert (said.code, sentence in said.err) == (1, True), said
    assert "Acme" not in flyusage("seller", "show").out
    bare = flyusage(*ACME, "--email", "billing@acme.example")
    assert "The seller has neither a VAT number nor one in a register" in bare.out
