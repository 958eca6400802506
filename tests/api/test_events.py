"""Events over HTTP: every way to send them, by the path that files take; nothing of another organization, nothing twice."""

import gzip
import json
import random
import zlib
from collections.abc import Iterator

import pytest
from asking_api import ask, token_of
from billing_world import value
from cast import Cast
from factories import line, lines, started, stopped
from hypothesis import given, settings
from hypothesis import strategies as st

from flyusage import clock
from flyusage.api import bodies, events
from flyusage.api.errors import BodyBroken, TooLarge
from flyusage.metering import ingest
from flyusage.pricing.urls import parse_moment

NDJSON, BATCH, STRUCTURED = {"content-type": bodies.NDJSON[0]}, {"content-type": bodies.BATCH}, {"content-type": bodies.STRUCTURED}
NOW = parse_moment("2026-11-20T12:00")
assert NOW is not None
M1, M2 = started("m1", "2026-11-01T00:00:00Z"), started("m2", "2026-11-02T00:00:00Z")


@pytest.fixture
def token(cast: Cast) -> str:
    return token_of(cast.prism.id, "events.write", days=366)


def send(token: str, content, headers=NDJSON, **more):
    with clock.freeze(clock_at()):
        return ask("/events", token=token, method="POST", content=content, headers={**headers, **more})


def clock_at():
    assert NOW is not None
    return NOW


def stored() -> int:
    return value("SELECT count(*) FROM usage_event")


def test_lines_go_in_and_again_change_nothing(token: str):
    body = b"".join(map(line, (M1, M2)))
    assert send(token, body).json() | {"refusals": None} == {
        "accepted": 2, "duplicate": 0, "refused": 0, "refused_by_code": {}, "refusals": None, "refusals_left_out": 0,
    }  # fmt: skip
    again = send(token, body).json()
    assert (again["accepted"], again["duplicate"]) == (0, 2)
    assert stored() == 2


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_batch_and_single_events_are_the_same_events(token: str, is_packed: bool):
    pack = gzip.compress if is_packed else lambda body: body
    more = {"content-encoding": "gzip"} if is_packed else {}
    batch = send(token, pack(json.dumps([M1, M2], indent=2).encode()), BATCH, **more)
    assert batch.json()["accepted"] == 2
    single = send(token, pack(json.dumps(M1, indent=1).encode()), STRUCTURED, **more)
    assert single.json()["duplicate"] == 1
    binary = {
        "content-type": "application/json",
        **{f"ce-{name}": M2[name] for name in ("specversion", "id", "source", "type", "time", "subject")},
    }
    told = send(token, pack(json.dumps(M2["data"]).encode()), binary, **more)
    assert (told.status_code, told.json()["duplicate"]) == (200, 1)
    assert stored() == 2


def test_a_header_carries_any_character_percent_encoded(token: str):
    event = started("maschine-ü", "2026-11-01T00:00:00Z")
    kept = {f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type", "time")}
    headers = {"content-type": "application/json", **kept, "ce-subject": "maschine-%C3%BC"}
    assert send(token, json.dumps(event["data"]).encode(), headers).json()["accepted"] == 1
    assert value("SELECT name FROM resource") == "maschine-ü"


def binary(event, **headers: str | bytes) -> dict[str, str | bytes]:
    return {"content-type": "application/json", **{f"ce-{name}": value for name, value in event.items() if name != "data"}, **headers}


def test_headers_of_older_and_of_odd_senders_are_read_as_they_were_meant(token: str):
    """Quoted with escapes (CloudEvents, HTTP 3.1.3.2), raw UTF-8, extensions, any JSON type; a structured event with ce- headers beside it."""
    names = ['a "b"', "maschine-ü", "100%"]
    headers = [
        binary(
            started("q", "2026-11-01T00:00:00Z"), **{"ce-subject": '"a \\"b\\""', "ce-partitionkey": "1", "ce-traceparent": "00-ab-cd-01"}
        ),
        binary(started("r", "2026-11-01T00:00:00Z"), **{"ce-subject": "maschine-ü".encode(), "content-type": "text/json"}),
        binary(started("s", "2026-11-01T00:00:00Z"), **{"ce-subject": "100%", "content-type": "application/vnd.host+json; charset=utf-8"}),
    ]
    for sent in headers:
        told = send(token, json.dumps(M1["data"]).encode(), sent)
        assert told.json().get("accepted") == 1, told.text
    assert sorted(value("SELECT array_agg(name) FROM resource")) == sorted(names)
    assert send(token, json.dumps(M1).encode(), binary(M2, **STRUCTURED)).json()["accepted"] == 1
    assert value("SELECT count(*) FROM resource WHERE name = 'm1'") == 1


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"ce-subject": "%FF"}, None, "not UTF-8, percent-encoded"),
        ({"ce-subject": b"\xff"}, None, "not UTF-8, percent-encoded"),
        ({"ce-data": "{}"}, None, "no header ce-data"),
        ({}, b'{},"subject2":"x"', "the event's data as JSON, which this is not"),
        ({}, b"", "the event's data as JSON, which this is not"),
    ],
)
def test_a_binary_event_that_cannot_be_read_is_refused_and_never_a_failure_of_ours(token: str, headers, body, says):
    told = send(token, json.dumps(M1["data"]).encode() if body is None else body, binary(M1, **headers))
    assert (told.status_code, told.json()["code"]) == (400, "request_invalid")
    assert says in told.json()["detail"]
    assert stored() == 0


