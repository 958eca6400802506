"""The pages: what stands on them, that text from outside stays text, and that the same document gives the same bytes."""

import io
import re
import subprocess
import sys
import unicodedata
import zlib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest
import typst
from documents import BUYER, SELLER, credit_note, document, line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from flyusage.invoices import glyphs, pdf, printed
from flyusage.invoices.document import Document, Party
from flyusage.money import JPY, USD

MM = 72 / 25.4
ARABIC, CHINESE, JAPANESE, GREEK = "شركة النور للحوسبة", "上海光流数据科技有限公司", "株式会社プリズム分析", "Ελληνική Υπολογιστική Α.Ε."


def pages_of(made: Document) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf.render(made))).pages]


def text_of(made: Document) -> str:
    """All text, without what only isolates it."""
    text = "\n".join(pages_of(made))
    assert "\u200b" not in text  # breaks are no characters
    return re.sub("[\u2068\u2069]", "", text).replace("\xa0", " ")


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


def right_edges(made: bytes) -> list[float]:
    """Where runs of one repeated letter end, in points: W is 0.985 em wide."""
    edges, moves, shift, size, start = [], [], 0.0, 0.0, 0.0
    with pikepdf.open(io.BytesIO(made)) as opened:
        for operands, operator in (each for page in opened.pages for each in pikepdf.parse_content_stream(page)):
            match str(operator):
                case "q":
                    moves.append(shift)
                case "Q":
                    shift = moves.pop()
                case "cm":
                    shift += float(operands[4])
                case "Tf":
                    size = float(operands[1])
                case "Tm":
                    start = float(operands[4])
                case "Tj" | "TJ":
                    parts = operands[0] if str(operator) == "TJ" else [operands[0]]
                    codes = b"".join(bytes(part) for part in parts if isinstance(part, pikepdf.String))
                    if codes == codes[:2] * (len(codes) // 2):
                        edges.append(shift + start + len(codes) / 2 * 0.985 * size)
    return edges


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 6, 0, 0, 0))
    rows = zlib.compress((b"\0" + bytes((84, 38, 209, 128)) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_the_first_page_says_who_whom_what_when_and_how_much():
    first = text_of(document())
    for part in (
        "Invoice\nPRISM-000042",
        "Total due Due by Payment reference\n€146.91 December 1, 2026 PRISM-000042",
        "From\nNorthwind Compute GmbH\nTorstraße 140\n10119 Berlin\nGermany\nVAT number DE136695976\nCompany number HRB 204711 B",
        "Billed to\nPrism Analytics SAS\n12 rue de la Paix\nBâtiment C\n75002 Paris\nFrance\nVAT number FR40303265045",
        "Issued November 1, 2026",
        "Billing period October 2026",
        "Purchase order PO-7781",
        "shared-cpu-1x 5,000 hours €0.02 per hour 100.00",
        "VAT 19 % 123.45 23.46",
        "Net amount €123.45\nTax €23.46\nTotal due €146.91",
        "IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001",
        "Payable within 30 days without deduction.",
        "Quantities are metered by the second in UTC.",
        "Page 1 of 1",
    ):
        assert part in first


def test_lines_are_grouped_by_product_and_region_with_subtotals():
    shown = text_of(
        document(
            line(1, 1000),
            line(2, 250, subgroup="Tokyo (nrt)", description="performance-2x", detail="with extra memory"),
            line(3, 300, description="performance-1x", period=(date(2026, 10, 16), date(2026, 10, 31))),
            line(4, 150, group="Network", description="Outbound transfer"),
        )
    )
    # 10.00 + 3.00 in Frankfurt, whose lines come together; 2.50 in Tokyo; 15.50 in all
    assert "Machines\nFrankfurt (fra) 13.00\nshared-cpu-1x 100 hours 10.00\nperformance-1x\nOctober 16 – 31, 2026\n100 hours 3.00" in shown
    assert "Tokyo (nrt) 2.50\nperformance-2x\nwith extra memory\n100 hours 2.50\nMachines, total 15.50" in shown
    assert "Network\nOutbound transfer · Frankfurt (fra) 100 hours 1.50" in shown  # a line alone needs no total
    assert "Network, total" not in shown


def test_a_long_invoice_sums_up_first_and_repeats_its_headings():
    lines = [line(n, 100, subgroup=f"Region {n // 30}", group="Machines" if n <= 90 else "Volumes") for n in range(1, 121)]
    pages = pages_of(document(*lines))
    assert "Machines in 4 regions 90.00\nVolumes in 2 regions 30.00" in pages[0]
    assert "shared-cpu-1x" not in pages[0]
    assert all(f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1))
    assert all("Description Quantity Unit price Amount, EUR\nMachines\nRegion" in page for page in pages[1:3])
    assert "All lines, before tax 120.00" in pages[-1]


def test_three_thousand_lines_stand_once_each_and_add_up():
    """1 cent, 2 cents, …: 3,000 × 3,001 / 2 = 4,501,500 cents."""
    lines = [line(n, n, description=f"machine-{n:04d}", subgroup=f"Region {n // 600}") for n in range(1, 3_001)]
    pages = pages_of(document(*lines))
    assert re.findall(r"machine-(\d{4})", "\n".join(pages)) == [f"{n:04d}" for n in range(1, 3_001)]
    assert "All lines, before tax 45,015.00" in pages[-1]
    assert f"Page {len(pages)} of {len(pages)}" in pages[-1]


def test_several_rates_show_theirs_on_every_line():
    shown = text_of(
        document(line(1, 10000), line(2, 5000, percent=7), line(3, 4000, tax="AE", percent=0), line(4, 100, tax="Z", percent=0))
    )
    assert "19 % 100.00" in shown and "7 % 50.00" in shown and "reverse 40.00" in shown and "0 % 1.00" in shown
    assert "Reverse charge: VAT is owed by the buyer (article 196" in shown


def test_a_credit_note_says_what_it_corrects_and_asks_for_nothing():
    shown = text_of(credit_note(document()))
    assert "Credit note\nPRISM-CN-000003" in shown
    assert "Total credited Issued on Corrects invoice\n€146.91 November 1, 2026 PRISM-000042" in shown
    assert "Corrects PRISM-000042 of November 1, 2026" in " ".join(shown.split())
    assert "IBAN" not in shown and "Due by" not in shown


def test_a_prepaid_invoice_says_that_nothing_is_to_be_paid():
    shown = text_of(document(prepaid_minor=14691))
    assert "Total €146.91\nPaid from credit balance −€146.91\nTotal due €0.00" in shown
    assert "Nothing to pay" in shown and not any(words in shown for words in ("IBAN", "Due", "Payable"))


def test_a_line_of_many_words_is_never_parted_by_a_page():
    long = "Adjustments: October 2026, late usage: performance-16x in Frankfurt, rated with what is known now"
    pages = pages_of(document(*(line(n, 100, description=f"{n:03}: {long} ({n:03})") for n in range(1, 61))))
    assert len(pages) > 2
    for n in range(1, 61):
        assert [f"{n:03}: Adj" in page for page in pages] == [f"({n:03})" in page for page in pages]


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ("5000", "5,000"),
        ("12.500000", "12.50"),
        ("0.000123", "0.000123"),
        ("-3.25", "−3.25"),
        ("126976.203611", "126,976.20"),
        ("100.005", "100.01"),
    ],
)
def test_quantities_are_as_long_as_a_reader_needs(quantity: str, text: str):
    assert f" {text} hours" in text_of(document(line(1, 100, quantity=Decimal(quantity))))


