"""Endpoints that alerts are delivered to, what was sent to each, and budgets that ask to stop machines.

Revision ID: 20261126_0500
Revises: 20261126_0400
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, LIMITED_ROLE, PLATFORM_ROLE

revision = "20261126_0500"
down_revision = "20261126_0400"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
GRANTS = {"alert_endpoint": "SELECT, INSERT, UPDATE", "delivery": "SELECT, INSERT, UPDATE", "delivery_attempt": "SELECT, INSERT"}


def upgrade() -> None:
    capped = sa.Column(
        "is_capped", sa.Boolean(), server_default="false", nullable=False, comment="asks to stop the scope's machines once all of it is spent"
    )
    op.add_column("budget", capped)
    _bases("'spent', 'expected', 'cap'")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "alert_endpoint",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False, comment="what its secrets are sealed for"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False, comment="sealed: a chat's address is its secret"),
        sa.Column("shown_url", sa.Text(), nullable=False, comment="what of the address may be read"),
        sa.Column("secret", sa.LargeBinary(), nullable=True, comment="sealed; what messages are signed with"),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True, comment="sealed; signs beside the new one until old_until"),
        sa.Column("old_until", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.CheckConstraint("kind IN ('webhook', 'chat')", name=op.f("ck_alert_endpoint_kind_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_alert_endpoint_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_alert_endpoint")),
    )
    op.create_index("uq_alert_endpoint_name", "alert_endpoint", ["org_id", "name"], unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "delivery",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="as it is sent, byte for byte, each time"),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_delivery_state_known")),
        sa.ForeignKeyConstraint(
            ["org_id", "endpoint_id"], ["alert_endpoint.org_id", "alert_endpoint.id"], name=op.f("fk_delivery_org_id_alert_endpoint")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("org_id", "endpoint_id", "message_id", name=op.f("uq_delivery_org_id_endpoint_id_message_id")),
    )
    op.create_index("ix_delivery_waiting", "delivery", ["due_at"], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table(
        "delivery_attempt",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="from 1 on, across replays"),
        sa.Column("at", moment, nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="null: no answer"),
        sa.Column("excerpt", sa.Text(), nullable=False, comment="how the answer begins, or what went wrong"),
        sa.ForeignKeyConstraint(["org_id", "delivery_id"], ["delivery.org_id", "delivery.id"], name=op.f("fk_delivery_attempt_org_id_delivery")),
        sa.PrimaryKeyConstraint("org_id", "delivery_id", "number", name=op.f("pk_delivery_attempt")),
    )
    for table, rights in GRANTS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
        op.execute(f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY granted ON {table} AS RESTRICTIVE TO {LIMITED_ROLE} USING (false)")  # they tell of every app
        op.execute(f"GRANT {rights} ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}")
        op.execute(f"GRANT DELETE ON {table} TO {PLATFORM_ROLE}")  # for purging
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.drop_table(table)
    op.execute("DELETE FROM budget_alert WHERE basis = 'cap'")
    _bases("'spent', 'expected'")
    op.drop_column("budget", "is_capped")


def _bases(known: str) -> None:
    op.execute("ALTER TABLE budget_alert DROP CONSTRAINT ck_budget_alert_basis_known")
    op.execute(f"ALTER TABLE budget_alert ADD CONSTRAINT ck_budget_alert_basis_known CHECK (basis IN ({known}))")
