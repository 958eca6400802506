"""`flyusage serve` and `demo` as processes, on the embedded database, from their start to their end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from ports import kept_port
from serving import build_once

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Installation:
    """A data folder and a port of its own, and the processes started from it."""

    data_dir: Path
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        command = [sys.executable, "-m", "flyusage.cli.main", *arguments]
        return subprocess.run(command, cwd=REPOSITORY, env=self.environment | settings, capture_output=True, text=True, timeout=120)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A server, once it says where it is."""
        command = [sys.executable, "-m", "flyusage.cli.main", *arguments]
        with self.log.open("a") as log:
            process = subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self.started.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if f"flyusage is at http://127.0.0.1:{self.port}" in line:
                return process
        raise AssertionError(f"it ended with {process.wait()} before it served: {self.log.read_text()}")

    @property
    def log(self) -> Path:
        """What the servers wrote to standard error."""
        return self.data_dir / "server.log"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def left(self) -> list[str]:
        """Processes that still belong to this installation: servers, workers and Postgres."""
        return [told for each in psutil.process_iter() if self._owns(each) and (told := _told(each))]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and (
                str(self.data_dir) in process.cwd() or process.environ().get("FLYUSAGE_DATA_DIR") == str(self.data_dir)
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLYUSAGE_")}
        return kept | {"FLYUSAGE_DATA_DIR": str(self.data_dir), "FLYUSAGE_PORT": str(self.port)}


@pytest.fixture
def installation() -> Iterator[Installation]:
    build_once()
    with kept_port() as port:
        made = Installation(Path(tempfile.mkdtemp(prefix="flyusage-")), port)
        yield made
        for process in made.started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        assert gone(made), made.left()
        shutil.rmtree(made.data_dir)


def _told(process: psutil.Process) -> str:
    """Its command line; empty for one that ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def gone(installation: Installation) -> bool:
    deadline = time.monotonic() + 120
    while installation.left() and time.monotonic() < deadline:
        time.sleep(0.2)
    return not installation.left()


def test_it_starts_from_nothing_lives_through_the_death_of_its_database_and_stops_everything(installation: Installation):
    process = installation.start("serve")
    assert installation.get("/readyz").json()["status"] == "ready"
    assert installation.get("/healthz").status_code == 200
    (postgres,) = [
        each for each in psutil.process_iter() if installation._owns(each) and each.name() == "postgres" and "-D" in each.cmdline()
    ]
    postgres.kill()
    while postgres.status() != psutil.STATUS_ZOMBIE:  # until its parent, the server, looks again
        time.sleep(0.05)
    assert installation.get("/readyz").json()["status"] == "ready"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert installation.left() == []


def test_two_starts_at_once_say_so_and_a_termination_stops_everything(installation: Installation):
    first = installation.start("serve")
    second = installation.run("serve", FLYUSAGE_PORT=str(installation.port + 1))
    assert second.returncode == 1
    assert f"already running from {installation.data_dir}, at http://127.0.0.1:{installation.port}." in second.stderr
    assert second.stderr.count("\n") == 1
    assert installation.get("/readyz").status_code == 200
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    assert installation.left() == []


def test_a_taken_port_and_an_open_address_are_refused_in_a_sentence(installation: Installation):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # beside what keeps the port
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        taken = installation.run("serve")
    assert (taken.returncode, taken.stderr) == (
        1,
        f"flyusage: Port {installation.port} on 127.0.0.1 is taken. Stop what listens there, or set FLYUSAGE_PORT to another.\n",
    )
    opened = installation.run("serve", "--host", "0.0.0.0")
    assert opened.returncode == 1
    assert opened.stderr.startswith(
        "flyusage: Nobody can sign in to this installation yet, so it listens on this machine only, not on 0.0.0.0."
    )
    assert not (installation.data_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"FLYUSAGE_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/d"}, "No database answers at postgresql://u:***@127.0.0.1:1/d"),
        ({"FLYUSAGE_DATA_DIR": "/dev/null/flyusage"}, "The data folder /dev/null/flyusage cannot be written (Not a directory)"),
    ],
)
def test_what_keeps_it_from_starting_is_one_sentence(installation: Installation, settings: dict[str, str], part: str):
    said = installation.run("serve", **settings)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (1, "", 1)
    assert part in said.stderr
    assert "secret" not in said.stderr


def test_the_demo_can_be_looked_at_and_goes_on_where_a_kill_cut_it_off(installation: Installation):
    first = installation.start("demo", "--vms", "20", "--months", "2")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert gone(installation), installation.left()
    installation.start("demo", "--vms", "20", "--months", "2")
    assert installation.get("/orgs/demo").status_code == 200
    assert "demo-tidepool" in installation.run("orgs", "list").stdout


def test_the_demo_can_be_filled_without_serving(installation: Installation):
    said = installation.run("demo", "--vms", "20", "--months", "1", "--no-serve")  # less than the days that come first
    assert said.returncode == 0, said.stderr
    assert said.stdout == "The demo platform is complete: demo, demo-tidepool, demo-marlow. Start it with `flyusage demo`.\n"
    assert "\x1b" not in said.stderr
    again = installation.run("demo", "--no-serve")
    assert again.stdout == said.stdout
