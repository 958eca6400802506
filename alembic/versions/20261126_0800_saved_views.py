"""Views of the explorer that somebody named, for themselves or for the organization.

Revision ID: 20261126_0800
Revises: 20261126_1100
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_0800"
down_revision = "20261126_1100"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "saved_view",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True, comment="whose it is; null: the organization's, and shared"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", postgresql.JSONB(), nullable=False, comment="as the explorer's address writes it"),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False, comment="on the overview of everybody who sees it"),
        sa.Column("created_at", moment, nullable=False),
        sa.CheckConstraint("is_shared OR owner_id IS NOT NULL", name=op.f("ck_saved_view_somebodys")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_saved_view_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_saved_view")),
    )
    op.create_index("uq_saved_view_shared", "saved_view", ["org_id", "name"], unique=True, postgresql_where=sa.text("is_shared"))
    op.create_index(
        "uq_saved_view_own", "saved_view", ["org_id", "owner_id", "name"], unique=True, postgresql_where=sa.text("NOT is_shared")
    )
    op.execute("ALTER TABLE saved_view ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE saved_view FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON saved_view TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
    op.execute(f"CREATE POLICY platform ON saved_view TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON saved_view TO {APP_ROLE}, {PLATFORM_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("saved_view")
