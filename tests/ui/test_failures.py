"""What is told of failures."""

from types import SimpleNamespace

import pytest
from reflex_base.event.context import EventContext
from reflex_base.registry import RegistrationContext
from structlog.testing import capture_logs

from flyusage.flyusage import app
from flyusage.ui import failures, reader


def test_what_a_browser_says_failed_fills_no_log() -> None:
    assert app.frontend_exception_handler is failures.browser_failed  # anybody can call it, by the websocket
    with capture_logs() as logged:
        failures.browser_failed(Exception("y" * 500_000))
    assert [(one["event"], len(one["what"])) for one in logged] == [("browser_failed", failures.LONGEST_TOLD)]


@pytest.mark.parametrize(
    ("cookie", "is_led_away"), [("flyusage_session=old", True), ("flyusage_session=new", False), ("", False), (None, True)]
)
def test_a_watch_of_the_document_before_leads_no_new_one_away(
    monkeypatch: pytest.MonkeyPatch, cookie: str | None, is_led_away: bool
) -> None:
    """Who changed their password has another session, and the document that shows it asks for itself. A tab without a document hears nothing."""
    sockets = SimpleNamespace(get_environ=lambda sid, _: {"HTTP_COOKIE": cookie} if sid == "socket" else None)
    connected = SimpleNamespace(token_to_sid={} if cookie is None else {"tab": "socket"}, namespace="/_event")
    pages = SimpleNamespace(app=SimpleNamespace(sio=sockets, event_namespace=connected))
    monkeypatch.setattr(RegistrationContext, "get", classmethod(lambda _: pages))
    monkeypatch.setattr(EventContext, "get", classmethod(lambda _: SimpleNamespace(token="tab")))
    assert (failures.report(reader.SignedOut("old")) is not None) is is_led_away
