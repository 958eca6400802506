"""What a person sees when a handler fails: our own errors in their own words, everything else by its log entry."""

import logging
import secrets

import structlog
from reflex.event import EventSpec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from flyusage.auth.errors import SecondFactorNeeded, SignInNeeded, TooManyAttempts
from flyusage.errors import FlyusageError
from flyusage.ui import browser

LONGEST_TOLD = 2_000

_log = structlog.get_logger(__name__)


def report(exception: Exception) -> EventSpec:
    """The way to sign in for whoever is not signed in, to set a second factor up for whoever lacks one; else a failed handler's toast.

    Failures that are not ours go to the log under the reference it shows.
    """
    if isinstance(exception, SignInNeeded):
        return browser.leave("/sign-in", is_next=True)
    if isinstance(exception, SecondFactorNeeded):
        return browser.leave("/account?needs=second-factor")
    if isinstance(exception, FlyusageError):
        return browser.toast("error", exception.sentence)
    reference = secrets.token_hex(4)
    _log.error("handler_failed", reference=reference, exc_info=exception)
    return browser.toast(
        "error", "That failed on the server, and nothing was changed.", detail=f"Reload the page. The server's log has it as {reference}."
    )


def browser_failed(exception: Exception) -> None:
    """A line in the log of what a page says failed in the browser: anybody can say it, of any length, so it is cut."""
    _log.warning("browser_failed", what=str(exception)[:LONGEST_TOLD])


def answer(_request: Request, error: Exception) -> Response:
    """The plain answer to a request that failed in a way somebody can do something about."""
    assert isinstance(error, FlyusageError)
    headers = {"cache-control": "no-store"} | ({"retry-after": str(error.retry_after_s)} if isinstance(error, TooManyAttempts) else {})
    return PlainTextResponse(error.sentence + "\n", status_code=error.status, headers=headers)


class UnknownEvent(logging.Filter):
    """Says that an unknown event was refused, in a line. Reflex would write the whole event, its sender's cookies included."""

    LOGGER = "reflex_base.event.processor.event_processor"

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite Reflex's record of it; any other record passes as it is."""
        if record.getMessage().startswith("Error processing event queue entry for"):
            failure = record.exc_info[1] if record.exc_info else None
            record.msg, record.args, record.exc_info, record.exc_text = f"Event refused: {str(failure)[:200]}", (), None, None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def hide_unknown_events() -> None:
    """Put the filter in place; repeating it changes nothing."""
    logger = logging.getLogger(UnknownEvent.LOGGER)
    if not any(isinstance(each, UnknownEvent) for each in logger.filters):
        logger.addFilter(UnknownEvent())
