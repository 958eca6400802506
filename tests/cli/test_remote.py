"""Commands against another flyusage: the same output as on its database, from a real server, with a stored token."""

import hashlib
import json
import stat
import sys
from collections.abc import Iterator
from datetime import date
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import billed_site
import pytest
import sqlalchemy as sa
from asking_api import served, token_of
from commanding import Flyusage
from factories import lines, started

from flyusage import config, db
from flyusage.alerts import budgets, deliveries, endpoints, telling
from flyusage.alerts.budgets import Plan
from flyusage.auth import accounts
from flyusage.cli import remote
from flyusage.metering.cost_centres import Assignment, assign
from flyusage.orgs import api_tokens
from flyusage.orgs.acting import system
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import organization_by_slug

if TYPE_CHECKING:
    from conftest import Database

JOINED, MEMBER = ("owner", "viewer"), "viewer@prism.example"
_JOIN = """INSERT INTO membership (org_id, user_id, role, created_at) VALUES (:org, :user, :role, '2026-10-01') ON CONFLICT DO NOTHING"""
AS_OF = "2026-11-01T00:00:00Z"


@pytest.fixture(scope="module")
def address(shared_database: "Database") -> Iterator[str]:
    billed_site.fill()
    with served() as address:
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "prism").id
        with db.transaction(org_id) as session:
            budgets.create(session, org_id, Plan("Web", 10_000, {"app": "web"}, (50, 80), is_capped=True), by=billed_site.BY)
            url = "https://chat.example.com/hook"
            made = endpoints.create(session, org_id, kind="chat", name="Ops", url=url, topics=["budgets"], by=billed_site.BY)
            assign(session, org_id, [Assignment("web", date(2026, 9, 1), "Shop")], actor="tests", origin="tests")
            deliveries.test(session, org_id, made.endpoint.id, by=billed_site.BY)
            telling.note_reached(session, org_id)
        yield address


@pytest.fixture(scope="module")
def token(address: str) -> str:
    with db.lookup_transaction() as session:
        return token_of(organization_by_slug(session, "prism").id)


