"""What a person sees when a handler fails: our own errors in their own words, everything else by its log entry."""

import secrets

import structlog
from reflex.event import EventSpec

from flyusage.errors import FlyusageError
from flyusage.ui import browser

_log = structlog.get_logger(__name__)


def report(exception: Exception) -> EventSpec:
    """The toast for a failed handler; failures that are not ours go to the log under the reference it shows."""
    if isinstance(exception, FlyusageError):
        return browser.toast("error", exception.sentence)
    reference = secrets.token_hex(4)
    _log.error("handler_failed", reference=reference, exc_info=exception)
    return browser.toast(
        "error", "That failed on the server, and nothing was changed.", detail=f"Reload the page. The server's log has it as {reference}."
    )
