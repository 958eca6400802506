import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog

from flyusage import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = kept
    structlog.reset_defaults()


HOSTILE = "app\n2026-01-01T00:00:00Z [error] forged \x1b[2J\u202egnp\x00\u2028"
SAFE = r"app\n2026-01-01T00:00:00Z [error] forged \x1b[2J\u202egnp\x00\u2028"


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_name_forges_a_line_or_acts_on_the_terminal(stream: io.StringIO, form):
    logs.configure("info", form, stream=stream)
    structlog.get_logger("flyusage").info(HOSTILE, app=HOSTILE, deep={"list": [HOSTILE]})
    logging.getLogger("uvicorn.error").warning("from a library: %s", HOSTILE)
    written = stream.getvalue()
    assert written.count("\n") == 2
    assert not set(written) & set("\x1b\x00\u202e\u2028")


def test_json_lines_hold_what_was_said(stream: io.StringIO):
    logs.configure("info", "json", stream=stream)
    structlog.get_logger("flyusage.x").info("took in", app=HOSTILE, events=3, is_late=True)
    said = json.loads(stream.getvalue())
    assert (said["event"], said["app"], said["events"], said["is_late"]) == ("took in", SAFE, 3, True)
    assert (said["level"], said["logger"], said["timestamp"][-1]) == ("info", "flyusage.x", "Z")


@pytest.mark.parametrize("form", ["console", "json"])
def test_secrets_never_show(stream: io.StringIO, form):
    logs.configure("info", form, stream=stream)
    structlog.get_logger().info(
        "connecting to postgresql://u:hunter2@h/d",
        url="postgresql://u:hunter2@h/d",
        password="hunter2",
        headers={"Authorization": "Bearer hunter2", "Cookie": "s=hunter2"},
        note="sent Bearer hunter2",
        api_tokens=["hunter2"],
    )
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") >= 6


@pytest.mark.parametrize("part", ["://:", "://a:", "://", "Bearer "])
def test_a_long_line_takes_no_longer_than_it_is_long(part: str):
    began = time.process_time()
    logs.without_secrets("event", part * (200_000 // len(part)))
    assert time.process_time() - began < 20  # each to the end of it would be minutes


@pytest.mark.parametrize("secret", ["hunter2" * 143, "hunter2" * 300])
def test_a_secret_of_any_length_is_hidden(secret: str):
    assert "hunter2" not in logs.without_secrets("event", f"connecting to postgresql://{'u' * 300}:{secret}@h/d")


def test_a_traceback_keeps_its_lines_and_no_hostile_character(stream: io.StringIO):
    logs.configure("info", "console", stream=stream)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        structlog.get_logger().exception("failed")
    written = stream.getvalue()
    assert "Traceback (most recent call last)" in written
    assert not set(written) & set("\x1b\x00\u202e\u2028")


def test_less_severe_lines_are_left_out_and_libraries_do_not_chatter(stream: io.StringIO):
    logs.configure("info", "console", stream=stream)
    structlog.get_logger().debug("detail")
    logging.getLogger("alembic.runtime").info("chatter")
    assert stream.getvalue() == ""


def test_there_is_no_colour_outside_a_terminal(stream: io.StringIO):
    logs.configure("info", "console", stream=stream)
    structlog.get_logger().error("plain")
    assert "\x1b" not in stream.getvalue()
