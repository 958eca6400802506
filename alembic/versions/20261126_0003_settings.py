"""Organizations change their slug, and the old ones lead on; they are deleted, which can be undone for a while.

Revision ID: 20261126_0003
Revises: 20261126_0002
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261126_0003"
down_revision = "20261126_0002"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
DEFINER = "SECURITY DEFINER SET search_path = public, pg_temp"


def upgrade() -> None:
    op.add_column(
        "organization", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="an owner may undo it for 30 days")
    )
    op.create_table(
        "former_slug",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_former_slug_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "slug", name=op.f("pk_former_slug")),
    )
    op.create_index("ix_former_slug_slug", "former_slug", ["slug"])
    for statement in _security():
        op.execute(statement)
    _replace_organizations_of("deleted_at")


def downgrade() -> None:
    op.execute("DROP FUNCTION former_slug_of(text)")
    _replace_organizations_of()
    op.drop_table("former_slug")
    op.drop_column("organization", "deleted_at")


def _security() -> list[str]:
    return [
        f"GRANT SELECT, INSERT, DELETE ON former_slug TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON former_slug TO {PLATFORM_ROLE}",
        "ALTER TABLE former_slug ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE former_slug FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON former_slug TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
        f"CREATE POLICY platform ON former_slug TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        f"CREATE POLICY lookup ON former_slug FOR SELECT TO {OWNER_ROLE} USING (true)",  # for former_slug_of
        f"""CREATE FUNCTION former_slug_of(wanted text) RETURNS TABLE (org_id int, slug text) LANGUAGE sql STABLE {DEFINER}
            AS $$ SELECT o.id, o.slug FROM former_slug f JOIN organization o ON o.id = f.org_id WHERE f.slug = wanted $$""",
        "REVOKE ALL ON FUNCTION former_slug_of(text) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION former_slug_of(text) TO {APP_ROLE}, {PLATFORM_ROLE}",
    ]


def _replace_organizations_of(*more: str) -> None:
    """As sign-in made it, with `more` columns."""
    columns = "".join(f", {name} timestamptz" for name in more)
    selected = "".join(f", o.{name}" for name in more)
    op.execute("DROP FUNCTION organizations_of(int)")
    op.execute(
        f"""CREATE FUNCTION organizations_of(who int)
            RETURNS TABLE (id int, slug text, name text, is_synthetic boolean, role text{columns}) LANGUAGE sql STABLE {DEFINER}
            AS $$ SELECT o.id, o.slug, o.name, o.is_synthetic, m.role{selected} FROM membership m JOIN organization o ON o.id = m.org_id
                  WHERE m.user_id = who ORDER BY o.id $$"""
    )
    op.execute("REVOKE ALL ON FUNCTION organizations_of(int) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION organizations_of(int) TO {APP_ROLE}, {PLATFORM_ROLE}")
