"""The costliest machines of months that are over, kept for one revision of what they used.

Roll-ups of older code do not count revisions up: whoever goes back to it while this schema stays, and forth again, empties
costliest_month first.

Revision ID: 20261127_2040
Revises: 20261127_1910
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from flyusage.db import APP_ROLE, LIMITED_ROLE, PLATFORM_ROLE

revision = "20261127_2040"
down_revision = "20261127_1910"
branch_labels = None
depends_on = None

TENANT = "org_id = NULLIF(current_setting('flyusage.org_id', true), '')::int"
TABLES = ("resource_month_revision", "costliest_month")


def upgrade() -> None:
    op.create_table(
        "resource_month_revision",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "month", name=op.f("pk_resource_month_revision")),
    )
    op.create_table(
        "costliest_month",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="that of resource_month_revision when it was ranked"),
        sa.Column("priced_by", sa.LargeBinary(), nullable=False, comment="a digest of the prices it was ranked by"),
        sa.Column("resource_ids", ARRAY(sa.BigInteger()), nullable=False, comment="the costliest first; none: too few machines to keep"),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_costliest_month_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "month", name=op.f("pk_costliest_month")),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING ({TENANT}) WITH CHECK ({TENANT})")
        op.execute(f"CREATE POLICY granted ON {table} AS RESTRICTIVE TO {LIMITED_ROLE} USING (false)")
        op.execute(f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT ON {table} TO {APP_ROLE}")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {PLATFORM_ROLE}")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
