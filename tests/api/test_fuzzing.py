"""schemathesis asks everything the document allows, and much that it does not, of a real server; it must find nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import pytest
from asking_api import served, token_of

from flyusage import db
from flyusage.alerts import deliveries, endpoints
from flyusage.api import auth
from flyusage.orgs.queries import organization_by_slug

if TYPE_CHECKING:
    from conftest import Database

CONFIG = Path(__file__).parent / "schemathesis.toml"
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


def test_schemathesis_finds_nothing(address: str, tmp_path: Path):
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run", f"{address}/api/v1/openapi.json",
        "--checks", "all", "--max-examples", EXAMPLES, "--no-color", "--seed", "1",
        "--header", f"Authorization: Bearer {token_of(org_id)}",
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout[-12_000:] + ran.stderr[-2000:]
    assert "No issues found" in ran.stdout, ran.stdout[-4000:]
