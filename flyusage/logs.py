"""Structured logs on standard error: for people on a console, as JSON for machines. Names from events are hostile text."""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

_SECRET_NAME = re.compile(r"passw|secret|token|authori[sz]ation|cookie|api_?key|credential|private_?key", re.IGNORECASE)
# Bounded, so that a long line of nothing but "://:" is not looked at anew from each of them to its end; what is longer is hidden whole.
_SECRET_VALUE = re.compile(
    r"(?P<before>://[^\s/:@]{0,1000}:)(?:[^\s@]{1,1000}(?=@)|[^\s@]{1000,})|(?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/=-]+", re.IGNORECASE
)
# Control characters, line and paragraph separators, and the marks that turn the direction of what follows.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MULTILINE = ("exception", "stack")  # ours, not an event's: only their newlines stay


def configure(level: str, form: Literal["console", "json"], *, stream: TextIO | None = None) -> None:
    """Send this process's logs, the libraries' included, to `stream` (standard error) from `level` on."""
    target: TextIO = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide_secrets,
                neutralise,
                _renderer(form, has_colour=target.isatty() and "NO_COLOR" not in os.environ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "sqlalchemy", "asyncio", "uvicorn.access", "websockets", "engineio", "socketio", "httpx", "opentelemetry"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def hide_secrets(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Values under a name that says secret, passwords inside URLs, and bearer tokens become `[hidden]`."""
    return {name: without_secrets(name, value) for name, value in entry.items()}


def neutralise(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Control characters, newlines and direction marks are written as escapes, so that no name can forge a line."""
    return {name: value if name in _MULTILINE else harmless(value) for name, value in entry.items()} | {
        name: "\n".join(harmless(line) for line in entry[name].splitlines()) for name in _MULTILINE if isinstance(entry.get(name), str)
    }


def harmless(value: Any) -> Any:
    """`value` with every string in it, at any depth, free of characters that act on a terminal or a log reader."""
    if isinstance(value, str):
        return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], value)
    if isinstance(value, Mapping):
        return {harmless(str(name)): harmless(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [harmless(inner) for inner in value]
    return value if isinstance(value, int | float | bool | None) else harmless(str(value))


def without_secrets(name: str, value: Any) -> Any:
    """`value`, which is kept under `name`, with passwords and tokens hidden."""
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_VALUE.sub(lambda match: (match["before"] or match["scheme"]) + HIDDEN, value)
    if isinstance(value, Mapping):
        return {inner: without_secrets(str(inner), kept) for inner, kept in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(name, inner) for inner in value]
    return value


def _renderer(form: str, *, has_colour: bool) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(default=str)
    return structlog.dev.ConsoleRenderer(colors=has_colour, exception_formatter=structlog.dev.plain_traceback)
