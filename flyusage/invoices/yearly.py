"""A year of an organization's invoices and credit notes as one file: the stored PDFs, byte for byte."""

from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.errors import DocumentPending, InvoiceUnknown
from flyusage.invoices.evidence import zipped


def year_zip(session: Session, org_id: int, year: int) -> bytes:
    """A zip of the PDFs of every document whose month lies in `year`, void ones too, named by number.

    Raises InvoiceUnknown for a year without any, and DocumentPending while one is still being made.
    """
    binds = {"org": org_id, "since": date(year, 1, 1), "until": date(year + 1, 1, 1)}
    rows = session.execute(sa.text(_DOCUMENTS), binds).all()
    if not rows:
        raise InvoiceUnknown(f"No invoice of {year} is issued.")
    missing = [row.number for row in rows if row.pdf is None]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise DocumentPending(
            f"The PDF of {missing[0]}{more} is still being made. Try again in a minute; `flyusage worker` must be running."
        )
    return zipped({f"{row.number}.pdf": bytes(row.pdf) for row in rows})


_DOCUMENTS = """
SELECT i.number, d.pdf FROM invoice i LEFT JOIN invoice_document d ON d.org_id = i.org_id AND d.invoice_id = i.id
WHERE i.org_id = :org AND i.state <> 'draft' AND i.starts_on >= :since AND i.starts_on < :until ORDER BY i.number"""