def test_prices_keep_every_digit():
    long = text_of(document(line(1, 100, unit_price=Decimal("0.000000779247"), per="per second")))
    assert "€0.000000779247 per second" in " ".join(long.split())
    yen = text_of(document(line(1, 12345, unit_price=Decimal(1200)), currency=JPY))
    assert "¥1,200 per hour 12,345" in yen and "Total due ¥14,691" in yen


def test_towns_stand_as_in_their_country():
    american = Party(
        name="Prism, Inc.", lines=("548 Market Street",), city="San Francisco", subdivision="CA", postcode="94104", country="US"
    )
    british = Party(name="Prism Ltd", lines=("1 Poultry",), city="London", postcode="EC2R 8EJ", country="GB")
    assert "548 Market Street\nSan Francisco, CA 94104\nUnited States" in text_of(document(buyer=american))
    assert "1 Poultry\nLondon\nEC2R 8EJ\nUnited Kingdom" in text_of(document(buyer=british))


def test_a_sample_is_marked_on_every_page():
    lines = [line(n, 100) for n in range(1, 90)]
    assert all("Sample: nobody owes this." in page for page in pages_of(document(*lines, demo_label="Sample: nobody owes this.")))


@pytest.mark.parametrize(("page", "size"), [("a4", (210 * MM, 297 * MM)), ("letter", (8.5 * 72, 11 * 72))])
def test_pages_have_the_size_asked_for(page: str, size: tuple[float, float]):
    box = PdfReader(io.BytesIO(pdf.render(document(page=page)))).pages[0].mediabox
    assert (float(box.width), float(box.height)) == pytest.approx(size, abs=0.1)


