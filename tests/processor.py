"""A payment processor for tests: localstripe in a process of its own, and in front of it a proxy that can misbehave."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ports import kept_port

KEY = "sk_test_12345"
SERVER = Path(__file__).parent / "localstripe_server.py"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b'{"error": {"message": "made up by the proxy"}}'
    headers: dict[str, str] = field(default_factory=dict)


Forward = Callable[[], Answer]
Behaviour = Callable[["Call", Forward], "Answer | None"]  # None: the connection is dropped


@dataclass(frozen=True)
class Call:
    """A request as it passed the proxy, counted from 0."""

    number: int
    method: str
    path: str
    key: str | None


def normal(_call: Call, forward: Forward) -> Answer:
    return forward()


def dropped_before(_call: Call, _forward: Forward) -> None:
    """The connection breaks before the request arrived."""


def dropped_after(_call: Call, forward: Forward) -> None:
    """The work is done, and the answer lost."""
    forward()


def failing_before(_call: Call, _forward: Forward) -> Answer:
    return Answer(500)


def failing_after(_call: Call, forward: Forward) -> Answer:
    """The work is done, and an error answered."""
    forward()
    return Answer(500)


def limiting(seconds: str | None) -> Behaviour:
    return lambda _call, _forward: Answer(429, headers={"Retry-After": seconds} if seconds else {})


def only(when: Callable[[Call], bool], behaviour: Behaviour) -> Behaviour:
    """`behaviour` for the calls that `when` is true of."""
    return lambda call, forward: behaviour(call, forward) if when(call) else forward()


class Proxy:
    """Listens at `base`; each request goes through `behaviour`. `calls` are those that came."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.behaviour: Behaviour = normal
        self.calls: list[Call] = []
        self._counting = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with proxy._counting:
                    call = Call(len(proxy.calls), self.command, self.path, self.headers.get("Idempotency-Key"))
                    proxy.calls.append(call)

                def forward() -> Answer:
                    connection = http.client.HTTPConnection(*target)
                    try:
                        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
                        connection.request(self.command, self.path, body, kept)
                        answer = connection.getresponse()
                        kind = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
                        return Answer(answer.status, answer.read(), kind)
                    finally:
                        connection.close()

                answer = proxy.behaviour(call, forward)
                self.close_connection = True
                if answer is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 as the base class calls them

            def handle(self) -> None:
                with suppress(OSError):  # whoever asked has gone
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Stripe:
    """localstripe at `base`, asked without the proxy and without the library."""

    base: str
    address: tuple[str, int]

    def ask(self, method: str, path: str, **form: str) -> Any:
        data = "&".join(f"{name}={urllib.request.quote(value)}" for name, value in form.items()).encode() or None
        request = urllib.request.Request(self.base + path, data, {"Authorization": f"Bearer {KEY}"}, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def invoices(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/v1/invoices?limit=100")["data"]

    def invoice(self, number: str) -> dict[str, Any]:
        """The only one that is about our invoice `number`."""
        (found,) = [one for one in self.invoices() if one["metadata"].get("number") == number]
        return found

    def customers(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/v1/customers?limit=100")["data"]

    def lines(self, invoice_id: str) -> list[tuple[str, int]]:
        found = self.ask("GET", f"/v1/invoices/{invoice_id}/lines?limit=1000")["data"]
        return [(one["metadata"]["flyusage_line"], one["amount"]) for one in found]

    def forget(self) -> None:
        self.ask("DELETE", "/_config/data")

    def with_card(self, customer: str, number: str = "4242424242424242") -> None:
        """Give a customer a card that is charged by itself."""
        card = {"type": "card", "card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2040", "card[cvc]": "123"}
        method = self.ask("POST", "/v1/payment_methods", **card)["id"]
        self.ask("POST", f"/v1/payment_methods/{method}/attach", customer=customer)
        self.ask("POST", f"/v1/customers/{customer}", **{"invoice_settings[default_payment_method]": method})


@contextmanager
def localstripe(*, is_idempotent: bool) -> Iterator[Stripe]:
    """A server of its own until the block ends."""
    with kept_port() as port:
        arguments = [sys.executable, "-W", "ignore", str(SERVER), str(port), *(["--idempotent"] if is_idempotent else [])]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Stripe(f"http://127.0.0.1:{port}", ("127.0.0.1", port))
        finally:
            process.kill()
            process.communicate()


@contextmanager
def proxied(stripe: Stripe) -> Iterator[Proxy]:
    """A proxy in front of it."""
    proxy = Proxy(stripe.address)
    try:
        yield proxy
    finally:
        proxy.close()