def test_what_is_refused_is_named_line_by_line_and_the_rest_is_in(token: str):
    wrong = {**started("m3", "2026-11-01T00:00:00Z"), "type": "flyusage.machine.exploded"}
    told = send(token, b"".join((line(M1), b"{nonsense\n", line(wrong), line(started("r", "2026-11-01T00:00:00Z", org="rival")), line(M2))))
    answered = told.json()
    assert told.status_code == 200
    assert (answered["accepted"], answered["refused"]) == (2, 3)
    assert [(one["line"], one["code"]) for one in answered["refusals"]] == [(2, "not_json"), (3, "unknown_type"), (4, "org_unknown")]
    assert "may send events of prism only, not of rival" in answered["refusals"][2]["detail"]
    assert value("SELECT count(*) FROM usage_event e JOIN organization o ON o.id = e.org_id WHERE o.slug = 'rival'") == 0


def test_what_is_refused_counts_for_whoever_sent_it_whichever_organization_it_names(token: str):
    """Else prism's token would hold up the closing of rival's month, and show on rival's overview."""
    wrong = {**started("m3", "2026-11-01T00:00:00Z", org="rival"), "type": "flyusage.machine.exploded"}
    assert send(token, b"".join((line(wrong), line(started("r", "2026-11-01T00:00:00Z", org="rival")), b"{}\n"))).json()["refused"] == 3
    assert value("SELECT array_agg(DISTINCT org_slug) FROM refused_event") == ["prism"]


def test_reading_stops_where_hardly_anything_can_be_taken(token: str, monkeypatch: pytest.MonkeyPatch):
    """A megabyte of gzip is a hundred million lines of `{}`. What was refused beside as much that was taken is no reason to stop."""
    monkeypatch.setattr(events, "MOST_MORE_REFUSED", 100)
    monkeypatch.setattr(ingest, "BATCH_EVENTS", 100)
    good = [line(started(f"m{number}", "2026-11-01T00:00:00Z")) for number in range(300)]
    mixed = b"".join(one + b"{}\n" for one in good)
    assert send(token, mixed).json() | {"refusals": None} == {
        "accepted": 300, "duplicate": 0, "refused": 300, "refused_by_code": {"missing_field": 300}, "refusals": None, "refusals_left_out": 200,
    }  # fmt: skip
    told = send(token, gzip.compress(line(M1) + b"{}\n" * 100_000 + line(M2)), NDJSON, **{"content-encoding": "gzip"})
    assert (told.status_code, told.json()["code"]) == (422, "too_many_refused")
    assert "mostly as missing_field" in told.json()["detail"]
    assert told.json()["taken"]["accepted"] + told.json()["taken"]["duplicate"] == 1
    assert told.json()["taken"]["refused"] < 50_000
    assert len(told.content) < 100_000


def test_an_organization_that_does_not_exist_is_not_made(token: str):
    assert send(token, line(started("r", "2026-11-01T00:00:00Z", org="brand-new"))).json()["refused"] == 1
    assert value("SELECT count(*) FROM organization") == 2


def test_the_list_of_refusals_is_bounded_and_says_what_it_left_out(token: str):
    answered = send(token, b"x\n" * 250).json()
    assert (len(answered["refusals"]), answered["refused"], answered["refusals_left_out"]) == (100, 250, 150)


def test_a_single_event_that_is_refused_is_a_failure(token: str):
    told = send(token, json.dumps({**M1, "type": "nothing"}).encode(), STRUCTURED)
    assert (told.status_code, told.json()["code"]) == (422, "event_refused")
    assert stored() == 0


@pytest.mark.parametrize("token_scopes", [("usage.read",)])
def test_a_token_without_the_scope_sends_nothing(cast: Cast, token_scopes):
    told = send(token_of(cast.prism.id, *token_scopes, days=366), line(M1))
    assert (told.status_code, told.json()["code"]) == (403, "not_permitted")
    assert stored() == 0


