"""What was out of the ordinary in what organizations use, and how far that was looked for.

Revision ID: 20261126_0510
Revises: 20261126_0500
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, LIMITED_ROLE, PLATFORM_ROLE

revision = "20261126_0510"
down_revision = "20261126_0500"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "anomaly",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="what messages about it are called"),
        sa.Column("meters", sa.Text(), nullable=False, comment="running: all but traffic, by hour; traffic: by day"),
        sa.Column("app_id", sa.Integer(), nullable=False, comment="0: the region as a whole"),
        sa.Column("region_id", sa.SmallInteger(), nullable=False, comment="0: the app as a whole"),
        sa.Column("is_rise", sa.Boolean(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("difference_minor", sa.BigInteger(), nullable=False, comment="against what is ordinary, so far"),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("calm", sa.SmallInteger(), nullable=False, comment="hours (days) in a row that were ordinary; 3: over"),
        sa.Column("cause", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.CheckConstraint("meters IN ('running', 'traffic')", name=op.f("ck_anomaly_meters_known")),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_anomaly_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_anomaly")),
        sa.UniqueConstraint(
            "org_id", "meters", "app_id", "region_id", "is_rise", "since", name=op.f("uq_anomaly_org_id_meters_app_id_region_id_is_rise_since")
        ),
    )
    op.create_table(
        "anomaly_watch",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("meters", sa.Text(), nullable=False),
        sa.Column("looked_through", moment, nullable=False, comment="an hour (day) is looked at once, whatever comes late"),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_anomaly_watch_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "meters", name=op.f("pk_anomaly_watch")),
    )
    for table in ("anomaly", "anomaly_watch"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
        op.execute(f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}")
        op.execute(f"GRANT DELETE ON {table} TO {PLATFORM_ROLE}")  # for purging
    granted = "CAST((SELECT string_to_array(current_setting('flyusage.apps', true), ',')) AS int[])"
    op.execute(f"CREATE POLICY granted ON anomaly AS RESTRICTIVE TO {LIMITED_ROLE} USING (app_id = ANY ({granted}))")  # a region's tell of every app
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("anomaly_watch")
    op.drop_table("anomaly")
