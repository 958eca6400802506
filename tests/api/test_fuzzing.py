"""schemathesis asks everything the document allows, and much that it does not, of a real server; it must find nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import psycopg
import pytest
import sqlalchemy as sa
from asking_api import served, token_of
from cast import Tenant, add_person

from flyusage import db
from flyusage.alerts import deliveries, endpoints
from flyusage.api import auth
from flyusage.orgs import api_tokens
from flyusage.orgs.acting import member
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import organization_by_slug

if TYPE_CHECKING:
    from conftest import Database

CONFIG = Path(__file__).parent / "schemathesis.toml"
OTHERS = 5  # who are given roles and taken out
EXAMPLES = os.environ.get("FLYUSAGE_TEST_EXAMPLES", "5")


@pytest.fixture(scope="module")
def address(shared_database: "Database") -> Iterator[str]:
    """The API on a free port, with the story's organizations and no limit of rates."""
    billed_site.fill()
    with db.platform_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
        hook = {"kind": "chat", "name": "Ops", "url": "https://chat.example.com/hook", "topics": ["budgets"]}
        made = endpoints.create(session, org_id, **hook, by=billed_site.BY)
        deliveries.test(session, org_id, made.endpoint.id, by=billed_site.BY)
    with served() as address, pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "PER_TOKEN", auth.Limit(10**9, 60))
        yield address


def members_token(org_id: int) -> str:
    """An owner's own token, which lets others in."""
    prism = Tenant(org_id, "prism", "Prism")
    with db.platform_transaction() as session:
        for number in range(OTHERS):  # before the owner, whom no token changes: small numbers are tried first
            add_person(session, f"viewer-{number}@prism.example", prism, Role.VIEWER)
        owner = add_person(session, "owner@prism.example", prism, Role.OWNER)
        session.execute(sa.text("UPDATE membership SET created_at = '2026-10-01' WHERE user_id = :user"), {"user": owner.user_id})
        scopes = [one.value for one in api_tokens.grantable(Permission, is_personal=True)]
        made = api_tokens.create(
            session, org_id, name="tests", scopes=scopes, by=member(owner.user_id, owner.role), user_id=owner.user_id, days=30
        )
    return made.secret


def test_schemathesis_finds_nothing(address: str, shared_database: "Database", tmp_path: Path):
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run", f"{address}/api/v1/openapi.json",
        "--checks", "all", "--max-examples", EXAMPLES, "--no-color", "--seed", "1",
    ]  # fmt: skip
    with psycopg.connect(
        shared_database.migration_url, autocommit=True
    ) as connection:  # numbers that nobody tries: it would end those it asks by
        connection.execute("SELECT setval(pg_get_serial_sequence('api_token', 'id'), 7310924581007)")
    tokens = {"FLYUSAGE_TEST_TOKEN": token_of(org_id), "FLYUSAGE_TEST_MEMBERS_TOKEN": members_token(org_id)}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, env={**os.environ, **tokens})
    assert ran.returncode == 0, ran.stdout[-12_000:] + ran.stderr[-2000:]
    assert "No issues found" in ran.stdout, ran.stdout[-4000:]
