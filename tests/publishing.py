"""A small server that publishes JSON, such as a provider's description and keys."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flyusage import config


@pytest.fixture(scope="module", autouse=True)
def loopback() -> Iterator[None]:
    """Providers may be on this machine, for the module that imports this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYUSAGE_SSO_PRIVATE_HOSTS", "127.0.0.1")
        config.settings.cache_clear()
        yield
    config.settings.cache_clear()


@contextmanager
def serving(answers: dict[str, object], *, moved: str = "") -> Iterator[str]:
    """A server that answers these paths in JSON; bytes are sent as they are, and `moved` is where it sends everybody else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(200 if found is not None else 302 if moved else 404)
            if found is None and moved:
                self.send_header("location", moved)
            self.end_headers()
            self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