@pytest.fixture
def owners(address: str) -> str:
    """A token of an owner's own, which may let others in."""
    with db.platform_transaction() as session:
        org_id = session.scalars(sa.text("SELECT id FROM organization WHERE slug = 'prism'")).one()
        people = {role: accounts.find_or_create(session, f"{role}@prism.example", name=role.title(), is_verified=True) for role in JOINED}
        for role, one in people.items():
            values = {"org": org_id, "user": one.user_id, "role": role}
            session.execute(sa.text(_JOIN), values)
        scopes = [one.value for one in api_tokens.grantable(Permission, is_personal=True)]
        owner = people["owner"].user_id
        return api_tokens.create(session, org_id, name="owner's", scopes=scopes, by=system("tests"), user_id=owner, days=30).secret


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(remote.platformdirs, "user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    yield
    config.settings.cache_clear()


def there(monkeypatch: pytest.MonkeyPatch, address: str, token: str) -> None:
    monkeypatch.setenv("FLYUSAGE_API_URL", address)
    monkeypatch.setenv("FLYUSAGE_TOKEN", token)
    config.settings.cache_clear()


@pytest.mark.parametrize(
    "command",
    [
        ("usage", "--org", "prism", "--range", "2026-10", "--as-of", AS_OF),
        ("usage", "--org", "prism", "--range", "2026-10", "--as-of", AS_OF, "--by", "machine", "--vs", "previous"),
        ("usage", "--org", "prism", "--range", "2026-10", "--as-of", AS_OF, "--json"),
        ("usage", "--org", "prism", "--range", "2026-10", "--as-of", AS_OF, "--csv"),
        ("usage", "--org", "prism", "--range", "2026-10", "--as-of", AS_OF, "--show", "egress_gb", "--filter", "region=!fra"),
        ("machines", "--org", "prism", "--month", "2026-10"),
        ("machines", "--org", "prism", "--month", "2003-01"),
        ("machines", "--org", "prism", "--month", "2026-10", "--find", "nowhere"),
        ("machines", "--org", "prism", "--month", "2026-10", "--limit", "1", "--json"),
        ("prices", "list", "--org", "prism", "--region", "fra"),
        ("prices", "list", "--org", "prism", "--on", "2026-10-01", "--sku", "volume", "--json"),
        ("invoices", "list", "--org", "prism"),
        ("invoices", "list", "--org", "prism", "--state", "paid", "--year", "2026"),
        ("invoices", "show", "PRISM-000001"),
        ("invoices", "explain", "PRISM-000001", "1"),
        ("invoices", "explain", "PRISM-000001", "2", "--json"),
        ("invoices", "breakdown", "PRISM-000001", "--by", "day"),
        ("invoices", "breakdown", "PRISM-000001", "--json"),
        ("prices", "simulate", "--org", "prism", "--move", "fra=iad", "--reserve", "dfw:performance:144:20.5", "--range", "2026-10"),
        (
            "prices",
            "simulate",
            "--org",
            "prism",
            "--from",
            "2026-10-02",
            "--to",
            "2026-10-05T06:00",
            "--resize",
            "shared-cpu-1x=shared-cpu-2x",
        ),
        ("views", "list", "--org", "prism", "--json"),
        ("invoices", "draft", "--org", "prism", "--as-of", AS_OF),
        ("invoices", "draft", "--month", "2026-10", "--org", "prism", "--as-of", AS_OF, "--json"),
        ("costs", "why", "1", "--month", "2026-10", "--org", "prism", "--as-of", AS_OF),
        ("costs", "why", "2", "--month", "2026-10", "--org", "prism", "--as-of", AS_OF, "--json"),
        ("budgets", "list", "--org", "prism"),
        ("budgets", "list", "--org", "prism", "--json"),
        ("budgets", "alerts", "--org", "prism", "--json"),
        ("anomalies", "--org", "prism", "--json"),
        ("deliveries", "list", "--org", "prism"),
        ("deliveries", "show", "1", "--org", "prism"),
        ("deliveries", "show", "1", "--org", "prism", "--json"),
        ("deliveries", "endpoints", "--org", "prism", "--json"),
        ("tokens", "list", "prism"),
        ("tokens", "list", "prism", "--json"),
        ("members", "list", "prism"),
        ("members", "list", "prism", "--json"),
        ("members", "list", "prism", "--role", "owner"),
        ("members", "seats", "prism", "--json"),
        ("cost-centres", "list", "--org", "prism"),
        ("cost-centres", "list", "--org", "prism", "--json"),
        ("cost-centres", "export", "--org", "prism"),
        ("prices", "history", "machine.shared-cpu-1x", "--region", "fra"),
        ("prices", "history", "machine.extra_ram", "--json"),
        ("prices", "books"),
        ("prices", "books", "--json"),
        ("orgs", "show", "prism"),
        ("audit", "list", "prism", "--action", "budgets.create"),
        ("audit", "list", "prism", "--to", "2026-11-30", "--json"),
    ],
    ids=" ".join,
)
def test_a_command_says_the_same_as_on_the_database(flyusage: Flyusage, address, token, monkeypatch, command):
    with monkeypatch.context() as away:
        there(away, address, token)
        said = flyusage(*command)  # first: that a token was used is among what is told
    config.settings.cache_clear()
    here = flyusage(*command)
    assert said.code == here.code == 0
    read = json.loads if "--json" in command else str
    assert read(said.out) == read(here.out)
    assert "--json" in command or "\\n" not in said.out  # its own line breaks are none of a name's
    assert f"From {address} (FLYUSAGE_API_URL)." in said.err
    assert token not in said.out + said.err


def test_a_token_is_stored_for_its_owner_alone_and_forgotten(flyusage: Flyusage, address, token, monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO(f"{token}\n"))
    said = flyusage("login", address, "--profile", "work")
    assert said.out.startswith(f"Signed in to prism at {address} until 20")
    assert stat.S_IMODE(remote.path().stat().st_mode) == 0o600
    assert token not in said.out + said.err
    assert flyusage("orgs", "list").err == ""  # FLYUSAGE_DATABASE_URL names a database, which comes first
    monkeypatch.setenv("FLYUSAGE_PROFILE", "work")
    config.settings.cache_clear()
    listed = flyusage("orgs", "list")
    assert listed.err == f"From {address} (profile work).\n"
    assert listed.out.splitlines()[1].split() == ["prism", "prism", "no"]
    assert flyusage("logout").code == 0
    assert "There is no profile 'work'" in flyusage("orgs", "list").err


def test_the_profile_of_the_last_login_is_used_without_a_database(address, token, monkeypatch):
    remote.store({"current": "work", "profiles": {"work": {"url": address, "token": token}}})
    monkeypatch.delenv("FLYUSAGE_DATABASE_URL")
    config.settings.cache_clear()
    found = remote.chosen()
    assert found == remote.Remote(address, token, "work")
    monkeypatch.setenv("FLYUSAGE_PROFILE", "local")
    config.settings.cache_clear()
    assert remote.chosen() is None


def test_events_go_there_line_by_line(flyusage: Flyusage, address, token, monkeypatch, tmp_path: Path):
    events = tmp_path / "events.ndjson"
    events.write_bytes(b"".join(lines(started("sent", "2026-11-01T00:00:00Z"))) + b"nonsense\n")
    there(monkeypatch, address, token)
    said = flyusage("ingest", str(events))
    assert said.code == 3
    assert said.out.startswith("1 accepted, 0 duplicate, 1 refused in ")
    assert "line 2: " in said.err
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(events.read_bytes())))
    again = json.loads(flyusage("ingest", "-", "--json").out)
    assert (again["accepted"], again["duplicate"], again["refused_by_code"]) == (0, 1, {"not_json": 1})