def test_a_logo_stands_for_the_sellers_name():
    with pikepdf.open(io.BytesIO(pdf.render(document(logo=png(60, 20))))) as opened:
        images = list(opened.pages[0].get_images().values())
    assert [(int(image.Width), int(image.Height)) for image in images] == [(60, 20)]


def test_the_same_document_is_the_same_bytes_in_another_process():
    script = (
        "import sys, hashlib; sys.path.insert(0, 'tests'); from documents import document; from flyusage.invoices import pdf;"
        "print(hashlib.sha256(pdf.render(document())).hexdigest())"
    )
    root = Path(__file__).parents[2]
    digests = {subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(digests) == 1
    pdf.render(document(line(1, 1), number="between"))  # what was set before leaves no trace
    assert pdf.render(document()) == pdf.render(document())
    assert pdf.render(document()) != pdf.render(document(issued_on=date(2026, 11, 2)))


def test_the_file_is_whole_though_its_metadata_are_put_in_by_hand():
    for made in (document(), document(*(line(n, 100) for n in range(1, 90))), document(buyer=Party(name="no country, so no XML"))):
        content = pdf.render(made)
        assert content.count(b"%%EOF") == content.count(b"startxref") == 1
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False) as opened:
            assert opened.check_pdf_syntax() == []
            assert opened.Root.Metadata.read_bytes().endswith(b'end="r"?>')
        PdfReader(io.BytesIO(content), strict=True)


def test_it_is_pdf_a_3b_dated_by_its_issue():
    with pikepdf.open(io.BytesIO(pdf.render(document()))) as opened, opened.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")
        assert metadata["dc:title"] == "Invoice PRISM-000042, Northwind Compute GmbH"
        assert metadata["xmp:CreateDate"] == "2026-11-01T00:00:00+00:00"
        assert str(opened.Root.Lang) == "en"
        fonts = [font for page in opened.pages for font in page.Resources.Font.values()]
        assert fonts and all("/FontFile" in str(font.DescendantFonts[0].FontDescriptor.keys()) for font in fonts)


