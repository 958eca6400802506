"""The embedded Postgres, started, killed and broken for real. Each test has a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from flyusage import config, db, embedded, schema
from flyusage.embedded import EmbeddedUnavailable

REPOSITORY = Path(__file__).parents[1]
USER = """
import sys
from pathlib import Path
from flyusage import embedded
server = embedded.start(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data folder with a cluster that was shut down."""
    folder = Path(tempfile.mkdtemp(prefix="flyusage-"))
    embedded.start(folder).stop()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(made: Path) -> Iterator[Path]:
    """The module's own folder, with nothing running before or after."""
    yield made
    if (left := postmaster(made)) is not None:
        left.kill()
        left.wait(10)


@pytest.fixture
def spare(made: Path) -> Iterator[Path]:
    """A copy, to damage."""
    folder = Path(tempfile.mkdtemp(prefix="flyusage-"))
    copy(made, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def embedded_settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of somebody who has no Postgres: only a data folder, in which the schema is made."""
    monkeypatch.setenv("FLYUSAGE_DATA_DIR", str(data_dir))
    config.settings.cache_clear()
    db.close()
    schema.initialize()
    yield
    db.close()
    monkeypatch.undo()
    config.settings.cache_clear()


def copy(made: Path, folder: Path) -> None:
    subprocess.run(["cp", "-a", f"{made}/.", str(folder)], check=True)


def postmaster(data_dir: Path) -> psutil.Process | None:
    return embedded._postmaster(data_dir / "postgres")


def other_process(data_dir: Path) -> subprocess.Popen[bytes]:
    """Another process that uses the server until its standard input closes."""
    process = subprocess.Popen([sys.executable, "-c", USER, str(data_dir)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait(30)


def ask(server: embedded.Embedded, question: str) -> object:
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        row = connection.execute(question).fetchone()
        return row and row[0]


def test_it_keeps_what_was_written_and_leaves_nothing_running(data_dir: Path):
    server = embedded.start(data_dir)
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.stop()  # safe to repeat
    assert postmaster(data_dir) is None
    server = embedded.start(data_dir)
    assert ask(server, "SELECT answer FROM kept") == 42
    server.stop()


def test_it_is_durable_private_and_off_the_network(data_dir: Path):
    server = embedded.start(data_dir)
    assert {name: ask(server, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit", "listen_addresses")} == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
    }
    assert server.pgdata.stat().st_mode & 0o777 == 0o700
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert ask(server, "SHOW timezone") == "UTC"
    server.stop()


def test_processes_share_it_and_the_last_to_leave_stops_it(data_dir: Path):
    other = other_process(data_dir)
    server = embedded.start(data_dir)
    running = postmaster(data_dir)
    end(other)
    assert ask(server, "SELECT 1") == 1
    assert postmaster(data_dir) == running
    server.stop()
    assert postmaster(data_dir) is None


def test_a_killed_process_holds_nobody_up_and_its_server_is_joined(data_dir: Path):
    killed = other_process(data_dir)
    killed.send_signal(signal.SIGKILL)
    end(killed)
    left = postmaster(data_dir)
    assert left is not None
    server = embedded.start(data_dir)
    assert postmaster(data_dir) == left
    server.stop()
    assert postmaster(data_dir) is None


def test_a_killed_server_recovers_what_was_committed(data_dir: Path):
    server = embedded.start(data_dir)
    with psycopg.connect(server.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE many AS SELECT generate_series(1, 50_000) AS n")
    killed = postmaster(data_dir)
    assert killed is not None
    killed.kill()
    killed.wait(10)
    server.stop()
    server = embedded.start(data_dir)
    assert ask(server, "SELECT count(*) FROM many") == 50_000
    server.stop()


def test_a_server_that_dies_in_use_is_started_again_by_whoever_asks_it_next(data_dir: Path, embedded_settings: None):
    with db.plain_connection() as connection:
        connection.exec_driver_sql("SELECT 1")
    killed = postmaster(data_dir)
    assert killed is not None
    killed.kill()
    killed.wait(10)
    with db.plain_connection() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    db.close()
    assert postmaster(data_dir) is None


def test_a_number_in_the_process_file_that_is_another_programs_by_now_is_no_server(data_dir: Path):
    # After a restart of the machine or of a container the same number is soon somebody else's: here, ours.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (data_dir / "postgres" / name).write_text(f"{os.getpid()}\n{data_dir}/postgres\n1\n5432\n/tmp\n\n1 1\nready\n")
    server = embedded.start(data_dir)
    assert ask(server, "SELECT 1") == 1
    server.stop()


@pytest.mark.parametrize("content", ["", "not a number\n", "99999999\n"])
def test_a_damaged_process_file_is_no_server(data_dir: Path, content: str):
    (data_dir / "postgres" / "postmaster.pid").write_text(content)
    server = embedded.start(data_dir)
    assert ask(server, "SELECT 1") == 1
    server.stop()


def test_a_kill_while_the_cluster_is_made_leaves_no_half_of_one():
    folder = Path(tempfile.mkdtemp(prefix="flyusage-"))
    try:
        half = folder / "postgres.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        server = embedded.start(folder)
        assert ask(server, "SELECT 1") == 1
        server.stop()
        assert not half.exists()
    finally:
        shutil.rmtree(folder)


def test_many_starts_at_once_make_one_server(data_dir: Path):
    processes = [
        subprocess.Popen([sys.executable, "-c", USER, str(data_dir)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [process.stdout and process.stdout.readline() for process in processes] == [b"ready\n"] * 4
    for process in processes:
        end(process)
    assert postmaster(data_dir) is None


def test_the_callers_libpq_variables_do_not_lead_astray(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"PGPORT": "6000", "PGHOST": "nowhere.invalid", "PGDATA": "/nowhere", "PGUSER": "x", "PGDATABASE": "y"}.items():
        monkeypatch.setenv(name, value)
    server = embedded.start(data_dir)
    assert ask(server, "SELECT current_user") == "postgres"
    server.stop()


def test_a_long_path_with_spaces_and_quotes_will_do(made: Path):
    outer = Path(tempfile.mkdtemp(prefix="flyusage-"))
    folder = outer / 'it\'s a "data" folder, 100% (mine)' / ("long " * 12).strip()
    try:
        folder.mkdir(parents=True)
        copy(made, folder)
        server = embedded.start(folder)
        assert len(str(server.socket_dir)) < 100
        assert ask(server, "SELECT 1") == 1
        server.stop()
        server.socket_dir.rmdir()
    finally:
        shutil.rmtree(outer)


def test_the_socket_folder_of_somebody_else_is_not_trusted(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "LONGEST_SOCKET_PATH", 10)
    usual = embedded._socket_dir(data_dir / "postgres")
    usual.rmdir()
    usual.symlink_to("/tmp")
    try:
        with pytest.raises(EmbeddedUnavailable, match="belongs to somebody else"):
            embedded.start(data_dir)
    finally:
        usual.unlink()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(EmbeddedUnavailable, match=r"cannot be written \(.*\)\. Free space, fix its permissions, or choose another"):
        embedded.start(file / "inside")


def test_a_nearly_full_disk_is_refused_before_it_is_full(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 20 * 10**6))
    with pytest.raises(EmbeddedUnavailable, match="has 20 MB free, and 50 MB are needed to start"):
        embedded.start(data_dir)


def test_another_postgres_data_is_refused(spare: Path):
    (spare / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedUnavailable, match="it holds Postgres 14, and this flyusage brings 18"):
        embedded.start(spare)


def test_a_damaged_cluster_says_why_in_the_servers_words(spare: Path):
    (spare / "postgres" / "global" / "pg_control").write_bytes(b"nonsense")
    with pytest.raises(EmbeddedUnavailable, match="could not read file"):
        embedded.start(spare)


def test_a_large_log_is_set_aside(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "LARGEST_LOG_BYTES", 5)
    (data_dir / "postgres.log").write_text("old lines\n")
    embedded.start(data_dir).stop()
    assert (data_dir / "postgres.log.1").read_text() == "old lines\n"


def test_the_server_never_runs_as_root(data_dir: Path):
    server = embedded.start(data_dir)
    running = postmaster(data_dir)
    assert running is not None
    assert running.uids().effective == server.pgdata.stat().st_uid != 0
    server.stop()


def test_the_terminals_interrupt_does_not_reach_the_server(data_dir: Path):
    server = embedded.start(data_dir)
    running = postmaster(data_dir)
    assert running is not None
    assert os.getpgid(running.pid) != os.getpgid(0)
    server.stop()


def test_nothing_listens_on_a_port(data_dir: Path):
    server = embedded.start(data_dir)
    running = postmaster(data_dir)
    assert running is not None
    assert [each for each in running.net_connections("inet") if each.status == psutil.CONN_LISTEN] == []
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(server.socket_dir / f".s.PGSQL.{embedded.PORT}"))
    server.stop()
