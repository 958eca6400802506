"""schemathesis asks everything the document allows, and much that it does not, of a real server; it must find nothing."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import pytest
import uvicorn
from asking_api import token_of
from starlette.applications import Starlette
from story import NOW

from flyusage import clock, db
from flyusage.api import application, auth
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.urls import parse_moment

if TYPE_CHECKING:
    from conftest import Database

CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = os.environ.get("FLYUSAGE_TEST_EXAMPLES", "15")


@pytest.fixture(scope="module")
def address(shared_database: "Database") -> Iterator[str]:
    """The API on a free port, with the story's organizations and no limit of rates."""
    billed_site.fill()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=application.routes), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    moment = parse_moment(NOW)
    assert moment is not None
    with clock.freeze(moment), pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "PER_TOKEN", auth.Limit(10**9, 60))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
    listener.close()


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
    assert "No issues found" in ran.stdout
