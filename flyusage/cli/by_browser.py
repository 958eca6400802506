"""A token by the browser, for `flyusage login`: a page asks the person, and this process hears of it and fetches the token.

What the browser says comes to a port of 127.0.0.1 that is open while this waits, and only with the state that stood in the page's
address: other pages of the browser can send nothing here that is heeded. On a machine without a browser the code is typed instead.
The code fetches nothing without the verifier, which never leaves this process but for the server itself.
"""

import html
import os
import secrets
import select
import socket
import sys
import time
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import typer

from flyusage.cli.remote import Remote
from flyusage.errors import FlyusageError
from flyusage.orgs.terminal_sign_ins import challenge_of

SECONDS = 300  # how long the person is waited for
SLOWEST = 5  # a connection that says nothing holds up no other for longer
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>flyusage</title>
<style>:root{{color-scheme:light dark;font:16px system-ui}}body{{display:grid;place-content:center;min-height:90vh;padding:1rem}}</style>
<main><h1>{title}</h1><p>{says}</p></main></html>"""


class SignInRefused(FlyusageError):
    """The person at the page said no."""

    code = "sign_in_refused"


class SignInTimedOut(FlyusageError):
    """Nobody answered at the page."""

    code = "sign_in_timed_out"


def token_by_browser(there: Remote, scopes: Sequence[str], *, is_typed: bool) -> str:
    """The secret of a token that somebody allows at a page of `there`. Raises SignInRefused, SignInTimedOut and what `there` raises."""
    verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    asked = {"challenge": challenge_of(verifier), "machine": socket.gethostname(), "scopes": ",".join(scopes)}
    if is_typed:
        _tell(there, asked)
        code = _typed()
    else:
        with _Receiver(state) as receiver:
            address = _tell(there, {**asked, "state": state, "port": str(receiver.server_port)})
            _open(address)
            code = receiver.wait()
    told = there.write("POST", "/terminal-sign-ins", {"code": code, "verifier": verifier})
    return str(told["token"])


class _Receiver(HTTPServer):
    """Hears one answer: a code, or a refusal."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.state = state
        self.code: str | None = None
        self.is_refused = False

    def wait(self) -> str:
        """The code. Raises SignInRefused and SignInTimedOut."""
        ends = time.monotonic() + SECONDS
        while self.code is None:
            if self.is_refused:
                raise SignInRefused("That was refused in the browser. Nothing was changed.")
            self.timeout = ends - time.monotonic()
            if self.timeout <= 0:
                raise _nobody()
            self.handle_request()
        return self.code

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away again is nobody's mistake."""


class _Answer(BaseHTTPRequestHandler):
    timeout = SLOWEST

    def do_GET(self) -> None:
        """Take an answer that knows the state; anything else is not found."""
        receiver, parts = self.server, urlsplit(self.path)
        assert isinstance(receiver, _Receiver)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/" or not secrets.compare_digest(given.get("state", "").encode(), receiver.state.encode()):
            self.send_error(404)
        elif "code" in given:
            receiver.code = given["code"]
            self._say("Back to the terminal", "flyusage login goes on there. This tab can be closed.")
        else:
            receiver.is_refused = True
            self._say("Refused", "No token was made. This tab can be closed.")

    def _say(self, title: str, says: str) -> None:
        body = PAGE.format(title=html.escape(title), says=html.escape(says)).encode()
        self.send_response(200)
        for name, value in (
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The address holds a code: nowhere."""


def _tell(there: Remote, asked: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in asked.items() if value})
    address = f"{there.url}/terminal?{query}"
    typer.echo(f"Let this command in at\n\n  {address}\n\nWaiting for {SECONDS // 60} minutes; Ctrl-C gives up.", err=True)
    return address


def _open(address: str) -> None:
    """In a browser with windows, where there is one: one of the terminal's own would take this terminal."""
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")):
        return
    with suppress(webbrowser.Error):
        webbrowser.open(address)


def _typed() -> str:
    """What is typed, or piped in. Raises SignInTimedOut."""
    typer.echo("Code: ", nl=False, err=True)
    if not select.select([sys.stdin], [], [], SECONDS)[0]:
        raise _nobody()
    code = sys.stdin.readline().strip()
    if not code:
        raise SignInRefused("No code was typed. Nothing was changed.")
    return code[:200]


def _nobody() -> SignInTimedOut:
    return SignInTimedOut(f"Nobody let it in within {SECONDS // 60} minutes. Nothing was changed; run it again.")
