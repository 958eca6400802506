"""`flyusage login` by the browser: what the command waits for, heeds, and says. The page itself: e2e/test_tokens.py."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from asking_api import served
from cast import Cast
from commanding import Flyusage, flyusage
from waiting import until

from flyusage import db
from flyusage.cli import by_browser, remote
from flyusage.orgs import terminal_sign_ins
from flyusage.orgs.acting import member

__all__ = ["flyusage"]


@pytest.fixture
def address(cast: Cast) -> Iterator[str]:
    """Prism's API, at a moment by which its people have long been there."""
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE membership SET created_at = '2026-10-01' WHERE org_id = :org"), {"org": cast.prism.id})
    with served() as address:
        yield address


def let_in(cast: Cast, asked: dict[str, str]) -> str:
    """The code that the owner is given for a command's address."""
    with db.platform_transaction() as session:
        return terminal_sign_ins.allow(
            session, cast.prism.id, challenge=asked["challenge"], machine=asked["machine"], scopes=["usage.read"],
            by=member(cast.owner.user_id, cast.owner.role),
        )  # fmt: skip


def browser(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[httpx.Response]:
    """In place of a browser: each of `answers` gives, for what the address asks, the parameters that are sent to the waiting command."""
    heard: list[httpx.Response] = []

    def opened(address: str) -> None:
        asked = dict(parse_qsl(urlsplit(address).query))

        def say() -> None:
            own, state = f"http://127.0.0.1:{asked['port']}/", {"state": asked["state"]}
            heard.extend(httpx.get(own, params=state | answer(asked)) for answer in answers)

        threading.Thread(target=say).start()

    monkeypatch.setattr(by_browser, "_open", opened)
    return heard


def test_what_is_let_in_is_stored_and_nothing_secret_is_said(flyusage: Flyusage, address: str, cast: Cast, monkeypatch):
    codes: list[str] = []
    heard = browser(
        monkeypatch,
        lambda _: {"state": "another page's", "code": "theirs"},
        lambda asked: {"code": codes.append(let_in(cast, asked)) or codes[0]},
    )
    said = flyusage("login", address, "--browser", "--scope", "usage.read")
    assert said.code == 0, said.err
    assert said.out.startswith(f"Signed in to prism at {address} until 20")
    until(lambda: len(heard) == 2)  # in a thread of its own
    assert [one.status_code for one in heard] == [404, 200]
    assert "scopes=usage.read" in said.err
    kept = remote.stored()["profiles"]["default"]
    for secret in (kept["token"], codes[0]):
        assert secret not in said.out + said.err + heard[1].text
    assert heard[1].headers["cache-control"] == "no-store"


def test_a_refusal_and_nobodys_answer_are_said_and_change_nothing(flyusage: Flyusage, address: str, monkeypatch):
    before = remote.stored()
    browser(monkeypatch, lambda _: {"error": "refused"})
    said = flyusage("login", address, "--browser")
    assert (said.code, said.err.splitlines()[-1]) == (1, "flyusage: That was refused in the browser. Nothing was changed.")
    browser(monkeypatch, lambda _: {"code": "made up"})
    said = flyusage("login", address, "--browser")
    assert said.code == 1
    assert "That code is wrong, was used, or is older than a minute." in said.err
    monkeypatch.setattr(by_browser, "SECONDS", 0.1)
    browser(monkeypatch)
    said = flyusage("login", address, "--browser")
    assert said.code == 1
    assert "Nobody let it in" in said.err
    assert remote.stored() == before


def test_a_connection_that_says_nothing_holds_the_answer_up_for_no_longer_than_seconds(monkeypatch):
    monkeypatch.setattr(by_browser._Answer, "timeout", 0.2)
    with by_browser._Receiver("state") as receiver:
        there = ("127.0.0.1", receiver.server_port)
        with socket.create_connection(there), socket.create_connection(there) as asking:
            asking.sendall(b"GET /?state=state&code=ours HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # all of it, before anybody is heard
            assert receiver.wait() == "ours"


@contextmanager
def waiting(seconds: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`flyusage login --browser` as a process of its own that waits for `seconds`, and the port on which it does."""
    run = f"from flyusage.cli import by_browser, main; by_browser.SECONDS = {seconds}; by_browser._Answer.timeout = 300; main.main()"
    arguments = ("login", "http://127.0.0.1:9", "--browser")
    environment = {**os.environ, "BROWSER": "true"}  # the command of that name in place of a browser
    with subprocess.Popen([sys.executable, "-c", run, *arguments], stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        try:
            address = next(line for line in process.stderr if "/terminal?" in line)
            assert "Ctrl-C gives up" in "".join(process.stderr.readline() for _ in range(2))
            yield process, int(dict(parse_qsl(urlsplit(address.strip()).query))["port"])
        finally:
            process.kill()


def test_ctrl_c_gives_up_waiting_even_for_a_connection_that_says_nothing():
    with waiting(300) as (process, port):
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGINT)
            assert _ended(process) == (128 + signal.SIGINT, "")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_nobody_is_waited_for_longer_than_said():
    with waiting(1) as (process, port):
        assert _ended(process) == (1, "flyusage: Nobody let it in within 0 minutes. Nothing was changed; run it again.\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was said last."""
    assert process.stderr is not None
    return process.wait(timeout=60), process.stderr.read()


def test_on_another_machine_the_code_is_typed(flyusage: Flyusage, address: str, cast: Cast, monkeypatch):
    reading, writing = os.pipe()
    tell = by_browser._tell

    def told(there: remote.Remote, asked: dict[str, str]) -> str:
        assert "port" not in asked
        os.write(writing, f"{let_in(cast, asked)}\n".encode())
        return tell(there, asked)

    monkeypatch.setattr(by_browser, "_tell", told)
    with os.fdopen(reading) as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        said = flyusage("login", address, "--no-browser")
    os.close(writing)
    assert said.code == 0, said.err
    assert "The token may: usage.read." in said.out


def test_a_token_is_read_as_ever_in_a_pipe_and_by_its_option(flyusage: Flyusage, address: str, monkeypatch):
    for more in ((), ("--token",)):
        monkeypatch.setattr(sys, "stdin", StringIO("hunter2\n"))
        assert "That is no API token" in flyusage("login", address, *more).err
    assert flyusage("login", address, "--token", "--browser").code == 2
    assert "in the open" in flyusage("login", "http://usage.example.com", "--browser").err
