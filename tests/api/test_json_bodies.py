"""What is refused of a body before anybody asks who sent it: too much, packed, of another kind, or a key that is there twice."""

from collections.abc import Iterator

import pytest
from asking_api import ask

from flyusage.api.json_bodies import LARGEST

JSON = {"content-type": "application/json"}


def send(content: bytes | Iterator[bytes], **headers: str):
    return ask("/prices/simulate", method="POST", content=content, headers={**JSON, **headers})


@pytest.mark.parametrize(
    ("body", "headers", "status", "says"),
    [
        (b'{"month":"2026-10","month":"2026-09"}', {}, 400, "the key 'month' twice"),
        (b'{"moves":{"fra":"iad","fra":"dfw"}}', {}, 400, "the key 'fra' twice"),
        (b"[" * 100_000, {}, 400, "nested too deep"),
        (b'{"month":', {}, 400, "is not JSON (Expecting value"),
        (b'{"month":' + b"9" * 5000 + b"}", {}, 400, "a number of 5,000 digits"),
        (b"\xff\xfe\xfd", {}, 400, "is not JSON"),
        (b"{}", {"content-type": "text/plain"}, 415, "is application/json, not 'text/plain'"),
        (b"{}", {"content-encoding": "gzip"}, 415, "encoded as 'gzip'"),
        (b'{"version":"' + b"x" * LARGEST + b'"}', {}, 413, "over 256 KiB"),
        (b"{}", {}, 401, "asks for a token"),
        (b"{}", {"content-type": "application/merge-patch+json; charset=utf-8"}, 401, "asks for a token"),
    ],
    ids=range(11),
)
def test_a_body_is_refused_for_what_it_is(body: bytes, headers: dict[str, str], status: int, says: str):
    told = send(body, **headers)
    assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")
    assert says in told.json()["detail"]


def test_no_more_of_a_body_is_taken_than_it_may_have():
    given = []

    def endless() -> Iterator[bytes]:
        while len(given) < 1000:
            given.append(1)
            yield b" " * (64 << 10)

    assert send(endless()).status_code == 413
    assert len(given) <= LARGEST // (64 << 10) + 2
