"""An answer as CSV: exact decimals that add up, nothing a spreadsheet could run."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session

from flyusage.pricing.view import Answer, View

PLACES = 12


def export_csv(session: Session, org_id: int, view: View, *, now: datetime | None = None) -> Iterator[str]:
    """Lines of CSV (RFC 4180, CRLF): a header that names measure, unit, zone, as_of and rolled_through, every value of the
    grouping, and the total.

    Amounts have 12 decimals, split by largest remainder: rows sum to the printed total. A text beginning with = + - @
    or a control character is quoted with '.
    """
    raise NotImplementedError


def csv_lines(answer: Answer) -> Iterator[str]:
    """The same, of an answer already at hand."""
    raise NotImplementedError
