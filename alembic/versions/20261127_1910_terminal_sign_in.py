"""Commands that a member lets in at a page, until they fetch their token for a code.

Revision ID: 20261127_1910
Revises: 20261127_1830
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261127_1910"
down_revision = "20261127_1830"
branch_labels = None
depends_on = None

TENANT = "org_id = NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    op.create_table(
        "terminal_sign_in",
        sa.Column("org_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=False, comment="the SHA-256 of the command's verifier"),
        sa.Column("name", sa.Text(), nullable=False, comment="of the token to be made"),
        sa.Column("scopes", JSONB(), nullable=False, comment="values of Permission"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_terminal_sign_in_org_id_organization")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_terminal_sign_in_user_id_user_account")),
        sa.PrimaryKeyConstraint("org_id", "code_sha256", name=op.f("pk_terminal_sign_in")),
    )
    op.create_index(op.f("ix_terminal_sign_in_code_sha256"), "terminal_sign_in", ["code_sha256"])
    op.create_index(op.f("ix_terminal_sign_in_user_id"), "terminal_sign_in", ["user_id"])
    for statement in (
        f"GRANT SELECT, INSERT, DELETE ON terminal_sign_in TO {PLATFORM_ROLE}",
        "ALTER TABLE terminal_sign_in ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE terminal_sign_in FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON terminal_sign_in TO {APP_ROLE} USING ({TENANT}) WITH CHECK ({TENANT})",
        f"CREATE POLICY platform ON terminal_sign_in TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("terminal_sign_in")
