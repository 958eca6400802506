"""Links by mail: through a real server, and without one in the log."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from mailserver import Mailserver
from structlog.testing import capture_logs

from flyusage import clock, config
from flyusage.auth import letters

LINK = "https://usage.example.com/set-password?link=a&b=<c>"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch):
    def choose(**chosen: str) -> None:
        for name, value in chosen.items():
            monkeypatch.setenv(f"FLYUSAGE_{name.upper()}", value)
        config.settings.cache_clear()

    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield choose
    config.settings.cache_clear()


def test_the_link_arrives_as_text_and_literally_as_html(settings, mailserver: Mailserver):
    settings(smtp_url=mailserver.url, base_url="https://usage.example.com")
    assert letters.send_link("ada@example.com", LINK)
    (got,) = mailserver.got
    message = message_from_bytes(got.content, policy=default)
    assert (got.to, message["From"]) == (["ada@example.com"], "flyusage <no-reply@usage.example.com>")
    assert LINK in message.get_body(("plain",)).get_content()
    shown = message.get_body(("html",)).get_content()
    assert 'href="https://usage.example.com/set-password?link=a&amp;b=&lt;c&gt;"' in shown
    assert "<c>" not in shown


def test_without_a_server_the_log_has_it(settings):
    settings()
    with capture_logs() as said:
        assert not letters.send_link("ada@example.com", LINK)
    assert [(one["address"], one["link"]) for one in said] == [("ada@example.com", LINK)]


def test_a_server_that_takes_nothing_is_logged_without_the_link(settings, mailserver: Mailserver):
    settings(smtp_url=mailserver.url)
    mailserver.answer = "554 not today"
    with capture_logs() as said:
        assert not letters.send_link("ada@example.com", LINK)
    (told,) = said
    assert "not today" in told["why"]
    assert LINK not in str(told)
