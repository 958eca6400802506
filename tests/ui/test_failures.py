"""What is told of failures."""

from structlog.testing import capture_logs

from flyusage.flyusage import app
from flyusage.ui import failures


def test_what_a_browser_says_failed_fills_no_log() -> None:
    assert app.frontend_exception_handler is failures.browser_failed  # anybody can call it, by the websocket
    with capture_logs() as logged:
        failures.browser_failed(Exception("y" * 500_000))
    assert [(one["event"], len(one["what"])) for one in logged] == [("browser_failed", failures.LONGEST_TOLD)]
