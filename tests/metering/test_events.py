"""What a line must be to become an event; each refusal by code and sentence."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from factories import (
    deployed,
    destroyed,
    egress_reported,
    event,
    ipv4_allocated,
    ipv4_released,
    line,
    started,
    stopped,
    voided,
    volume_created,
    volume_destroyed,
    volume_resized,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

from flyusage.metering import refusals
from flyusage.metering.errors import Refusal
from flyusage.metering.events import MAX_LINE_BYTES, MAX_REPORT_BYTES, parse_line
from flyusage.metering.usage_event import EventType, UsageEvent, content_of

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
AT = "2026-10-01T00:00:07Z"
EPOCH = 1_790_812_807  # date -ud 2026-10-01T00:00:07Z +%s


def parse(raw, **options):
    raw = raw if isinstance(raw, bytes) else line(raw)
    return parse_line(raw, **{"line": 3, "now": NOW, **options})


def code(raw, **options):
    parsed = parse(raw, **options)
    assert isinstance(parsed, Refusal), parsed
    assert parsed.line == 3
    assert parsed.sentence.endswith((".", ")"))
    return parsed.code


def test_a_start_becomes_typed_fields():
    parsed = parse(started("m", AT, memory_mb=5120, id="1", source="/hosts/a"))
    assert isinstance(parsed, UsageEvent)
    assert (parsed.type, parsed.time, parsed.vm_size, parsed.memory_mib) == (EventType.MACHINE_STARTED, EPOCH, "performance-1x", 5120)
    assert (parsed.org, parsed.app, parsed.region, parsed.subject) == ("prism", "web", "dfw", "m")
    assert (parsed.source, parsed.id, parsed.capacity_mib, parsed.bytes) == ("/hosts/a", "1", None, None)


EVERY_TYPE = [
    (started("m", AT), EventType.MACHINE_STARTED),
    (stopped("m", AT), EventType.MACHINE_STOPPED),
    (stopped("m", AT, rootfs_gb=8), EventType.MACHINE_STOPPED),
    (destroyed("m", AT), EventType.MACHINE_DESTROYED),
    (volume_created("v", AT), EventType.VOLUME_CREATED),
    (volume_resized("v", AT, gb=1), EventType.VOLUME_RESIZED),
    (volume_destroyed("v", AT), EventType.VOLUME_DESTROYED),
    (ipv4_allocated("1.2.3.4", AT), EventType.IPV4_ALLOCATED),
    (ipv4_released("1.2.3.4", AT), EventType.IPV4_RELEASED),
    (egress_reported("m", "2026-10-01T00:00:00Z", AT, count=1), EventType.EGRESS_REPORTED),
    (deployed("web", AT), EventType.APP_DEPLOYED),
    (voided(stopped("m", AT), AT), EventType.EVENT_VOIDED),
]


@pytest.mark.parametrize(("one", "kind"), EVERY_TYPE)
def test_every_type_parses(one, kind):
    parsed = parse(one)
    assert isinstance(parsed, UsageEvent)
    assert parsed.type == kind


@pytest.mark.parametrize(("one", "kind"), EVERY_TYPE)
def test_a_line_of_known_fields_needs_no_second_look(one, kind, monkeypatch: pytest.MonkeyPatch):
    """The slow inspection of a line is for what the quick one cannot vouch for."""
    looked = []
    monkeypatch.setattr(refusals, "inspect", looked.append)
    assert isinstance(parse(one), UsageEvent)
    assert looked == []
    parse({**one, "extension": "x"})
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2026-10-01T00:00:07Z", EPOCH),
        ("2026-10-01t00:00:07z", EPOCH),
        ("2026-10-01T00:00:07.999999999Z", EPOCH),
        ("2026-10-01T02:00:07+02:00", EPOCH),
        ("2026-09-30T18:30:07-05:30", EPOCH),
        ("2026-10-01T00:00:07-00:00", EPOCH),
        ("2026-09-30T23:59:60Z", EPOCH - 7),  # a leap second is the midnight after it
        ("2026-10-01T01:59:60+02:00", EPOCH - 7),
    ],
)
def test_moments_are_floored_to_the_second_in_utc(text, epoch):
    parsed = parse(started("m", text))
    assert isinstance(parsed, UsageEvent)
    assert parsed.time == epoch


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-10-01", "2026-10-01T00:00:07", "2026-10-01 00:00:07Z", "20261001T000007Z", "2026-W40-4T00:00:07Z",
     "2026-10-01T00:00:61Z",
     "2026-10-01T12:00:60Z", "2026-10-01T24:00:00Z", "2026-13-01T00:00:07Z", "2026-02-29T00:00:07Z", "99999-10-01T00:00:07Z",
     "2026-10-01T00:00:07+24:00", "2026-10-01T00:00:07,5Z", "2026-10-01T00:00:7ZZ", "٢٠٢٦-10-01T00:00:07Z"],
)  # fmt: skip
def test_anything_else_is_no_moment(text):
    assert code(started("m", text)) == "invalid_time"


def test_a_moment_must_lie_between_25_months_ago_and_five_minutes_ahead():
    assert isinstance(parse(started("m", "2026-11-15T12:05:00Z")), UsageEvent)
    assert code(started("m", "2026-11-15T12:05:01Z")) == "time_in_future"
    assert isinstance(parse(started("m", "2024-10-15T12:00:00Z")), UsageEvent)
    assert code(started("m", "2024-10-15T11:59:59Z")) == "time_too_old"
    assert isinstance(parse(started("m", "2024-10-15T11:59:59Z"), max_age=26), UsageEvent)
    assert isinstance(parse(started("m", "1970-01-01T00:00:00Z"), max_age=100_000), UsageEvent)
    assert code(started("m", "1969-12-31T23:59:59Z"), max_age=100_000) == "time_too_old"


def test_the_same_minute_is_checked_to_the_second():
    late = NOW + timedelta(minutes=5)
    for second in (0, 1, 0, 1):  # whatever was remembered of this minute
        moment = late.replace(second=second).isoformat().replace("+00:00", "Z")
        assert isinstance(parse(started("m", moment)), Refusal if second else UsageEvent)


VALID = line(started("m", AT)).rstrip()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "not_json"),
        (b"   ", "not_json"),
        (b"{", "not_json"),
        (b"not json", "not_json"),
        (b"9" * 5000, "not_an_object"),
        (VALID + b" x", "not_json"),
        (VALID[:-1] + b"\xff}", "not_json"),
        (VALID.replace(b'"web"', b'"w\xffb"'), "not_json"),
        (VALID.replace(b'"web"', b'"w\x01b"'), "not_json"),
        (VALID[:-1] + b',"more":' + b"[" * 30_000 + b"}", "not_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"\xef\xbb\xbf" + VALID, "byte_order_mark"),
        (VALID[:-1] + b',"id":"again"}', "duplicate_key"),
        (VALID.replace(b'"app":"web"', b'"app" : "web","app" :"web"'), "duplicate_key"),
        (VALID.replace(b"web", b"w\\u0000b"), "nul"),
        (VALID.replace(b"web", b"w\\ud800b"), "not_json"),
        (VALID.replace(b"web", b"w" * MAX_LINE_BYTES), "too_long"),
        (VALID.replace(b"2048", b"NaN"), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"-Infinity"), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"-1"), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"9223372036854775808"), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"9" * 5000), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"16777217"), "quantity_out_of_range"),
        (VALID.replace(b"2048", b"2048.5"), "wrong_type"),
        (VALID.replace(b"2048", b'"2048"'), "wrong_type"),
        (VALID.replace(b"2048", b"true"), "wrong_type"),
        (VALID.replace(b"2048", b"null"), "wrong_type"),
        (VALID.replace(b'"1.0"', b'"1.1"'), "unknown_specversion"),
        (VALID.replace(b"machine.started", b"machine.paused"), "unknown_type"),
        (VALID.replace(b'"flyusage.machine.started"', b"7"), "wrong_type"),
        (VALID.replace(b'"dfw"', b'"atlantis"'), "unknown_region"),
        (VALID.replace(b"performance-1x", b"performance-3x"), "unknown_size"),
        (VALID.replace(b'"prism"', b'"Prism"'), "invalid_org"),
        (VALID.replace(b'"prism"', b'"-prism"'), "invalid_org"),
        (VALID.replace(b'"prism"', b'""'), "invalid_org"),
        (VALID.replace(b'"web"', b'""'), "invalid_name"),
        (VALID.replace(b"web", b"w" * 1001), "invalid_name"),
    ],
)
def test_refusals(raw, expected):
    assert code(raw) == expected


def test_what_was_packed_twice_or_is_utf_16_says_so():
    for raw, said in ((b"\x1f\x8b\x08" + VALID, "is gzip"), (VALID.decode().encode("utf-16"), "is UTF-16")):
        parsed = parse(raw)
        assert isinstance(parsed, Refusal) and (parsed.code, said in parsed.sentence) == ("not_json", True)


@pytest.mark.parametrize("field", ["specversion", "id", "source", "time", "subject", "type", "data"])
def test_a_missing_attribute_is_named(field):
    one = started("m", AT)
    del one[field]
    parsed = parse(one)
    assert isinstance(parsed, Refusal)
    assert (parsed.code, parsed.sentence) == ("missing_field", f"{field} is missing; add it.")


@pytest.mark.parametrize("field", ["org", "app", "region", "vm_size", "memory_mb"])
def test_a_missing_field_of_data_is_named(field):
    one = started("m", AT)
    del one["data"][field]
    parsed = parse(one)
    assert isinstance(parsed, Refusal)
    assert (parsed.code, parsed.sentence) == ("missing_field", f"data.{field} is missing; add it.")


@pytest.mark.parametrize(
    ("gb", "mib"), [("10", 10240), ("0", 0), ("0.5", 512), ("1e2", 102400), ("1048576", 2**30), ("10.0", 10240), ("0.0009765625", 1)]
)
def test_a_gb_is_1024_mib(gb, mib):
    parsed = parse(line(volume_created("v", AT, gb=77)).replace(b"77", gb.encode()))
    assert isinstance(parsed, UsageEvent)
    assert parsed.capacity_mib == mib


@pytest.mark.parametrize(
    ("gb", "expected"),
    [("0.1", "quantity_not_whole"), ("1e-999999999", "quantity_not_whole"), ("0.5" + "0" * 200 + "1", "quantity_not_whole"),
     ("-1", "quantity_out_of_range"), ("-0.5", "quantity_out_of_range"), ("1048577", "quantity_out_of_range"),
     ("1e999999999", "quantity_out_of_range"), ("9223372036854775808", "quantity_out_of_range"), ("NaN", "quantity_out_of_range"),
     ("1e99999999999999999999", "quantity_out_of_range"), ("0e-99999999999999999999", "quantity_out_of_range"),  # no decimal has these exponents
     ('"5"', "wrong_type"), ("null", "wrong_type"), ("true", "wrong_type"), ("[5]", "wrong_type"), ('{"a":1}', "wrong_type")],
)  # fmt: skip
def test_gb_that_are_no_number_of_mib(gb, expected):
    assert code(line(volume_created("v", AT, gb=77)).replace(b"77", gb.encode())) == expected
    assert code(line(stopped("m", AT, rootfs_gb=77)).replace(b"77", gb.encode())) == expected
    destroyed_too = {**volume_created("v", AT, gb=77), "type": "flyusage.volume.destroyed"}
    assert code(line(destroyed_too).replace(b"77", gb.encode())) == expected


def report(start, end, at=None, count=1):
    return egress_reported("m", start, end, count=count, at=at or end)


def test_a_report_lies_before_its_time_and_takes_at_most_a_day():
    day = ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z")
    assert isinstance(parse(report(*day)), UsageEvent)
    assert code(report("2026-10-01T00:00:00Z", "2026-10-02T00:00:01Z")) == "invalid_report"
    assert code(report("2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z")) == "invalid_report"
    assert code(report("2026-10-01T00:00:00.1Z", "2026-10-01T00:00:00.9Z")) == "invalid_report"
    assert code(report("2026-10-01T01:00:00Z", "2026-10-01T00:00:00Z", at="2026-10-01T02:00:00Z")) == "invalid_report"
    assert code(report("2026-10-01T00:00:00Z", "2026-10-01T02:00:00Z", at="2026-10-01T01:00:00Z")) == "invalid_report"
    assert code(report("2020-10-01T00:00:00Z", "2020-10-01T02:00:00Z", at="2026-10-01T01:00:00Z")) == "time_too_old"
    assert code(report("2026-10-01T00:00:00", "2026-10-01T02:00:00Z")) == "invalid_time"


def test_bytes_have_a_limit_that_keeps_sums_whole():
    hour = ("2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z")
    assert isinstance(parse(report(*hour, count=MAX_REPORT_BYTES)), UsageEvent)
    assert code(report(*hour, count=MAX_REPORT_BYTES + 1)) == "quantity_out_of_range"
    assert code(report(*hour, count=2**63)) == "quantity_out_of_range"
    assert code(report(*hour, count=-1)) == "quantity_out_of_range"


HOSTILE = [
    "<script>alert(1)</script>",
    "%{y}",
    "\u202eright",
    "=1+1",
    "n" * 500,
    "🦊",
    "a\tb\nc\\d\r",
    '"quoted"',
    "\\N",
    "'; DROP TABLE app; --",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_kept_literally(name):
    parsed = parse(started(name, AT, app=name, source=name, id=name))
    assert isinstance(parsed, UsageEvent)
    assert (parsed.subject, parsed.app, parsed.source, parsed.id) == (name, name, name, name)


def test_unknown_attributes_are_ignored():
    one = started("m", AT, id="1", datacontenttype="application/json", extension={"deep": [1, None]})
    one["data"]["colour"] = "red"
    parsed = parse(one)
    assert parsed == parse(started("m", AT, id="1"))


@pytest.mark.parametrize("says", [None, "application/json", "TEXT/JSON; charset=utf-8", "application/vnd.host+json ; v=1"])
def test_data_that_call_themselves_json_are_taken(says):
    assert parse(started("m", AT, id="1", datacontenttype=says)) == parse(started("m", AT, id="1"))


@pytest.mark.parametrize("says", ["application/xml", "text/plain", "json", "application/jsonl", "application/x+json+zip", ""])
def test_data_that_call_themselves_something_else_are_refused(says):
    """CloudEvents, JSON format 3.1: such data are a text, of which nothing here can be read."""
    assert code(started("m", AT, datacontenttype=says)) == "unknown_datacontenttype"
    assert code({**started("m", AT, datacontenttype=says), "data": "<machine/>"}) == "unknown_datacontenttype"
    assert code(started("m", AT, datacontenttype=5)) == "wrong_type"


def packed(one, **more) -> dict:
    data = one["data"] if isinstance(one["data"], bytes) else json.dumps(one["data"]).encode()
    return {**{name: value for name, value in one.items() if name != "data"}, "data_base64": base64.b64encode(data).decode(), **more}


@pytest.mark.parametrize(("one", "kind"), EVERY_TYPE)
def test_data_in_base64_are_the_same_event(one, kind):
    """As SDKs write data that were given to them as bytes (CloudEvents, JSON format 3.1.2)."""
    assert parse(packed(one)) == parse(packed(one, datacontenttype="application/json")) == parse(one)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (packed(started("m", AT), datacontenttype="application/xml"), "unknown_datacontenttype"),
        (packed(started("m", AT), data={}), "duplicate_key"),
        (packed(started("m", AT), data=started("m", AT)["data"]), "duplicate_key"),
        (packed(started("m", AT), data_base64="{}"), "not_json"),
        (packed(started("m", AT), data_base64=5), "not_json"),
        (packed(started("m", AT), data_base64=None), "missing_field"),
        (packed({**started("m", AT), "data": b"<machine/>"}), "not_json"),
        (packed({**started("m", AT), "data": b'{},"data":{}'}), "not_json"),
        (packed({**started("m", AT), "data": b'{"org":"a","org":"b"}'}), "missing_field"),
        (packed(started("m", AT, vm_size="huge")), "unknown_size"),
        (packed(started("m", AT), type="flyusage.nothing"), "unknown_type"),
    ],
)
def test_base64_hides_nothing_that_would_be_refused(one, why):
    assert code(one) == why
    refused = parse(one)
    assert isinstance(refused, Refusal)
    assert refused.raw == line(one).rstrip(b"\n")


def test_a_key_twice_inside_base64_is_refused():
    data = json.dumps(started("m", AT)["data"]).encode()
    assert code(packed({**started("m", AT), "data": data[:-1] + b',"org":"prism"}'})) == "duplicate_key"
    assert code(line(packed(started("m", AT)))[:-2] + b',"data_base64":""}\n') == "duplicate_key"


def test_a_refusal_names_the_organization_inside_base64():
    refused = parse(packed(started("m", AT, vm_size="huge")))
    assert isinstance(refused, Refusal)
    assert refused.org == "prism"


def test_the_same_event_written_differently_is_the_same():
    one = started("m", AT, id="1")
    other = json.dumps(dict(reversed([*one.items(), ("x", 1)])), indent=None, separators=(" , ", " : ")).replace(
        AT, "2026-10-01T01:00:07.4+01:00"
    )
    assert parse(one) == parse(other.encode())


def test_other_content_is_told_apart_under_the_same_identity():
    first = parse(started("m", AT, id="1"))
    for other in (started("n", AT, id="1"), started("m", AT, id="1", memory_mb=4096), stopped("m", AT, id="1"),
                  started("m", "2026-10-01T00:00:08Z", id="1"), started("m", AT, id="1", app="api")):  # fmt: skip
        second = parse(other)
        assert isinstance(first, UsageEvent)
        assert isinstance(second, UsageEvent)
        assert (first.identity == second.identity, content_of(first) == content_of(second)) == (True, False)


def test_root_filesystems_are_ignored_where_the_machine_is_gone():
    plain, with_rootfs = destroyed("m", AT, id="1"), event("machine.destroyed", "m", AT, {"rootfs_gb": 8}, id="1")
    assert parse(plain) == parse(with_rootfs)
    assert parse(stopped("m", AT, id="1")) == parse(stopped("m", AT, id="1", rootfs_gb=0))


def test_a_refusal_names_the_organization_and_shows_the_line():
    parsed = parse(VALID.replace(b"2048", b"-1"))
    assert isinstance(parsed, Refusal)
    assert (parsed.org, parsed.raw) == ("prism", VALID.replace(b"2048", b"-1"))
    parsed = parse(b"\x00\xff{" + b"x" * 1000)
    assert isinstance(parsed, Refusal)
    assert "\0" not in parsed.excerpt
    assert len(parsed.excerpt) == 200


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(raw):
    assert isinstance(parse(raw), Refusal)


@given(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=3))
def test_any_damage_is_survived(at, damage):
    assert isinstance(parse(VALID[:at] + damage + VALID[at + 1 :]), UsageEvent | Refusal)
