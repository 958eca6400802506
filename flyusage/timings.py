"""How long this process took for what browsers ask: page loads, plain requests of pages, page events. Nothing in it names a tenant.

Labels are routes as they are declared and handlers by name, never an address: what a client makes up is `none`.
"""

from prometheus_client import CollectorRegistry, Histogram

NONE = "none"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

registry = CollectorRegistry(auto_describe=True)
_pages = Histogram(
    "flyusage_page_request_seconds",
    "Page loads and the plain requests that belong to pages, by route as declared, until the answer begins.",
    ("route", "status"),
    buckets=SECONDS,
    registry=registry,
)
_events = Histogram(
    "flyusage_page_event_seconds",
    "What pages ask over their websocket, by handler, until it is done.",
    ("handler",),
    buckets=SECONDS,
    registry=registry,
)


def count_page_request(route: str, status: int, seconds: float) -> None:
    """Note a page's load, or a download or form of one."""
    _pages.labels(route or NONE, str(status)).observe(seconds)


def count_page_event(handler: str, seconds: float) -> None:
    """Note an event of a page: its State and handler, as `Tokens.create`."""
    _events.labels(handler).observe(seconds)