@pytest.mark.parametrize(
    ("headers", "says", "taken"),
    [
        ({"content-type": "text/csv"}, "accept", "application/x-ndjson, application/cloudevents-batch+json, application/cloudevents+json"),
        ({}, "accept", "application/x-ndjson, application/cloudevents-batch+json, application/cloudevents+json"),
        ({**NDJSON, "content-encoding": "br"}, "accept-encoding", "gzip, identity"),
        ({"content-type": "text/css", "ce-id": "1"}, "accept", "application/json"),
    ],
)
def test_what_is_no_kind_of_event_is_said_and_what_would_be(token: str, headers, says, taken):
    told = send(token, line(M1), headers)
    assert (told.status_code, told.headers["content-type"]) == (415, "application/problem+json")
    assert {name: told.headers[name] for name in ("accept", "accept-encoding") if name in told.headers} == {says: taken}
    assert stored() == 0


def test_a_broken_end_keeps_what_came_before_and_says_so(token: str):
    packed = gzip.compress(b"".join(line(started(f"m{number}", "2026-11-01T00:00:00Z")) for number in range(25_000)))
    told = send(token, packed[:-2000], NDJSON, **{"content-encoding": "gzip"})
    assert (told.status_code, told.json()["code"]) == (400, "body_broken")
    assert told.json()["taken"]["accepted"] == stored() == 20_000
    assert send(token, packed, NDJSON, **{"content-encoding": "gzip"}).json()["duplicate"] == 20_000


@pytest.mark.parametrize(
    "broken", [b"\xef\xbb\xbf[]", b"[", b'[{"a":1}', b'[{"a":1} {"b":2}]', b"[1,]", b"[1] 2", b"[\xff]", b"[" * 3000, b""]
)
def test_a_batch_that_is_none_is_refused(token: str, broken: bytes):
    assert send(token, broken, BATCH).status_code == 400


def test_a_bomb_is_refused_while_it_is_small(token: str):
    bomb = gzip.compress(b" " * (256 << 20), 9)
    told = send(token, bomb, NDJSON, **{"content-encoding": "gzip"})
    assert (told.status_code, told.json()["code"]) == (413, "too_large")


def test_a_bomb_is_never_unpacked_whole():
    """One chunk of 1 MB would be 1 GB; what is held at once is 64 KiB."""
    bomb = zlib.compressobj(9, wbits=31)
    packed = bomb.compress(b" " * (64 << 20)) + bomb.flush()
    seen = 0
    with pytest.raises(TooLarge):
        for piece in bodies.unpacked(iter([packed]), "gzip"):
            assert len(piece) <= bodies.PIECE
            seen += len(piece)
    assert seen <= bodies.FREE_BYTES + 2 * bodies.PIECE


def test_whoever_is_one_too_many_waits(token: str):
    taken = [events._places.acquire(blocking=False) for _ in range(events.AT_ONCE)]
    try:
        told = send(token, line(M1))
    finally:
        for _ in taken:
            events._places.release()
    assert all(taken)
    assert (told.status_code, told.json()["code"], told.headers["retry-after"]) == (429, "busy", "2")
    assert send(token, line(M1)).json()["accepted"] == 1


def cut(body: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    while body:
        at = chance.randint(1, max(1, len(body) // 2))
        yield body[:at]
        body = body[at:]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(values=st.lists(JSON, max_size=8), seed=st.integers(0, 10**6), indent=st.sampled_from([None, 2]), is_ascii=st.booleans())
@settings(max_examples=200)
def test_elements_are_found_however_the_body_is_cut(values, seed, indent, is_ascii):
    body = json.dumps(values, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    if b"\xed" in body:  # half a pair of surrogates is no UTF-8
        return
    assert [json.loads(one) for one in bodies.elements(cut(body, seed))] == values


@given(members=st.lists(st.binary(max_size=300), min_size=1, max_size=4), seed=st.integers(0, 10**6))
def test_gzip_is_unpacked_however_it_is_cut_and_of_however_many_members(members, seed):
    packed = b"".join(map(gzip.compress, members))
    assert b"".join(bodies.unpacked(cut(packed, seed), "gzip")) == b"".join(members)


@given(st.binary(max_size=200), st.integers(0, 10**6))
def test_noise_is_broken_never_a_crash(noise, seed):
    for read in (lambda: bodies.unpacked(cut(noise, seed), "gzip"), lambda: bodies.elements(cut(b"[" + noise, seed))):
        try:
            list(read())
        except (BodyBroken, TooLarge):
            continue


def test_a_machine_sent_by_the_api_runs_and_stops_as_from_a_file(token: str):
    send(token, lines(M1, stopped("m1", "2026-11-01T01:00:00Z")))
    ran = "SELECT extract(epoch FROM stopped_at - started_at)::int FROM usage_interval i JOIN sku s ON s.id = i.sku_id WHERE s.meter = 'machine'"
    assert value(ran) == 3600
