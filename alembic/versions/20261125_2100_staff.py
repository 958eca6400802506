"""Staff: roles in the whole installation, and the log of who granted them. The platform's alone.

Revision ID: 20261125_2100
Revises: 20261125_2000
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261125_2100"
down_revision = "20261125_2000"
branch_labels = None
depends_on = None

PLATFORM_ROLE = "flyusage_platform"


def upgrade() -> None:
    op.create_table(
        "staff_grant",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('support', 'billing', 'operator')", name=op.f("ck_staff_grant_role_known")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_staff_grant_user_id_user_account")),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_staff_grant")),
    )
    op.create_table(
        "staff_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_event")),
    )
    op.execute(f"GRANT SELECT, INSERT, DELETE ON staff_grant TO {PLATFORM_ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON staff_event TO {PLATFORM_ROLE}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}")
    op.execute(
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_event
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
    )


def downgrade() -> None:
    op.drop_table("staff_event")
    op.drop_table("staff_grant")
