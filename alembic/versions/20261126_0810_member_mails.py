"""Mails that members choose to get: which, and the queue of those that are due.

Revision ID: 20261126_0810
Revises: 20261126_0800
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, LIMITED_ROLE, PLATFORM_ROLE

revision = "20261126_0810"
down_revision = "20261126_0800"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    for column, what in (("wants_summary", "the monthly summary"), ("wants_anomalies", "what is out of the ordinary")):
        op.add_column("membership", sa.Column(column, sa.Boolean(), nullable=True, comment=f"mails of {what}; null: as the role has it"))
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "member_mail",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Date(), nullable=False, comment="the month's first day; the day"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="the mail's Message-ID"),
        sa.Column("told_from", moment, nullable=False, comment="what it tells was found after this"),
        sa.Column("told_to", moment, nullable=False, comment="and until this"),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", moment, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('summary', 'anomalies')", name=op.f("ck_member_mail_kind_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_member_mail_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "kind", "about", "user_id", name=op.f("pk_member_mail")),
    )
    op.create_index("ix_member_mail_waiting", "member_mail", ["due_at"], unique=False, postgresql_where=sa.text("done_at IS NULL"))
    op.execute("ALTER TABLE member_mail ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE member_mail FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON member_mail TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
    op.execute(f"CREATE POLICY platform ON member_mail TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY granted ON member_mail AS RESTRICTIVE TO {LIMITED_ROLE} USING (false)")  # whom others are written to
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON member_mail TO {APP_ROLE}, {PLATFORM_ROLE}")
    op.execute(f"GRANT DELETE ON member_mail TO {PLATFORM_ROLE}")  # for purging


def downgrade() -> None:
    op.drop_table("member_mail")
    for column in ("wants_anomalies", "wants_summary"):
        op.drop_column("membership", column)
