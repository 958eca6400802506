import hashlib
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa
from cast import Cast, make_cast
from conftest import Database, Server
from sqlmodel import SQLModel

from flyusage import config, db
from flyusage.alerts import models as _alerts  # noqa: F401 tables are known once their module is imported
from flyusage.invoices import models as _invoices  # noqa: F401
from flyusage.invoices import month_models as _months  # noqa: F401
from flyusage.invoices.payments import models as _payments  # noqa: F401
from flyusage.orgs import terminal_sign_ins as _terminal  # noqa: F401
from flyusage.orgs.sso import models as _sso  # noqa: F401
from flyusage.pricing import books

TENANT_TABLES = sorted(table.name for table in SQLModel.metadata.tables.values() if "org_id" in table.columns)
CHAINED = ("audit_head", "audit_link", "resource_month_revision")  # rows of these are made by the database, beside those of others
HIDDEN = (
    "billing_close",
    "billing_hold",
    "invoice_counter",
    "invoice_total_change",
    "sso_flow",
    "terminal_sign_in",
)  # the platform's alone, though they are about tenants
SOMETHING = {
    int: 1,
    bool: False,
    str: "x",
    Decimal: Decimal(1),
    date: date(2026, 10, 1),
    datetime: datetime(2026, 10, 1, tzinfo=UTC),
    uuid.UUID: uuid.UUID(int=1),
    dict: {},
    bytes: b"x",
    list: [],
}
HASH_OF_X = hashlib.sha256(b"x").hexdigest()
CHOSEN: dict[str, dict[str, object]] = {  # what a table's rules ask for beyond its columns' types
    "anomaly": {"id": 1, "meters": "running"},
    "budget": {"id": 1},
    "alert_endpoint": {"id": 1, "kind": "webhook"},
    "budget_alert": {"basis": "spent"},
    "delivery": {"id": 1, "state": "waiting"},
    "saved_view": {"is_shared": True},
    "billing_close": {"state": "waiting"},
    "billing_hold": {"decision": "held"},
    "billing_profile": {"country": "US"},
    "credit_grant": {"id": 1, "kind": "prepaid"},
    "discount": {"percent": 10},
    "idempotent_write": {"status": 201},
    "invitation": {"role": "viewer"},
    "invoice": {"id": 1, "kind": "invoice", "origin": "period", "state": "draft", "ends_on": date(2026, 11, 1), "gross_minor": 2, "prepaid_minor": 0,
                "due_minor": 2},
    "invoice_counter": {"kind": "invoice"},
    "invoice_document": {"pdf_sha256": HASH_OF_X, "xml_sha256": HASH_OF_X},
    "invoice_line": {"working": [], "components": []},
    "invoice_question": {"state": "open"},
    "invoice_snapshot": {"sha256": HASH_OF_X},
    "member_mail": {"kind": "summary"},
    "outbox": {"kind": "mail"},
    "price_experiment_notice": {"kind": "begins"},
    "provisioning": {"default_role": "viewer"},
    "recurring_fee": {"sku_id": 1},
    "reservation": {"cpu_kind": "shared"},
    "spend_limit": {"minimum_minor": 1},
    "sso_flow": {"purpose": "test"},
    "sso_group": {"role": "viewer"},
}  # fmt: skip
_EXPERIMENT = """INSERT INTO price_experiment (id, slug, base_book_id, book_id, starts_on, created_at)
                 SELECT 1, 'trial', id, :trial, '2026-10-01', '2026-10-01' FROM price_book WHERE slug = 'list'"""
PARTITIONED = ("usage_event", "usage_interval", "usage_day")


@pytest.fixture(scope="module")
def filled(shared_database: Database) -> Cast:
    """Both organizations have a row in every tenant table. Nothing here changes it: whoever tries is refused."""
    with db.platform_transaction() as session:
        cast = make_cast(session)
        session.execute(sa.text("SELECT ensure_month_partitions('2026-10-01', '2026-10-31')"))
        trial = books.create_book(session, slug="trial", name="Trial", currency="USD")
        session.execute(sa.text(_EXPERIMENT), {"trial": trial})
        for table in SQLModel.metadata.sorted_tables:
            if table.name in TENANT_TABLES and table.name not in CHAINED:
                for tenant in (cast.prism, cast.rival):
                    session.execute(sa.insert(table).values(one_row(table, tenant.id)))
    return cast


