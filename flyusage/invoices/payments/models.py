"""Tables of what the payment processor holds: its names for our customers and invoices, and the events it sent."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

from flyusage.invoices.models import MOMENT, metadata

processor_customer = sa.Table(
    "processor_customer",
    metadata,
    Column("org_id", Integer, sa.ForeignKey("organization.id"), nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    sa.PrimaryKeyConstraint("org_id"),
)

processor_invoice = sa.Table(
    "processor_invoice",
    metadata,
    Column("org_id", Integer, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False, comment="what the processor was given to collect"),
    Column("created_at", MOMENT, nullable=False),
    Column("handed_over_at", MOMENT, comment="when it was finalized there and its amounts compared"),
    Column("is_paid_elsewhere", Boolean, nullable=False, server_default="false", comment="we told the processor that it is paid"),
    Column("failed_at", MOMENT, comment="when a payment last failed"),
    Column("failed_because", Text),
    Column("compared_at", MOMENT),
    Column("difference", Text, comment="what differs and could not be mended, for staff"),
    sa.PrimaryKeyConstraint("org_id", "invoice_id"),
    sa.Index("ix_processor_invoice_processor_id", "processor_id"),
    sa.ForeignKeyConstraint(["org_id", "invoice_id"], ["invoice.org_id", "invoice.id"]),
    sa.CheckConstraint("(failed_at IS NULL) = (failed_because IS NULL)", name="failure_says_why"),
)

processor_event = sa.Table(
    "processor_event",
    metadata,
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("about", Text, nullable=False, comment="the processor's object"),
    Column("happened_at", MOMENT, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("outcome", Text, nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.Index("ix_processor_event_received_at", "received_at"),
)
