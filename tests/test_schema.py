import subprocess
import sys

import pytest
import sqlalchemy as sa
from conftest import Database, Server, pointed_at
from sqlmodel import SQLModel

from flyusage import config, db, schema
from flyusage.cli import bootstrap

TENANT_TABLES = sorted(
    table.name for table in SQLModel.metadata.tables.values() if "org_id" in table.columns or table.name == "organization"
)
ALONE = """
from flyusage.orgs import models
for table in models.SQLModel.metadata.tables.values():
    for key in table.foreign_keys:
        key.column  # raises where the table is not known
"""


def scalars(statement: str, **values: object) -> list:
    with db.plain_connection() as connection:
        return list(connection.scalars(sa.text(statement), values))


def test_the_migrations_make_exactly_the_models_tables(database: Database):
    schema.check()


def test_a_command_that_imports_organizations_alone_has_the_tables_they_refer_to():
    """Writing a row looks them up, and a command imports no more than it needs."""
    run = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_every_migration_goes_down_and_up_again(database: Database):
    before = described()
    schema.downgrade("base")
    assert scalars("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')") == [
        "alembic_version"
    ]
    assert schema.current_version() is None
    schema.upgrade()
    schema.require_known()
    assert described() == before


def test_setting_up_twice_changes_nothing(database: Database):
    before = described(), contents()
    bootstrap.prepare()
    assert (described(), contents()) == before


def test_what_runs_after_an_upgrade_finds_regions_sizes_skus_and_prices(shared_database: Database):
    assert [table for table, content in contents().items() if content is None] == []


def test_an_older_schema_is_refused_with_both_versions_and_the_command(database: Database):
    schema.downgrade("base")
    with pytest.raises(schema.SchemaMismatch, match=f"no schema yet; this flyusage needs {schema.known_version()}. Run `flyusage db init`"):
        schema.require_known()


def test_a_newer_schema_is_refused_by_serve_and_by_upgrade(database: Database):
    with schema.owner_session() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '29990101_0000'"))
    refusal = f"is at schema 29990101_0000, which this flyusage does not know \\(its newest is {schema.known_version()}\\)"
    for act in (schema.require_known, schema.upgrade, bootstrap.prepare):
        with pytest.raises(schema.SchemaMismatch, match=refusal):
            act()


def test_init_makes_a_missing_database(server: Server, template: str):
    name = "flyusage_test_made_by_init"
    with pointed_at(server, name):
        try:
            assert schema.current_version() is None
            with pytest.raises(db.DatabaseMissing, match="is not set up yet .* Run `flyusage db init`"), db.lookup_transaction():
                pass
            bootstrap.prepare()
            schema.require_known()
        finally:
            db.reset()
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_init_makes_the_login_with_the_password_of_its_url(database: Database, server: Server, monkeypatch: pytest.MonkeyPatch):
    login = "flyusage_test_new: 'login\""
    url = sa.make_url(database.url).set(username=login, password="it's a %secret@")
    monkeypatch.setenv("FLYUSAGE_DATABASE_URL", url.render_as_string(hide_password=False))
    config.settings.cache_clear()
    db.reset()
    try:
        schema.initialize()
        schema.require_known()
        kept = scalars("SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolinherit FROM pg_roles WHERE rolname = :login", login=login)
        assert kept == [False]
    finally:
        db.reset()
        quoted = '"' + login.replace('"', '""') + '"'
        server.execute(f"DROP ROLE IF EXISTS {quoted}")


def test_a_login_without_the_right_to_set_up_is_told_so(database: Database, monkeypatch: pytest.MonkeyPatch):
    schema.downgrade("base")
    monkeypatch.setenv("FLYUSAGE_MIGRATION_URL", database.url)
    config.settings.cache_clear()
    with pytest.raises(schema.SchemaForbidden, match="Set FLYUSAGE_MIGRATION_URL to a login that may create roles and tables"):
        schema.initialize()


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_row_level_security_is_forced_on(shared_database: Database, table: str):
    assert scalars("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass(:table)", table=table) == [True]
    policies = scalars("SELECT policyname FROM pg_policies WHERE tablename = :table", table=table)
    assert {"tenant", "platform"} <= set(policies)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_unique_key_of_a_tenant_table_begins_with_its_organization(shared_database: Database, table: str):
    """What a database sharded by organization needs (Citus), and what keeps one tenant's rows together."""
    if table == "organization":
        return
    keys = scalars(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
        "WHERE i.indrelid = to_regclass(:table) AND i.indisunique",
        table=table,
    )
    assert set(keys) <= {"org_id"}


def test_no_run_time_role_is_superuser_or_owner_or_passes_policies_by(shared_database: Database):
    faulty = scalars(
        "SELECT rolname FROM pg_roles r WHERE rolname IN (:app, :limited, :platform, current_user) AND (rolsuper OR rolbypassrls OR rolcreaterole "
        "OR rolcreatedb OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) OR pg_has_role(r.oid, :owner, 'MEMBER'))",
        app=db.APP_ROLE,
        limited=db.LIMITED_ROLE,
        platform=db.PLATFORM_ROLE,
        owner=db.OWNER_ROLE,
    )
    assert faulty == []


def test_everything_of_the_schema_belongs_to_its_owner(shared_database: Database):
    owners = scalars("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    assert owners == [db.OWNER_ROLE]


def test_definer_functions_fix_their_search_path_and_are_not_everybodys(shared_database: Database):
    loose = scalars(
        "SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prosecdef AND "
        "(NOT 'search_path=public, pg_temp' = ANY(coalesce(proconfig, '{}')) OR has_function_privilege('public', p.oid, 'EXECUTE'))"
    )
    assert loose == []


def described() -> list[tuple]:
    """Every table, column, index, constraint, policy, grant, function and trigger of the schema."""
    queries = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "SELECT tablename, policyname, roles::text, qual, with_check FROM pg_policies",
        "SELECT relname, relacl::text, relrowsecurity::text, relforcerowsecurity::text, '' FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        "SELECT proname, pg_get_functiondef(oid), proacl::text, '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'",
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '' FROM pg_trigger WHERE NOT tgisinternal",
    )
    with db.plain_connection() as connection:
        return sorted(tuple(map(str, row)) for query in queries for row in connection.execute(sa.text(query)))


def contents() -> dict[str, str | None]:
    """A digest of each reference table's rows, None for an empty one."""
    tables = ("region", "vm_size", "sku", "price_book", "price_book_version", "price", "price_segment", "tax_rate", "seller")
    with db.lookup_transaction() as session:
        return {table: session.scalar(sa.text(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")) for table in tables}
