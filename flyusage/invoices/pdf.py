"""A document as PDF/A-3b: the same document, the same bytes. Nothing in a document can be read as markup or reach a file."""

import json
import tempfile
from datetime import UTC, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock

import typst

from flyusage.invoices import glyphs
from flyusage.invoices.document import Document
from flyusage.invoices.printed import page_texts

STANDARD = "a-3b"

_lock = Lock()  # a compiler sets one document at a time


def render(document: Document) -> bytes:
    """The pages of `document` as PDF/A-3b, A4 or Letter, dated the midnight (UTC) of its day of issue."""
    issued = datetime.combine(document.issued_on, time(), UTC)
    inputs = {"texts": json.dumps(page_texts(document), ensure_ascii=False)}
    with tempfile.TemporaryDirectory(prefix="flyusage-invoice-") as root, _lock:
        # All that a template could read: an empty folder, and in it the logo.
        if document.logo is not None:
            Path(root, "logo").write_bytes(document.logo)
        made = _compiler().compile(_template(), format="pdf", sys_inputs=inputs, pdf_standards=STANDARD, root=root, timestamp=issued)
    assert isinstance(made, bytes)
    return made


@cache
def _template() -> bytes:
    return resources.files("flyusage.invoices").joinpath("invoice.typ").read_bytes()


@cache
def _compiler() -> typst.Compiler:
    """One for the process: reading the typefaces anew would cost more than setting the page."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FOLDER])
    return typst.Compiler(_template(), font_paths=fonts, ignore_system_fonts=True)
