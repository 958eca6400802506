"""A month by cost centre as one page of PDF. It asks nothing: the same month, the same bytes."""

import json
import unicodedata
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import typst

from flyusage.invoices import glyphs
from flyusage.invoices.cost_centre_month import AppPart, CentreMonth, together
from flyusage.invoices.printed import shown
from flyusage.money import Currency, format_minor

TEMPLATE = Path(__file__).parent / "month_page" / "month.typ"  # alone in its folder, which is all that it could read
MOST_ROWS = 18  # fit on a page; the smallest of more are one row, and the CSV has each
NAME_CELLS, ORGANIZATION_CELLS = 28, 48  # a wide character counts two

_lock = Lock()  # a compiler sets one document at a time


def render(told: CentreMonth) -> bytes:
    """The page as PDF/A-2b, A4, dated the day that it was made on."""
    made_on = datetime.combine(told.made_on, time(), UTC)
    with _lock:
        made = _compiler().compile(
            format="pdf", sys_inputs={"texts": json.dumps(texts(told), ensure_ascii=False)}, pdf_standards="a-2b", timestamp=made_on
        )
    assert isinstance(made, bytes)
    return made


def texts(told: CentreMonth) -> dict[str, Any]:
    """Everything that the template places."""
    centres = told.centres()
    rows = [_row(name, apps, part, told.currency) for name, apps, part in centres[:MOST_ROWS]]
    if rest := centres[MOST_ROWS:]:
        name = f"{len(rest)} more"
        rows.append(_row(name, sum(apps for _, apps, _ in rest), together(name, (part for *_, part in rest)), told.currency))
    documents = ", ".join(told.documents[:6]) + (f" and {len(told.documents) - 6} more" if len(told.documents) > 6 else "")
    return {
        "title": f"{told.month:%B %Y} by cost centre, {told.organization}",
        "faces": glyphs.faces(""),
        "organization": _fitted(told.organization, ORGANIZATION_CELLS),
        "month": f"{told.month:%B %Y}",
        "state": f"Billed by {shown(documents)}" if told.documents else "Not issued yet: a draft, which may change",
        "is_draft": not told.documents,
        "issuer": shown(told.issuer),
        "currency": told.currency.code,
        "rows": rows,
        "whole": _row("Net", sum(apps for _, apps, _ in centres), together("Net", told.parts), told.currency),
        "tax": format_minor(told.tax_minor, told.currency),
        "gross": format_minor(told.net_minor + told.tax_minor, told.currency),
        "made": f"Made on {told.made_on:%B} {told.made_on.day}, {told.made_on.year}. Days and months are UTC.",
    }


def _row(name: str, apps: int, part: AppPart, currency: Currency) -> dict[str, str]:
    amounts = {
        "usage": part.usage_minor, "reductions": part.reductions_minor, "charges": part.charges_minor, "net": part.net_minor,
    }  # fmt: skip
    return {
        "name": _fitted(name, NAME_CELLS),
        "apps": str(apps or "–"),
        **{key: format_minor(amount, currency) if amount else "–" for key, amount in amounts.items()},
    }


def _fitted(text: str, cells: int) -> str:
    """`text` on one line of so many cells, cut where it is longer."""
    kept, width = "", 0
    for character in text:
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > cells:
            return shown(f"{kept.rstrip()}…")
        kept += character
    return shown(kept)


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FOLDER])
    return typst.Compiler(TEMPLATE, root=TEMPLATE.parent, font_paths=fonts, ignore_system_fonts=True)
