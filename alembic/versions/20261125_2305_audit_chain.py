"""The audit is chained: each organization's entries, in the order they were committed, each with the hash of all before it.

Revision ID: 20261125_2305
Revises: 20261125_2200
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261125_2305"
down_revision = "20261125_2200"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
FUNCTIONS = ("chain_audit()", "audit_chain(int, bigint)")


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("address", sa.Text(), server_default="", nullable=False, comment="where the actor's request came from"))
    op.create_index("ix_audit_event_org_id_at_id", "audit_event", ["org_id", "at", "id"])
    op.create_index("ix_audit_event_org_id_actor_at_id", "audit_event", ["org_id", "actor", "at", "id"])
    op.create_index("ix_audit_event_org_id_action_at_id", "audit_event", ["org_id", "action", "at", "id"])
    op.create_table(
        "audit_link",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="1, 2, 3, … in the order of commit"),
        sa.Column("sha256", sa.LargeBinary(), nullable=False, comment="of the hash before it and of audit_content()"),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_audit_link_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", "entry_id", name=op.f("pk_audit_link")),
        sa.UniqueConstraint("org_id", "position", name=op.f("uq_audit_link_org_id_position")),
    )
    op.create_table(
        "audit_head",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_audit_head_org_id_organization")),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_audit_head")),
    )
    for statement in (*_security(), *_chain()):
        op.execute(statement)
    op.execute("SELECT audit_chain(org_id, 0) FROM (SELECT DISTINCT org_id FROM audit_event) AS audited")


def downgrade() -> None:
    op.execute("DROP TRIGGER chained ON audit_event")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP FUNCTION audit_content(audit_event, bigint)")
    op.drop_table("audit_head")
    op.drop_table("audit_link")
    op.execute("DROP POLICY chain ON audit_event")
    for index in ("ix_audit_event_org_id_action_at_id", "ix_audit_event_org_id_actor_at_id", "ix_audit_event_org_id_at_id"):
        op.drop_index(index, table_name="audit_event")
    op.drop_column("audit_event", "address")


def _security() -> list[str]:
    """Members and the platform read the chain; only the functions below, with the owner's rights, lengthen it."""
    statements = [f"CREATE POLICY chain ON audit_event FOR SELECT TO {OWNER_ROLE} USING (true)"]
    for table in ("audit_link", "audit_head"):
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
            f"CREATE POLICY chain ON {table} TO {OWNER_ROLE} USING (true) WITH CHECK (true)",
            f"GRANT SELECT ON {table} TO {APP_ROLE}, {PLATFORM_ROLE}",
        ]
    statements.append(
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""
    )
    return statements


def _chain() -> list[str]:
    """Entries are chained when their transaction commits, not when they are written.

    The row of `audit_head` serialises an organization's writers; taken last, it is held for a moment only, waits for nothing else,
    and a long transaction keeps nobody from signing in. A transaction's entries of one organization are chained at once.
    """
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        """CREATE FUNCTION audit_content(entry audit_event, at_position bigint) RETURNS text LANGUAGE sql STABLE
           AS $$ SELECT jsonb_build_object(
                   'org_id', entry.org_id, 'position', at_position, 'id', entry.id,
                   'at', to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'actor', entry.actor,
                   'action', entry.action, 'subject', entry.subject, 'address', entry.address, 'detail', entry.detail)::text $$""",
        f"""CREATE FUNCTION audit_chain(of_org int, since bigint) RETURNS void LANGUAGE plpgsql {definer} AS $$
            DECLARE head audit_head; entry audit_event;
            BEGIN
              INSERT INTO audit_head VALUES (of_org, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
              SELECT * INTO STRICT head FROM audit_head WHERE org_id = of_org FOR UPDATE;
              FOR entry IN
                SELECT e.* FROM audit_event e WHERE e.org_id = of_org AND e.id >= since
                AND NOT EXISTS (SELECT FROM audit_link l WHERE l.org_id = of_org AND l.entry_id = e.id) ORDER BY e.id
              LOOP
                head.position := head.position + 1;
                head.sha256 := sha256(head.sha256 || convert_to(audit_content(entry, head.position), 'UTF8'));
                INSERT INTO audit_link VALUES (of_org, entry.id, head.position, head.sha256);
              END LOOP;
              UPDATE audit_head SET position = head.position, sha256 = head.sha256 WHERE org_id = of_org;
            END $$""",
        f"""CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
            BEGIN
              IF NOT EXISTS (SELECT FROM audit_link WHERE org_id = NEW.org_id AND entry_id = NEW.id) THEN
                PERFORM audit_chain(NEW.org_id, NEW.id);
              END IF;
              RETURN NULL;
            END $$""",
        """CREATE CONSTRAINT TRIGGER chained AFTER INSERT ON audit_event DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION chain_audit()""",
    ]
    return [*statements, *(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in FUNCTIONS)]
