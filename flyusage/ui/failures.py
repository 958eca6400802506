"""What a person sees when a handler fails: our own errors in their own words, everything else by its log entry."""

import logging
import re
import secrets
import time
import traceback
from pathlib import Path

import structlog
from reflex.event import EventSpec
from reflex_base.event.context import EventContext
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from flyusage.auth.errors import SecondFactorNeeded, SignInNeeded, TooManyAttempts
from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.reader import SignedOut, is_in_tab

LONGEST_TOLD = 2_000
LONGEST_LINE = 200
OURS = Path(__file__).parents[1]

_log = structlog.get_logger(__name__)


def report(exception: Exception) -> EventSpec | None:
    """The way to sign in for whoever is not signed in, to set a second factor up for whoever lacks one; else a failed handler's toast.

    Failures that are not ours go to the log under the reference it shows. Nothing for who is signed out while their tab shows a document
    of another session already: a watch of the document before would lead the new one away, as after a change of the password.
    """
    if isinstance(exception, SignedOut) and not is_in_tab(EventContext.get().token, exception.secret):
        return None
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


def gone(_request: Request, _error: Exception) -> Response:
    """To a client that went while it was still sending: nobody reads it, and nothing failed."""
    return Response(status_code=400)


class OfClients(logging.Filter):
    """What the libraries below say of a client that sends nonsense, in one line and without what it sent, which may hold a secret.

    They would write whole events, their senders' cookies included, and a trace for each odd frame: anybody can connect, and a small
    frame would be kilobytes of the log. So some are told a minute, and then that there are more.
    """

    LOGGERS = ("reflex_base.event.processor.event_processor", "reflex.app", "engineio.server", "socketio.server")
    MOST, SECONDS = 60, 60.0

    def __init__(self) -> None:
        super().__init__()
        self._began, self._told = time.monotonic(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite what such a record says; False where enough was said of late. Any other record passes as it is."""
        said, failure = record.getMessage(), record.exc_info[1] if record.exc_info else None
        if failure is not None and _is_ours(failure):
            return True
        if failure is not None and (said.startswith("Error processing event queue entry for") or "handler error" in said):
            self._say(record, f"{'Event' if said.startswith('Error') else 'Frame'} refused: {_without_what_was_sent(str(failure))}")
        elif failure is None and (shorter := _without_what_was_sent(said)) != said:
            self._say(record, shorter)
        else:
            return True
        now = time.monotonic()
        if now - self._began >= self.SECONDS:
            self._began, self._told = now, 0
        self._told += 1
        if self._told == self.MOST:
            record.msg = f"{record.msg} More of this kind is not told for a minute."
        return self._told <= self.MOST

    @staticmethod
    def _say(record: logging.LogRecord, line: str) -> None:
        record.msg, record.args, record.exc_info, record.exc_text = line, (), None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"


def be_brief_of_clients() -> None:
    """Put the filter in place; repeating it changes nothing."""
    for name in OfClients.LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()  # what has no level yet is given a handler of its own, which passes ours by
        logger.setLevel(logging.WARNING)
        if not any(isinstance(each, OfClients) for each in logger.filters):
            logger.addFilter(OfClients())


def _is_ours(failure: BaseException) -> bool:
    """Whether it was raised in a handler of ours, or below: no matter of what a client sent."""
    return any(Path(frame.filename).is_relative_to(OURS) for frame in traceback.extract_tb(failure.__traceback__))


def _without_what_was_sent(said: str) -> str:
    return re.split(r"\.? Event data:| event data:|Event data must be", said, maxsplit=1)[0][:LONGEST_LINE]
