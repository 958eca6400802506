"""Answers to writes of the API, kept for a day under the sender's key.

Revision ID: 20261126_0400
Revises: 20261126_0220
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261126_0400"
down_revision = "20261126_0300"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    op.create_table(
        "idempotent_write",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False, comment="of method, address and body: another request may not use the key"),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 200", name=op.f("ck_idempotent_write_key_length")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_idempotent_write_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "token_id", "key", name=op.f("pk_idempotent_write")),
    )
    op.create_index("ix_idempotent_write_created_at", "idempotent_write", ["org_id", "created_at"], unique=False)
    op.execute("ALTER TABLE idempotent_write ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE idempotent_write FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON idempotent_write TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
    op.execute(f"CREATE POLICY platform ON idempotent_write TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON idempotent_write TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("idempotent_write")
