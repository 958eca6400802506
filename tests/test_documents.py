"""Every command that the documents show is run, in their order, on one site; those that cannot be are named with the reason.

Prism stands for the organizations of the documents, as its numbers stand for theirs; its API answers at the documents' address.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import billed_site
import pytest
from asking_api import served, token_of
from cast import Tenant, add_person
from commanding import Flyusage, flyusage
from conftest import chosen
from factories import line, started

from flyusage import config, db
from flyusage.alerts import deliveries, endpoints
from flyusage.cli import remote
from flyusage.orgs.models import Role
from flyusage.orgs.queries import organization_by_slug

if TYPE_CHECKING:
    from conftest import Database

__all__ = ["flyusage"]

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ADDRESS = "https://usage.example.com"
OURS = (  # what the documents call something, and what it is called here
    ("--org demo", "--org prism"),
    ("--owner demo", "--owner prism"),
    ("terms credit demo", "terms credit prism"),
    ("DEMO-", "PRISM-"),
    ("PRISM-000042", "PRISM-000001"),
    ("users create ada@example.com", "users create adam@example.com"),
    ("orgs create prism --owner", "orgs create quartz --owner"),
    ("orgs create prism --name", "orgs create topaz --name"),
)
CENTRES = "app,cost_centre,from_month\nweb,Research,2026-10\n"
CASES = json.dumps({"cases": []})

NOT_RUN = {  # how a command begins: why nobody runs it here
    "make demo": "sets up a whole checkout, and serves until it is ended; `demo` itself is tested in tests/demo",
    "make test": "is what runs this",
    "flyusage serve": "serves until it is ended; tests/cli/test_serve.py runs it",
    "flyusage demo": "fills 10,000 machines, or needs the public trace; tests/demo does it small",
    "flyusage restore": "asks for an empty database; tests/cli/test_backup.py restores into one",
    "flyusage login": "asks in the browser; tests/e2e/test_tokens.py does, and tests/cli/test_remote.py pipes a token in",
    "flyusage users disable": "asks first, and people are needed by what follows; tests/cli/test_users.py answers",
    "flyusage prices draft publish": "asks before it publishes for ever; tests/cli/test_prices.py answers",
    "export ": "sets a variable of the reader's shell",
    "psql ": "makes a login for the whole server, which other tests share; tests/test_schema.py makes one of its own",
    "cat centres.csv": "shows a file of the reader's",
}


@dataclass(frozen=True)
class Shown:
    """A command as a document shows it."""

    where: str
    command: str


def shown() -> Iterator[Shown]:
    """Every command line of every console block, and every example of the command line's reference."""
    for path in DOCUMENTS:
        for block in re.finditer(r"^```console\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE):
            for written in re.findall(r"^\$ (.*)$", block[1], re.MULTILINE):
                yield Shown(path.name, re.sub(r"\s{2,}#.*$", "", written).strip())
        if path.name == "cli.md":
            yield from (Shown(path.name, written) for written in re.findall(r"^Example: (flyusage .*)$", path.read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def site(shared_database: "Database", tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The API's address, and a folder with the files that the documents speak of."""
    folder = tmp_path_factory.mktemp("documents")
    billed_site.fill()
    (folder / "events.ndjson").write_bytes(line(started("sent-0", "2026-11-01T00:00:00Z", app="app_22")))
    (folder / "centres.csv").write_text(CENTRES)
    (folder / "CASES.json").write_text(CASES)
    with served() as address:
        with db.lookup_transaction() as session:
            org_id = organization_by_slug(session, "prism").id
        with db.transaction(org_id) as session:
            hook = {"kind": "chat", "name": "Ops", "url": "https://chat.example.com/hook", "topics": ["budgets"]}
            made = endpoints.create(session, org_id, **hook, by=billed_site.BY)
            deliveries.test(session, org_id, made.endpoint.id, by=billed_site.BY)
        with db.platform_transaction() as session:
            add_person(session, "ada@example.com", Tenant(org_id, "prism", "Prism"), Role.DEVELOPER)
        with chosen({"FLYUSAGE_BASE_URL": address, "FLYUSAGE_SECRET_KEY": None}):
            yield address, folder


def test_every_command_in_the_documents_runs(site: tuple[str, Path], flyusage: Flyusage, monkeypatch: pytest.MonkeyPatch):
    address, folder = site
    monkeypatch.chdir(folder)
    monkeypatch.setattr(remote.platformdirs, "user_config_dir", lambda *_, **__: str(folder / "config"))
    monkeypatch.setattr(sys, "stdin", StringIO(""))
    with db.lookup_transaction() as session:
        token = token_of(organization_by_slug(session, "prism").id)
    failed, run, left = [], set(), set()
    for one in shown():
        command = one.command
        for theirs, ours in OURS:
            command = command.replace(theirs, ours)
        if (reason := next((begins for begins in NOT_RUN if command.startswith(begins)), None)) is not None:
            left.add(reason)
        elif command not in run:
            run.add(command)
            if said := _run(command, address, token, flyusage):
                failed.append(f"{one.where}: {command}\n    {said}")
    assert not failed, "\n".join(failed)
    assert len(run) > 60
    assert left == set(NOT_RUN), "a reason that no document needs any more"


def _run(command: str, address: str, token: str, command_line: Flyusage) -> str:
    """What went wrong; empty where nothing did. Plain commands run in this process, others in a shell."""
    if command.startswith("flyusage ") and not set(command) & set("|<>$"):
        said = command_line(*shlex.split(command, comments=True)[1:])
        config.settings.cache_clear()
        return "" if said.code == 0 else f"{said.code}: {said.out[-300:]} {said.err[-500:]}"
    environment = {**os.environ, "FLYUSAGE_TOKEN": token, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(command.replace(ADDRESS, address), shell=True, env=environment, capture_output=True, text=True)
    return "" if ran.returncode == 0 else f"{ran.returncode}: {ran.stdout[-300:]} {ran.stderr[-500:]}"


def test_the_sender_in_the_documents_sends(site: tuple[str, Path]):
    address, _ = site
    (program,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "ingest.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(program.strip().splitlines()) <= 35
    events = b"".join(line(started(f"own-{number}", "2026-11-02T00:00:00Z", app="app_22")) for number in range(3)) + b"nonsense\n"
    with db.lookup_transaction() as session:
        token = token_of(organization_by_slug(session, "prism").id, "events.write")
    command = [sys.executable, "-c", program, address]
    for expected in ((3, 0), (0, 3)):
        ran = subprocess.run(command, input=events, env={**os.environ, "FLYUSAGE_TOKEN": token}, capture_output=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stderr)
        assert ((told["accepted"], told["duplicate"]), told["refused"]) == (expected, 1)
    refused = subprocess.run(command, input=events, env={**os.environ, "FLYUSAGE_TOKEN": f"{token}x"}, capture_output=True, timeout=60)
    assert refused.returncode == 1
    assert b"token" in refused.stderr


def test_the_documents_name_only_files_there_are():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} names {target}"


def test_the_table_of_roles_is_the_products_own():
    """Each role is there, in order of what it may do, and takes a seat as it says."""
    from flyusage.orgs.permissions import PERMISSIONS
    from flyusage.orgs.seats import SEATED

    rows = re.findall(r"^\| (\w+) \| .* \| (yes|no) \|$", (ROOT / "docs" / "roles.md").read_text(), re.MULTILINE)
    assert {name: seat == "yes" for name, seat in rows} == {role.value: role in SEATED for role in PERMISSIONS}