def test_writes_go_there(flyusage: Flyusage, address, token, monkeypatch):
    there(monkeypatch, address, token)
    said = flyusage("budgets", "create", "Sent", "5000.50", "--only", "app=web", "--cap", "--json")
    made = json.loads(said.out)
    assert (made["amount_minor"], made["scope"], made["is_capped"]) == (500050, {"app": "web"}, True)
    assert flyusage("budgets", "end", str(made["id"])).out == f"Budget {made['id']} has ended.\n"
    assert "There is no such budget" in flyusage("budgets", "end", str(made["id"])).err
    assert flyusage("views", "save", "Sent", "range=this-month", "by=app", "--pin").out == "View 1, Sent, is saved for everybody there.\n"
    assert '"Sent"' in flyusage("views", "list", "--json").out
    assert flyusage("views", "delete", "1").out == "View 1, Sent, is deleted.\n"
    assert "There is no such saved view" in flyusage("views", "delete", "1").err
    sent = flyusage("deliveries", "test", "1")
    number = sent.out.split()[1]
    assert sent.out.startswith(f"Delivery {number} is on its way."), sent.err
    assert flyusage("deliveries", "replay", number).out.startswith(f"Delivery {number} is sent again.")
    assert "There is no such delivery" in flyusage("deliveries", "replay", "99").err


