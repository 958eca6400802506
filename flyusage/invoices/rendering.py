"""PDF and XML of issued invoices, made from their snapshots: at once for a single one, by the worker after a month is closed.

The snapshot and its hash are frozen in the issuing transaction, and a document renders to the same bytes whenever it is done,
so it may come after; once stored, with its hashes, it never changes.
"""

import hashlib
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.document import Document
from flyusage.invoices.models import invoice_document


def render(session: Session, org_id: int, invoice_id: int, document: Document) -> None:
    """Make the document's PDF and XML and store them with the invoice, once."""
    store(session, org_id, invoice_id, made_of(document))


class Made(NamedTuple):
    """A document's two files."""

    pdf: bytes
    xml: bytes


def made_of(document: Document) -> Made:
    """The document's PDF and XML: the same ones whenever and wherever they are made."""
    from flyusage.invoices import einvoice, pdf  # typesetting takes a second to load, which no other command should wait for

    xml = einvoice.xml(document)
    return Made(pdf.render(document, xml), xml)


def store(session: Session, org_id: int, invoice_id: int, made: Made) -> None:
    """Keep a document's PDF and XML, once and for good."""
    put = postgresql.insert(invoice_document).values(
        org_id=org_id, invoice_id=invoice_id, pdf=made.pdf, pdf_sha256=_sha256(made.pdf), xml=made.xml, xml_sha256=_sha256(made.xml),
        rendered_at=clock.now(),
    )  # fmt: skip
    session.execute(put.on_conflict_do_nothing())
    session.execute(sa.text(_DONE), {"org": org_id, "id": invoice_id, "now": clock.now()})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_DONE = """
UPDATE outbox SET done_at = :now WHERE org_id = :org AND invoice_id = :id AND kind = 'document' AND done_at IS NULL"""
