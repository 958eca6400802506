"""Budgets of an organization, and which of their thresholds were reached in which month."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Identity, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

metadata = SQLModel.metadata
MOMENT = DateTime(timezone=True)

budget = sa.Table(
    "budget",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", JSONB, nullable=False, server_default="{}", comment="filters as the explorer's address writes them"),
    Column("amount_minor", BigInteger, nullable=False, comment="for each calendar month"),
    Column("currency", Text, nullable=False),
    Column("percents", ARRAY(SmallInteger), nullable=False, comment="of the amount, told when spent"),
    Column("forecast_percents", ARRAY(SmallInteger), nullable=False, comment="of the amount, told when expected"),
    Column("recipients", ARRAY(Text), nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", MOMENT),
    Column("app_ids", ARRAY(Integer), comment="the apps it is of, where its scope names some; null: of any"),
    sa.Index("uq_budget_name", "org_id", "name", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
)

# Once for each threshold and month: the key is what keeps two workers, a re-roll and late events from telling twice.
budget_alert = sa.Table(
    "budget_alert",
    metadata,
    Column("org_id", Integer, primary_key=True),
    Column("budget_id", BigInteger, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("basis", Text, primary_key=True),
    Column("percent", SmallInteger, primary_key=True),
    Column("reached_at", MOMENT, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, comment="spent, or expected by the month's end"),
    Column("budget_minor", BigInteger, nullable=False),
    Column("key", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"), comment="the mail's Message-ID"),
    Column("due_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", MOMENT),
    Column("outcome", Text),
    Column("last_error", Text),
    sa.ForeignKeyConstraint(["org_id", "budget_id"], ["budget.org_id", "budget.id"]),
    sa.Index("ix_budget_alert_waiting", "due_at", postgresql_where=sa.text("done_at IS NULL")),
    sa.CheckConstraint("basis IN ('spent', 'expected')", name="basis_known"),
)

TENANT_TABLES = ("budget", "budget_alert")