def test_people_tokens_and_cost_centres_are_changed_there(flyusage: Flyusage, address, owners, monkeypatch, tmp_path: Path):
    """What each command says there, and what the database then says."""
    centres = tmp_path / "centres.csv"
    centres.write_text("app,cost_centre,from_month\nweb,Sales,2026-11\nnothing,Sales,2026-11\n")
    with monkeypatch.context() as away:
        there(away, address, owners)
        tried = flyusage("cost-centres", "import", str(centres), "--dry-run")  # the token names the organization
        assert (tried.code, tried.out.splitlines()[0]) == (3, "1 would be assigned, 0 already so, 1 refused.")
        assert "line 3: app_unknown: No app of prism is called 'nothing'" in tried.err
        said = flyusage("cost-centres", "import", str(centres), "--org", "prism")
        assert (said.code, said.out) == (3, "1 assigned, 0 already so, 1 refused.\nNew cost centres: Sales.\n")
        assert "line 3: app_unknown: No app of prism is called 'nothing'" in said.err
        assert "1 already so" in flyusage("cost-centres", "import", str(centres), "--org", "prism").out
        invited = json.loads(flyusage("members", "invite", "prism", "new@example.com", "--role", "billing", "--json").out)
        assert invited == [{"email": "new@example.com", "outcome": "invited", "role": "billing", "mailed": False, "link": None}]
        assert flyusage("members", "role", "prism", MEMBER, "developer").out == f"{MEMBER} is developer of prism.\n"
        assert flyusage("members", "apps", "prism", MEMBER, "--app", "web").out == f"{MEMBER} sees web of prism.\n"
        made = flyusage("tokens", "create", "prism", "--name", "ci", "--scope", "usage.read", "--app", "web")
        assert api_tokens.is_shaped(made.out.strip())
        number = made.err.split("Token ")[1].split()[0]
        assert flyusage("tokens", "revoke", "prism", number).out == f"Token {number} (ci) is revoked.\n"
        assert "is nobody's address in prism" in flyusage("members", "role", "prism", "nobody@example.com", "viewer").err
        assert "No token makes an owner" in flyusage("members", "role", "prism", MEMBER, "owner").err
        asked = flyusage("invoices", "question", "PRISM-000001", "1", "Why?").out
        assert "which `flyusage invoices show PRISM-000001` will tell" in asked
        assert "Why?" in flyusage("invoices", "questions").out
    config.settings.cache_clear()
    assert [line.split() for line in flyusage("cost-centres", "list", "--org", "prism").out.splitlines() if line.startswith("web")] == [
        ["web", "Sales", "2026-11"]
    ]
    listed = flyusage("members", "list", "prism").out
    assert [line.split()[2:4] for line in listed.splitlines() if line.startswith(MEMBER)] == [["developer", "web"]]
    assert "billing, invited" in listed
    assert [one["state"] for one in json.loads(flyusage("tokens", "list", "prism", "--json").out) if one["name"] == "ci"] == ["revoked"]
    there(monkeypatch, address, owners)
    assert flyusage("members", "remove", "prism", MEMBER).out == f"Removed from prism: {MEMBER}.\n"
    assert MEMBER not in flyusage("members", "list", "prism").out


def test_a_command_on_the_database_alone_says_so(flyusage: Flyusage, address, token, monkeypatch):
    there(monkeypatch, address, token)
    said = flyusage("rollup", "status", "--json")
    assert said.err == f"This command works on a database (FLYUSAGE_DATABASE_URL), not on {address}.\n"
    assert json.loads(said.out)
    assert flyusage("payments", "queue").err == said.err


def test_what_is_misspelt_is_told_by_its_name_in_the_command_with_what_was_meant(flyusage: Flyusage, address, token, monkeypatch):
    there(monkeypatch, address, token)
    said = flyusage("usage", "--by", "regoin", "--range", "2026-13")
    assert said.code == 1
    assert (
        "flyusage: by: Did you mean region? Write continent, region, app, cost_centre, vm_size, sku, machine or nothing; range: Write "
        in said.err
    )
    assert "'2026-99' is no month" in flyusage("machines", "--month", "2026-99").err


def test_pages_open_there(flyusage: Flyusage, address, token, monkeypatch):
    there(monkeypatch, address, token)
    assert flyusage("open", "--by", "app").out == f"{address}/orgs/prism/usage?by=app\n"
    assert flyusage("invoices", "open", "prism-000001").out == f"{address}/orgs/prism/invoices/PRISM-000001\n"


