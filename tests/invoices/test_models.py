"""What the database itself refuses, whoever asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from billing_world import BY, GERMAN, OCTOBER, acting, bill_to, billed, rows, take_in, volume
from conftest import Database
from sqlalchemy.exc import DBAPIError

from flyusage import db
from flyusage.invoices import rendering
from flyusage.invoices.models import ADDED_ONLY_TABLES, FROZEN_TABLES
from flyusage.invoices.questions import ask

EVERYTHING = (*ADDED_ONLY_TABLES, "invoice", "invoice_counter", "invoice_question", "outbox", "billing_close")


@pytest.fixture(scope="module")
def org_id(shared_database: Database) -> int:
    """Prism with one issued invoice, an answerless question, and a document that stands for a rendered one."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id, GERMAN)
    one = billed(org_id)
    with acting() as session:
        ask(session, org_id, one.id, 1, "Why?", by=BY)
        rendering.store(session, org_id, one.id, rendering.Made(b"%PDF", b"<xml/>"))
    return org_id


@contextmanager
def superuser(database: Database) -> Iterator[sa.Connection]:
    """As the one whom neither grants nor policies hold; everything is taken back."""
    with db.make_engine(database.migration_url, poolclass=sa.NullPool).connect() as connection:
        yield connection
        connection.rollback()


def refused(database: Database, *statements: str) -> str:
    """The first line of the refusal of the last statement."""
    with superuser(database) as connection:
        for statement in statements[:-1]:
            connection.execute(sa.text(statement))
        with pytest.raises(DBAPIError) as error:
            connection.execute(sa.text(statements[-1]))
        return str(error.value.orig).splitlines()[0]


@pytest.mark.parametrize("table", EVERYTHING)
def test_nothing_of_billing_is_ever_deleted(org_id, shared_database, table):
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        assert refused(shared_database, statement) == f"rows of {table} are only ever added"


@pytest.mark.parametrize("table", ADDED_ONLY_TABLES)
def test_what_was_added_never_changes(org_id, shared_database, table):
    assert refused(shared_database, f"UPDATE {table} SET org_id = org_id") == f"rows of {table} are only ever added"


@pytest.mark.parametrize("table", FROZEN_TABLES)
def test_nothing_is_added_to_an_issued_invoice(org_id, shared_database, table):
    columns = [name for (name,) in rows("SELECT column_name FROM information_schema.columns WHERE table_name = :table", table=table)]
    changes = {"position": "99", "month": "DATE '2020-01-01'", "starts_on": "DATE '2020-01-01'"}
    values = ", ".join(changes.get(name, f'"{name}"') for name in columns)
    copied = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} LIMIT 1"
    if table == "invoice_snapshot":
        copied = "INSERT INTO invoice_snapshot SELECT org_id, invoice_id + 1, document, sha256 FROM invoice_snapshot"
    assert refused(shared_database, copied) == f"rows of {table} are added only while their invoice is a draft"


@pytest.mark.parametrize(
    "change",
    [
        "net_minor = net_minor + 1, gross_minor = gross_minor + 1, due_minor = due_minor + 1",
        "number = 'PRISM-000002'",
        "buyer = 'Somebody else'",
        "issued_at = issued_at + interval '1 day'",
        "due_on = NULL",
    ],
)
def test_an_issued_invoice_stays_as_it_is(org_id, shared_database, change):
    assert refused(shared_database, f"UPDATE invoice SET {change}") == "invoice PRISM-000001 is issued and stays as it is"


LEGAL = {("open", "paid"), ("open", "void"), ("open", "uncollectible"), ("uncollectible", "paid")}
FINAL = ("paid", "void", "uncollectible")


def moved(state: str, closed_at: str) -> str:
    """The statement that moves the invoice to `state`."""
    balance = "0" if state == "paid" else "balance_minor"
    return f"UPDATE invoice SET state = '{state}', balance_minor = {balance}, closed_at = {closed_at}, closed_reason = 'why'"


@pytest.mark.parametrize("before", ["open", *FINAL])
@pytest.mark.parametrize("after", ["draft", "open", *FINAL])
def test_states_only_move_forward(org_id, shared_database, before, after):
    first = [moved(before, "now()")] if before != "open" else []
    then = moved(after, "now() + interval '1 s'" if after in FINAL else "NULL")
    if (before, after) in LEGAL:
        with superuser(shared_database) as connection:
            for statement in (*first, then):
                connection.execute(sa.text(statement))
            assert connection.scalar(sa.text("SELECT state FROM invoice")) == after
    else:
        assert refused(shared_database, *first, then).startswith("invoice PRISM-000001 is ")


def test_an_invoice_begins_as_a_draft(org_id, shared_database):
    copied = refused(
        shared_database,
        """INSERT INTO invoice (org_id, kind, origin, state, series, sequence, number, starts_on, ends_on, currency, net_minor, tax_minor,
           gross_minor, prepaid_minor, due_minor, balance_minor, issued_at, issued_by, as_of, buyer)
           SELECT org_id, kind, origin, state, series, 2, 'PRISM-000002', ends_on, ends_on + 1, currency, net_minor, tax_minor,
           gross_minor, prepaid_minor, due_minor, balance_minor, issued_at, issued_by, as_of, buyer FROM invoice""",
    )
    assert copied == "an invoice begins as a draft"


def test_a_series_counts_one_by_one(org_id, shared_database):
    for change in ("last = last + 2", "last = last - 1", "series = 'OTHER'"):
        assert refused(shared_database, f"UPDATE invoice_counter SET {change}") == "a series counts from one, one by one"


def test_a_snapshot_that_does_not_match_its_hash_cannot_be_kept(org_id, shared_database):
    assert "hash_holds" in refused(
        shared_database, "INSERT INTO invoice_snapshot SELECT org_id, 99, document || ' ', sha256 FROM invoice_snapshot"
    )
    assert "hashes_hold" in refused(
        shared_database,
        "INSERT INTO invoice_document SELECT org_id, 99, pdf, repeat('0', 64), xml, xml_sha256, rendered_at FROM invoice_document",
    )


def test_a_question_stays_as_it_was_asked(org_id, shared_database):
    assert refused(shared_database, "UPDATE invoice_question SET note = 'Never mind.'") == "a question stays as it was asked"


def test_members_may_read_their_own_and_ask_and_nothing_else(org_id):
    tables = [*EVERYTHING, "billing_hold", "late_month", "invoice_total_change", "invoice_month_total"]
    granted = rows(
        """SELECT kind, name FROM unnest(CAST(:tables AS text[])) AS name, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS kind
           WHERE has_table_privilege(:role, name, kind) ORDER BY 1, 2""",
        role=db.APP_ROLE, tables=tables,
    )  # fmt: skip
    assert granted == [("INSERT", "invoice_question")]


def test_usage_that_changes_after_it_was_billed_is_noticed(database):
    org_id = take_in(*volume("v1", 1000))["prism"]
    billed(org_id)
    assert rows("SELECT * FROM late_month") == []
    take_in(*volume("n", 5, month=11, days=1))  # November is not billed
    assert rows("SELECT * FROM late_month") == []
    take_in(*volume("late", 5))
    assert rows("SELECT org_id, month FROM late_month") == [(org_id, OCTOBER)]
