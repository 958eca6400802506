"""Budgets of organizations, and which of their thresholds were reached.

Revision ID: 20261125_2340
Revises: 20261125_2200
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_2340"
down_revision = "20261125_2200"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", postgresql.JSONB(), server_default="{}", nullable=False, comment="filters as the explorer's address writes them"),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False, comment="for each calendar month"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("percents", postgresql.ARRAY(sa.SmallInteger()), nullable=False, comment="of the amount, told when spent"),
        sa.Column("forecast_percents", postgresql.ARRAY(sa.SmallInteger()), nullable=False, comment="of the amount, told when expected"),
        sa.Column("recipients", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_budget_amount_positive")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_budget_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_budget")),
    )
    op.create_index("uq_budget_name", "budget", ["org_id", "name"], unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "budget_alert",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("budget_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False, comment="spent, or expected by the month's end"),
        sa.Column("budget_minor", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="the mail's Message-ID"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("basis IN ('spent', 'expected')", name=op.f("ck_budget_alert_basis_known")),
        sa.ForeignKeyConstraint(["org_id", "budget_id"], ["budget.org_id", "budget.id"], name=op.f("fk_budget_alert_org_id_budget")),
        sa.PrimaryKeyConstraint("org_id", "budget_id", "month", "basis", "percent", name=op.f("pk_budget_alert")),
    )
    op.create_index("ix_budget_alert_waiting", "budget_alert", ["due_at"], unique=False, postgresql_where=sa.text("done_at IS NULL"))
    for table in ("budget", "budget_alert"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
        op.execute(f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("budget_alert")
    op.drop_table("budget")
