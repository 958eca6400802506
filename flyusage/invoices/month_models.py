"""Tables of months: how far each organization's is billed, what people decided about it, what came late, and what all came to."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Date, Identity, Text
from sqlalchemy.dialects.postgresql import JSONB

from flyusage.invoices.models import MOMENT, first_of_month, metadata, org_column, tenant_key

billing_close = sa.Table(
    "billing_close",
    metadata,
    org_column(),
    Column("month", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("exceptions", JSONB, nullable=False, server_default="[]"),
    Column("currency", Text),
    Column("gross_minor", BigInteger),
    Column("invoice_id", BigInteger),
    Column("error", Text),
    Column("at", MOMENT, nullable=False),
    tenant_key("month"),
    sa.Index("ix_billing_close_month", "month", "state"),
    first_of_month(),
    sa.CheckConstraint("state IN ('issued', 'nothing', 'waiting', 'failed')", name="state_known"),
)

billing_hold = sa.Table(
    "billing_hold",
    metadata,
    org_column(),
    Column("month", Date, nullable=False),
    Column("exception", Text, nullable=False, comment="the code it decides on; '*' stands for all"),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", MOMENT, nullable=False),
    Column("decided_by", Text, nullable=False),
    tenant_key("month", "exception"),
    first_of_month(),
    sa.CheckConstraint("decision IN ('held', 'released')", name="decision_known"),
)

# Months whose usage changed after they were billed: what the next invoice has to adjust. Kept by a trigger on usage_month.
late_month = sa.Table(
    "late_month",
    metadata,
    org_column(),
    Column("month", Date, nullable=False),
    Column("noticed_at", MOMENT, nullable=False),
    tenant_key("month"),
)

_TOTALS = ("invoices", "net_minor", "tax_minor", "gross_minor", "balance_minor")


def _totals() -> list[Column]:
    return [
        Column("month", Date, nullable=False),
        Column("currency", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        *[Column(name, BigInteger, nullable=False) for name in _TOTALS],
    ]


# Totals of the platform by month; the truth is this plus all of invoice_total_change.
invoice_month_total = sa.Table("invoice_month_total", metadata, *_totals(), sa.PrimaryKeyConstraint("month", "currency", "kind", "state"))

invoice_total_change = sa.Table(
    "invoice_total_change",
    metadata,
    org_column(),
    Column("id", BigInteger, Identity(), nullable=False),
    *_totals(),
    tenant_key("id"),
)