def one_row(table: sa.Table, org_id: int) -> dict[str, object]:
    """A row that the table takes: every column that must be given, by its type."""
    if table.name == "membership":
        return {"org_id": org_id, "user_id": {1: 3, 2: 1}[org_id], "role": "viewer", "created_at": sa.func.now()}
    row: dict[str, object] = {"org_id": org_id}
    for column in table.columns:
        if column.name == "org_id" or column.nullable or column.identity is not None or column.server_default is not None:
            continue
        row[column.name] = SOMETHING.get(column.type.python_type)
    return row | CHOSEN.get(table.name, {})


@pytest.mark.parametrize("table", [*(one for one in TENANT_TABLES if one not in HIDDEN), "organization"])
def test_a_tenant_sees_its_own_rows_and_no_others(filled: Cast, table: str):
    key = "id" if table == "organization" else "org_id"
    for tenant in (filled.prism, filled.rival):
        with db.transaction(tenant.id) as session:
            assert set(session.scalars(sa.text(f"SELECT {key} FROM {table}"))) == {tenant.id}
    with db.lookup_transaction() as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0
    with db.platform_transaction() as session:
        assert set(session.scalars(sa.text(f"SELECT {key} FROM {table}"))) == {filled.prism.id, filled.rival.id}


@pytest.mark.parametrize("table", HIDDEN)
def test_a_tenant_may_not_even_ask_for_what_is_the_platforms(filled: Cast, table: str):
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(filled.prism.id) as session:
        session.scalar(sa.text(f"SELECT count(*) FROM {table}"))
    with db.platform_transaction() as session:
        assert set(session.scalars(sa.text(f"SELECT org_id FROM {table}"))) == {filled.prism.id, filled.rival.id}


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_a_tenant_cannot_write_into_another(filled: Cast, table: str):
    made = next(made for made in SQLModel.metadata.sorted_tables if made.name == table)
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security|permission denied"), db.transaction(filled.prism.id) as session:
        session.execute(sa.insert(made).values(one_row(made, filled.rival.id)))
    for change in (f"UPDATE {table} SET org_id = {filled.prism.id}", f"DELETE FROM {table} WHERE org_id = {filled.rival.id}"):
        before = count(table, filled.rival.id)
        try:
            with db.transaction(filled.prism.id) as session:
                session.execute(sa.text(change))
        except sa.exc.DBAPIError as error:
            assert "permission denied" in str(error) or "only ever added" in str(error)
        assert count(table, filled.rival.id) == before


@pytest.mark.parametrize("parent", PARTITIONED)
@pytest.mark.parametrize("suffix", ["default", "2026_10"])
def test_a_partition_is_not_reached_by_its_own_name(filled: Cast, parent: str, suffix: str):
    for scope in (lambda: db.transaction(filled.prism.id), db.platform_transaction, db.lookup_transaction):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), scope() as session:
            session.execute(sa.text(f"SELECT 1 FROM {parent}_{suffix}"))