HOSTILE = [
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.1.0"',
    "#panic()",
    "$x^2$",
    "a\\nb\\u{41}\\",
    "@label <label>",
    "<b>bold</b>&amp;<!--",
    "*bold* _em_ `raw` = head",
    "- item + item / term: x",
    "// comment /* block",
    "]]}})) [[{{((",
    '"; sys.inputs',
    "#{texts}",
    "~ -- --- ...",
    "https://example.org/a_b*c*",
    "\\u0041",
    "%s {0} {{x}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_prints_literally(text: str):
    made = document(
        line(1, 12345, description=f"D {text}", group=f"G {text}", subgroup=f"S {text}", detail=f"E {text}", unit=f"U {text}"),
        seller=replace(SELLER, name=f"N {text}", lines=(f"L {text}",), email=f"M {text}"),
        buyer=replace(BUYER, name=f"B {text}", city=f"C {text}"),
        notes=(f"O {text}",), payment_terms=f"T {text}", number=f"I {text}", purchase_order=f"P {text}", demo_label=f"X {text}",
    )  # fmt: skip
    shown = letters(text_of(made))
    for mark in "DGSEUNLMBCOTIPX":
        assert letters(f"{mark} {text}") in shown
    assert "root:" not in shown


@pytest.mark.parametrize(("code", "refusal"), [('read("/etc/passwd")', "file not found"), ('read("../pdf.py")', "escape")])
def test_even_text_that_had_become_code_would_find_no_file(code: str, refusal: str):
    assert [path.name for path in pdf.TEMPLATE.parent.iterdir()] == ["invoice.typ"]
    with pytest.raises(RuntimeError, match=refusal):
        typst.Compiler(f"#{code}".encode(), root=pdf.TEMPLATE.parent).compile(format="pdf")


@pytest.mark.parametrize(
    "text", [GREEK, CHINESE, JAPANESE, "주식회사 프리즘", "Prizma Аналитика", "פריזמה בע״מ", "प्रिज़्म", "บริษัท ปริซึม", "👩‍🚀 🎉"]
)
@pytest.mark.parametrize("country", ["DE", "JP", "KR"])
def test_every_script_has_its_letters(text: str, country: str):
    assert printed.shown(text).strip("\u2068\u2069") == text  # nothing was missing
    shown = letters(text_of(document(buyer=Party(name=text, country=country))))
    assert set(letters(text)) - set("\u200d") <= set(shown)


def test_arabic_is_shaped_and_reads_from_the_right():
    made = pdf.render(document(buyer=Party(name=ARABIC, lines=("شارع الملك فهد 127",), country="SA")))
    content = PdfReader(io.BytesIO(made)).pages[0].extract_text()
    assert "ش" in content and "127" in content
    with pikepdf.open(io.BytesIO(made)) as opened:
        names = [str(font.BaseFont) for font in opened.pages[0].Resources.Font.values()]
    assert any("NotoSansArabic" in name for name in names)


@pytest.mark.parametrize(("country", "face"), [("JP", "NotoSansJP"), ("CN", "NotoSansSC"), ("DE", "NotoSansSC"), ("KR", "NotoSansKR")])
def test_shared_characters_have_the_readers_shapes(country: str, face: str):
    with pikepdf.open(io.BytesIO(pdf.render(document(buyer=Party(name="直骨今", country=country))))) as opened:
        names = [str(font.BaseFont) for font in opened.pages[0].Resources.Font.values()]
    assert any(face in name for name in names)


def test_what_no_typeface_holds_shows_as_a_box():
    assert printed.shown("a𒀀\ufffdb") == "a□□b"
    assert "x□y" in text_of(document(buyer=Party(name="x𒀀y", country="DE")))


def test_direction_marks_touch_nothing_beside_them():
    assert printed.shown("\u202eevil\u202c") == "evil"
    assert printed.shown("so\u00adft \ufeffmark") == "soft mark"
    shown = text_of(document(line(1, 12345, description="\u202eABC\u2067 \u202b"), number="\u202e42"))
    assert "ABC" in shown and "123.45" in shown


def test_names_of_any_length_stay_on_the_page():
    name = "W" * 500
    made = document(
        line(1, 12345, description=name, subgroup=name, detail=name), buyer=Party(name=name, country="DE", lines=(name,)), number=name
    )
    assert letters(text_of(made)).count(name) >= 4  # the fifth is cut by a page's end
    edges = right_edges(pdf.render(made))
    assert len(edges) > 100 and max(edges) <= 210 * MM - 19 * MM


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(min_size=1, max_size=40), min_size=6, max_size=6))
def test_any_text_gives_pages(texts: list[str]):
    name, city, text, group, note, number = texts
    made = document(
        line(1, 12345, description=f"x{text}", group=group, subgroup=city, unit=text), buyer=Party(name=f"x{name}", city=city),
        notes=(note,), number=f"x{number}",
    )  # fmt: skip
    assert pdf.render(made).startswith(b"%PDF-1.7")


@given(st.text(max_size=120))
def test_shown_text_differs_only_by_what_shows_nothing(text: str):
    def visible(shown: str) -> str:
        return "".join(character for character in shown if unicodedata.category(character) != "Cf")

    assert visible(printed.shown(text)) == visible(glyphs.drawable(text)).replace("\u034f", "")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30))
def test_a_row_said_to_have_one_line_has_one(text: str):
    # what the height of a row rests on: no text is wider than was reckoned (Inter's widest letter is W, 0.985 em)
    assert printed._ems_at_most("W") >= 0.985 and printed._ems_at_most("0") >= 0.65
    assert printed._ems_at_most(text) <= len(text) * 1.02 and printed._fits(text, printed._ems_at_most(text))
    assert printed._ems_at_most(text) == pytest.approx(sum(map(printed._ems_at_most, text)))
    assert printed._ems_at_most(f"{text}é") == float("inf")


def test_amounts_in_dollars_are_named_once_above():
    shown = text_of(document(currency=USD))
    assert "Amount, USD" in shown and "Total due $146.91" in shown


def test_colours_are_the_tokens():
    tokens = dict(re.findall(r"--([\w-]+): (#\w{6})", Path("assets/tokens.css").read_text().split("[data-theme")[0]))
    template = pdf.TEMPLATE.read_text()
    used = {
        "ink": "ink",
        "ink-2": "ink-2",
        "ink-3": "ink-3",
        "rule-strong": "line-strong",
        "sunken": "sunken",
        "accent": "accent-ink",
        "warn": "warn",
    }
    for name, token in used.items():
        assert f'#let {name} = rgb("{tokens[token]}")' in template