def test_a_document_is_refused_while_it_is_made(flyusage: Flyusage, address, token, monkeypatch, tmp_path: Path):
    here = flyusage("invoices", "download", "PRISM-000001", "--out", str(tmp_path / "here.pdf"))
    there(monkeypatch, address, token)
    said = flyusage("invoices", "download", "PRISM-000001", "--out", str(tmp_path / "there.pdf"))
    assert said.code == here.code == 0
    assert (tmp_path / "here.pdf").read_bytes() == (tmp_path / "there.pdf").read_bytes()


def zipped(content: bytes) -> dict[str, str]:
    """What is in an archive, by name, as its digest: a difference is told in a line."""
    with ZipFile(BytesIO(content)) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_what_a_line_rests_on_and_a_years_documents_are_the_same_bytes(flyusage: Flyusage, address, token, monkeypatch, tmp_path: Path):
    commands = (("evidence", "PRISM-000001", "1"), ("year", "2026", "--org", "prism"))
    for command in commands:
        assert flyusage("invoices", *command, "--out", str(tmp_path / f"{command[0]}-here.zip")).code == 0
    there(monkeypatch, address, token)
    for command in commands:
        said = flyusage("invoices", *command, "--out", str(tmp_path / f"{command[0]}-there.zip"))
        assert said.code == 0, said.err
        held = [zipped((tmp_path / f"{command[0]}-{where}.zip").read_bytes()) for where in ("here", "there")]
        assert held[0] == held[1]


def test_a_token_alone_is_curls_and_leaves_commands_where_they_were(flyusage: Flyusage, address, token, monkeypatch):
    """A page's copied curl reads it; its copied command, in the same shell, asks as it does without."""
    command = ("usage", "--org", "prism", "--range", "2026-10", "--as-of", "2026-11-01T00:00:00Z", "--json")
    before = flyusage(*command)
    monkeypatch.setenv("FLYUSAGE_TOKEN", token)
    config.settings.cache_clear()
    assert (before.code, flyusage(*command)) == (0, before)


def test_events_for_elsewhere_are_not_taken_in_here_because_the_address_is_missing(flyusage: Flyusage, token, monkeypatch, tmp_path):
    monkeypatch.setenv("FLYUSAGE_TOKEN", token)
    monkeypatch.setenv("FLYUSAGE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("FLYUSAGE_DATABASE_URL")
    config.settings.cache_clear()
    (tmp_path / "events.ndjson").write_bytes(b"")
    said = flyusage("ingest", str(tmp_path / "events.ndjson"))
    assert (said.code, "no address to send to" in said.err, (tmp_path / "data").exists()) == (1, True, False)


def test_mistakes_are_said_in_a_sentence(flyusage: Flyusage, address, token, monkeypatch):
    for url, secret, command, sentence in (
        (address, token, ("usage", "--org", "rival"), "The token opens prism, not rival."),
        (address, api_tokens.new_secret(), ("usage",), "This API token is unknown here."),
        (address, token, ("usage", "--from", "2026-10-05", "--to", "2026-10-01"), "The range ended before it began"),
        (address, token, ("invoices", "show", "PRISM-000099"), "There is no invoice 'PRISM-000099'."),
        (address, token, ("invoices", "explain", "PRISM-000001", "99"), "The invoice has no line 99."),
        (address, token, ("prices", "simulate", "--all", "--version", "list@2026-01-01"), "a token opens one of them"),
        (address, token, ("prices", "simulate", "--range", "soon"), "soon"),
        ("http://127.0.0.1:9", token, ("members", "list"), "http://127.0.0.1:9 does not answer"),
        ("http://usage.example.com", token, ("members", "list"), "would carry the token in the open"),
    ):
        there(monkeypatch, url, secret)
        said = flyusage(*command)
        assert said.code == 1
        assert sentence in said.err
        assert "Traceback" not in said.err
    monkeypatch.delenv("FLYUSAGE_TOKEN")
    config.settings.cache_clear()
    assert "set FLYUSAGE_TOKEN as well" in flyusage("members", "list").err
    monkeypatch.setattr(sys, "stdin", StringIO("hunter2\n"))
    assert "That is no API token" in flyusage("login", address).err
