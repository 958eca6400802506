import ast
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flyusage import __version__, config

if TYPE_CHECKING:
    from cast import Cast
    from conftest import Database

REPOSITORY = Path(__file__).parents[2]
WAITING = """
import time
from flyusage.cli import main

@main.app.command()
def wait():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("left in order")

main.main()
"""
STARTING = """
import sys
from flyusage.cli import main

try:
    main.main()
except SystemExit:
    print(sorted({name.split(".")[1] for name in sys.modules if name.startswith("flyusage.")}), file=sys.stderr)
"""
INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "flyusage.cli.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from flyusage.cli.start import main
main()
"""
COMMANDS = ("demo", "serve", "ingest", "worker", "doctor", "costs", "db", "invoices", "orgs", "prices", "rollup")


def test_the_version_is_told_without_a_database(flyusage):
    said = flyusage("--version")
    assert (said.code, said.out) == (0, f"flyusage {__version__}\n")


def test_every_command_explains_itself(flyusage):
    said = flyusage("--help")
    assert [name for name in COMMANDS if f" {name} " not in said.out] == []
    for name in COMMANDS:
        assert "Usage:" in flyusage(name, "--help").out


def test_a_command_starts_without_what_only_the_others_need():
    run = subprocess.run([sys.executable, "-c", STARTING, "login", "--help"], cwd=REPOSITORY, capture_output=True, text=True)
    loaded = ast.literal_eval(run.stderr)
    assert "cli" in loaded
    assert {"invoices", "alerts", "demo", "schema"} & set(loaded) == set()


@pytest.mark.parametrize(("typed", "meant"), [(("srve",), "serve"), (("db", "upgrad"), "upgrade"), (("orgs", "lst"), "list")])
def test_a_misspelt_command_is_answered_with_the_one_that_was_meant(flyusage, typed, meant):
    said = flyusage(*typed)
    assert said.code == 2
    assert f"Did you mean '{meant}'?" in said.err


def test_a_misspelt_option_is_answered_with_the_one_that_was_meant(flyusage):
    said = flyusage("demo", "--mnths", "3")
    assert said.code == 2
    assert "--months" in said.err


def test_without_a_command_it_says_which_there_are(flyusage):
    said = flyusage()
    assert "serve" in said.out + said.err


def test_a_mistake_is_one_sentence_and_exit_code_1(flyusage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_PORT", "http")
    config.settings.cache_clear()
    said = flyusage("orgs", "list")
    monkeypatch.undo()
    config.settings.cache_clear()
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("flyusage: FLYUSAGE_PORT cannot be used")
    assert said.err.count("\n") == 1


def test_no_colour_and_no_box_reaches_a_pipe_from_a_command(shared_database: "Database"):
    for arguments in (["orgs", "list"], ["doctor"], ["db", "status"], ["--help"]):
        run = subprocess.run([sys.executable, "-m", "flyusage.cli.main", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
        assert "\x1b" not in run.stdout + run.stderr


def test_a_reader_that_goes_away_is_no_failure_worth_a_word(shared_database: "Database"):
    command = f"{sys.executable} -m flyusage.cli.main doctor | true"
    run = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True)
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("prices list > /dev/full", 1, "No space left on device"),
        ("prices list >&-", 0, ""),
        ("cost-centres export --org prism > /dev/full", 1, "No space left on device"),  # what is written at the very end, all at once
        ("cost-centres export --org prism | true; exit ${PIPESTATUS[0]}", 1, ""),
    ],
)
def test_an_output_that_takes_nothing_is_told_in_a_sentence(cast: "Cast", command: str, code: int, says: str):
    run = subprocess.run(["bash", "-c", f"{sys.executable} -m flyusage.cli.main {command}"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (code, f"flyusage: {says}. Make room there, or choose another place.\n" if says else "")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_without_a_word(signum: int):
    process = subprocess.Popen([sys.executable, "-c", WAITING, "wait"], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + signum, b"left in order\n", b"")


def test_an_interrupt_before_everything_is_imported_ends_without_a_word_too():
    run = subprocess.run([sys.executable, "-c", INTERRUPTED, "orgs", "list"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (128 + signal.SIGINT, "", "")
