"""Spans of what the processes do, sent to an OpenTelemetry collector where FLYUSAGE_TRACES_URL names one. Nothing in them names a tenant.

A span says which route, page event, job or kind of statement it was, how long it took and how it ended: no address, no parameter, no name, no
text of an error. FastAPI's and SQLAlchemy's own instrumentation write those, so that ours stands in their place. Its provider is no
global one, which libraries would find and write into.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import event

from flyusage import __version__
from flyusage.config import settings
from flyusage.errors import FlyusageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SEND_SECONDS = 3  # for a batch with all its tries; what cannot be sent by then is dropped
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_][a-z_0-9]*)", re.IGNORECASE)
_TEXT = re.compile(r"'(?:[^']|'')*'")
_SPAN = "flyusage_span"
_none = NoOpTracerProvider().get_tracer("flyusage")
_tracer: trace.Tracer = _none
_provider: "TracerProvider | None" = None


class TracingUnavailable(FlyusageError):
    """Spans are asked for, and what sends them is not installed."""

    code = "tracing_unavailable"
    status = 500


def start(process: str) -> None:
    """Send this process's spans (`server` or `worker`), if FLYUSAGE_TRACES_URL is set. Raises TracingUnavailable."""
    global _tracer, _provider
    chosen = settings()
    if chosen.traces_url is None or _provider is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise TracingUnavailable(
            "FLYUSAGE_TRACES_URL is set, and nothing here sends spans. Install flyusage[tracing], or unset it."
        ) from error
    share = TraceIdRatioBased(chosen.traces_share)
    named = {"service.name": "flyusage", "service.version": __version__, "flyusage.process": process}
    # a caller's traceparent joins its trace; whether it is sent is ours to say
    _provider = TracerProvider(
        resource=Resource.create(named), sampler=ParentBased(share, remote_parent_sampled=share), shutdown_on_exit=False
    )
    sender = OTLPSpanExporter(endpoint=chosen.traces_url, headers=chosen.traces_headers_by_name, timeout=SEND_SECONDS)
    _provider.add_span_processor(BatchSpanProcessor(sender))
    _tracer = _provider.get_tracer("flyusage", __version__)


def stop() -> None:
    """Send what is left, for three seconds at most, and be still."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer, _provider = _none, None


def is_on() -> bool:
    """Whether spans are sent."""
    return _provider is not None


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, **about: str | int) -> Iterator[Span]:
    """A span around what is done in the block; an error marks it by its class alone. `about`: attributes, dots written as `__`."""
    attributes = {key.replace("__", "."): value for key, value in about.items()}
    with _tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except BaseException as error:
            failed(begun, type(error).__name__)
            raise


def begin(name: str, **about: str | int) -> Span:
    """A span that is current for the rest of the task it is begun in; whoever begins it ends it."""
    begun = _tracer.start_span(name, attributes={key.replace("__", "."): value for key, value in about.items()})
    context.attach(trace.set_span_in_context(begun))
    return begun


def method_of(given: str) -> str:
    """A request's method; `_OTHER` for one of a sender's own making, as OpenTelemetry has it. Pure."""
    return given if given in METHODS else "_OTHER"


def failed(one: Span, kind: str) -> None:
    """Mark a span as failed: by what, in a word."""
    one.set_attribute("error.type", kind)
    one.set_status(StatusCode.ERROR)


def parent_of(headers: Mapping[str, str]) -> Context:
    """The caller's trace, if its `traceparent` names one."""
    return TraceContextTextMapPropagator().extract({"traceparent": headers.get("traceparent", "")})


def watch(engine: sa.Engine) -> sa.Engine:
    """`engine`, a span around each of its statements: what it does and to which tables, never its values."""
    if is_on():
        event.listen(engine, "before_cursor_execute", _before)
        event.listen(engine, "after_cursor_execute", _after)
        event.listen(engine, "handle_error", _error)
    return engine


def _before(_connection: sa.Connection, _cursor: Any, statement: str, _parameters: Any, execution: Any, _many: bool) -> None:
    summary, operation = summary_of(statement)
    if execution is not None:
        about = {"db.system.name": "postgresql", "db.operation.name": operation, "db.query.summary": summary}
        setattr(execution, _SPAN, _tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=about))


def _after(_connection: sa.Connection, _cursor: Any, _statement: str, _parameters: Any, execution: Any, _many: bool) -> None:
    if (begun := getattr(execution, _SPAN, None)) is not None:
        begun.end()


def _error(failure: Any) -> None:
    if (begun := getattr(failure.execution_context, _SPAN, None)) is not None:
        failed(begun, type(failure.original_exception).__name__)
        begun.end()


def summary_of(statement: str) -> tuple[str, str]:
    """(`SELECT usage_event app`, `SELECT`): what a statement does, and to which tables, three at most. Pure."""
    operation = (re.findall(r"[A-Za-z]+", statement[:200]) or ["STATEMENT"])[0].upper()
    tables = list(dict.fromkeys(_TABLE.findall(_TEXT.sub("''", statement))))[:3]
    return " ".join([operation, *tables]), operation