def test_platform_tables_are_hidden_from_tenants(filled: Cast):
    for table in ("user_account", "ingest_run", "refused_event"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(filled.prism.id) as session:
            session.execute(sa.text(f"SELECT 1 FROM {table}"))


def test_the_login_itself_reads_nothing(filled: Cast):
    for table in (*TENANT_TABLES, "organization", "region"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.plain_connection() as connection:
            connection.execute(sa.text(f"SELECT 1 FROM {table}"))


def test_a_tenant_cannot_step_out_of_its_role_in_sql(filled: Cast):
    for escape in (f"SET ROLE {db.OWNER_ROLE}", "SET SESSION AUTHORIZATION postgres"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(filled.prism.id) as session:
            session.execute(sa.text(escape))


def test_role_and_organization_end_with_the_transaction(filled: Cast):
    with db.transaction(filled.prism.id) as session:
        used = db.raw(session).info.backend_pid
    with db.plain_connection() as connection:
        scope = sa.text("SELECT pg_backend_pid(), current_user, current_setting('flyusage.org_id', true)")
        assert connection.execute(scope).one() == (used, "flyusage_test_login", "")


def test_a_failure_keeps_nothing(cast: Cast):
    with pytest.raises(ZeroDivisionError), db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM membership"))
        raise ZeroDivisionError
    assert count("membership", cast.prism.id) == 2


def test_days_are_utc_whatever_the_servers_zone(database: Database, server: Server):
    server.execute(f"ALTER DATABASE {database.name} SET timezone = 'Asia/Kolkata'")
    db.reset()
    for scope in (db.lookup_transaction, db.platform_transaction):
        with scope() as session:
            assert session.scalar(sa.text("SELECT current_setting('TimeZone')")) == "UTC"


def test_threads_that_come_first_at_once_share_one_pool(database: Database, monkeypatch: pytest.MonkeyPatch):
    """A second pool would be dropped with its connections open."""
    made, second, really = [], threading.Event(), db.make_engine

    def make(*arguments, **options):
        made.append(arguments)
        if len(made) > 1:
            second.set()
        second.wait(0.2)
        return really(*arguments, **options)

    monkeypatch.setattr(db, "make_engine", make)
    db.reset()
    with ThreadPoolExecutor(4) as threads:
        pools = list(threads.map(lambda _: db.engine(), range(4)))
    assert len(made) == 1
    assert len({id(pool) for pool in pools}) == 1


def test_pooled_connections_survive_a_restart_of_the_server(database: Database, server: Server):
    with db.platform_transaction() as session:
        session.execute(sa.text("SELECT 1"))
    break_connections(server, database)
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT 1")) == 1


def test_a_server_that_goes_away_inside_a_transaction_is_said_in_a_sentence(database: Database, server: Server):
    with pytest.raises(db.DatabaseUnreachable, match=r"went away \(.*\); nothing of this step was kept. Try again"):
        with db.platform_transaction() as session:
            break_connections(server, database)
            session.execute(sa.text("SELECT 1"))
    with pytest.raises(db.DatabaseUnreachable, match="went away"), db.platform_transaction() as session:
        break_connections(server, database)
        with db.raw(session).cursor().copy("COPY region (code) FROM STDIN") as copy:
            copy.write(b"x")


def test_a_full_disk_is_said_in_a_sentence(database: Database):
    with pytest.raises(db.DatabaseFull, match="disk is full"), db.platform_transaction() as session:
        session.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$"))


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://u:secret@127.0.0.1:1/d", "127.0.0.1:1"),
        ("postgresql://u:secret@/d?host=/nowhere", "/nowhere"),
        ("postgresql://u:secret@name.invalid/d", "name.invalid"),
    ],
)
def test_an_unreachable_address_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str, part: str):
    monkeypatch.setenv("FLYUSAGE_DATABASE_URL", url)
    config.settings.cache_clear()
    db.reset()
    try:
        with pytest.raises(db.DatabaseUnreachable) as said, db.lookup_transaction():
            pass
    finally:
        db.reset()
        monkeypatch.undo()
        config.settings.cache_clear()
    assert part in str(said.value)
    assert "secret" not in str(said.value)
    assert str(said.value).endswith("Start it, or correct FLYUSAGE_DATABASE_URL.")
    assert said.value.sentence == db.AWAY  # what pages and the API say to anybody


def test_a_login_that_may_not_become_the_roles_is_told_the_command(database: Database, server: Server):
    server.execute(f"REVOKE {db.APP_ROLE}, {db.LIMITED_ROLE} FROM flyusage_test_login")  # who is limited is that role too
    try:
        with pytest.raises(db.DatabaseForbidden, match="may not act as flyusage_app on this server. Run `flyusage db init`"):
            with db.lookup_transaction():
                pass
    finally:
        server.execute(f"GRANT {db.APP_ROLE}, {db.LIMITED_ROLE} TO flyusage_test_login")


@pytest.mark.parametrize("version", [140010, 90624])
def test_an_old_postgres_is_refused(version: int):
    with pytest.raises(db.PostgresTooOld, match=f"This is Postgres {version // 10000}; flyusage needs 15 or later"):
        db.refuse_old(version)


def test_fifteen_will_do():
    db.refuse_old(150000)


def count(table: str, org_id: int) -> int:
    with db.platform_transaction() as session:
        return session.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE org_id = :org_id"), {"org_id": org_id})


def break_connections(server: Server, database: Database) -> None:
    """What clients see of a restart: every session of the database ends."""
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database.name,))
