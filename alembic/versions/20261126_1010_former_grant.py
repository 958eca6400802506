"""Which apps somebody was limited to when their directory took them out, so that coming back shows them no more.

Revision ID: 20261126_1010
Revises: 20261126_1000
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_1010"
down_revision = "20261126_1000"
branch_labels = None
depends_on = None

TENANT = "org_id = NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    op.create_table(
        "former_grant",
        sa.Column("org_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("app_ids", ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_former_grant_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "email", name=op.f("pk_former_grant")),
    )
    for statement in (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON former_grant TO {APP_ROLE}, {PLATFORM_ROLE}",
        "ALTER TABLE former_grant ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE former_grant FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON former_grant TO {APP_ROLE} USING ({TENANT}) WITH CHECK ({TENANT})",
        f"CREATE POLICY platform ON former_grant TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("former_grant")
