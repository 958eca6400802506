"""The pages in Chromium, with browser, server and database on the same cores: clicks, loads, bytes and memory.

Warm, as in any server that has been asked before, are Postgres's pages and plans, the price table and the month's colours; the
browser's own cache is empty for a cold load only. The product tells another measure or chart of the same usage from what it has just
found, for half a minute; so each round of clicks is about other days, of which nobody has asked, and a grouping is new in each.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from itertools import product
from typing import TypeAlias

from playwright.sync_api import Browser, Page, sync_playwright

from flyusage.ui.reader import COOKIE
from tests.bench import open_pages, stopwatch, tabs
from tests.bench.access import owner_signed_in
from tests.bench.database import Measured
from tests.bench.report import Row, spread
from tests.bench.served import Served, serving
from tests.bench.stopwatch import Timed
from tests.bench.wire import counted
from tests.browsing import launch

Visit: TypeAlias = Callable[[], AbstractContextManager[Page]]

EXPLORER = "/orgs/demo/usage"
LOADS = 12
ROUNDS = 4
TABS = (40, 140)
FEWEST_SERIES = 20

# name, days (None: all there are), granularity, and what its clicks may take: p50 and p95 in milliseconds
RANGES = (
    ("13 months daily", None, "day", 150, 250),
    ("31 days hourly", 31, "hour", 300, 450),
)
LAST_DAY = date(2026, 11, 1)
# A person's pointer is on an entry for a while before the click; a click without that finds nothing prepared.
HOW = (("", True), (", at once", False))
# Each click of a round asks another question than the one before it. Those whose chart has fewer
# series are on the way and not counted.
WALK = (
    ("Group by:", "sku"), ("Group by:", "app"), ("Measure:", "machine-hours"), ("Chart:", "lines"), ("Measure:", "vCPU-hours"),
    ("Chart:", "share"), ("Measure:", "memory"), ("Chart:", "stacked area"), ("Measure:", "running machines"), ("Chart:", "stacked bars"),
    ("Measure:", "cost"), ("Chart:", "stacked area"),
)  # fmt: skip


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Every figure of the pages, in milliseconds, seconds and bytes."""
    with serving(measured.folder / "pages.log") as served:
        secret = owner_signed_in(measured.org_id)
        with _chromium() as browser:
            visit = partial(stopwatch.new_visitor, browser, served.address, secret)
            greeting = _overheard(visit, served.address)
            loads = _loads(visit, served.address)
            clicks = {
                f"{name}{how}": _clicks(visit, partial(_at, served.address, days, per, measured), is_rested=is_rested)
                for name, days, per, *_ in RANGES
                for how, is_rested in HOW
            }
            memory, worker = served.memory, served.worker_memory
            sent = _bytes(visit, served, measured)
            followed, followed_ms = open_pages.measure(browser, served.address, measured)
        held = tabs.held_open(served.address, f"{COOKIE}={secret}", greeting, TABS, lambda: served.memory)
    per_tab = {way: (getattr(held[1], way) - getattr(held[0], way)) / (TABS[1] - TABS[0]) for way in ("rss", "uss")}
    rows = [*_click_rows(clicks), *_load_rows(loads), *_byte_rows(sent)]
    rows += [
        Row("server memory after the clicks (RSS)", memory.rss / 1e6, 300, "MB", note=f"worker beside it {worker.rss / 1e6:.0f} MB"),
        Row("memory per connected client", per_tab["rss"] / 1e3, 400, "kB", note=f"its own pages {per_tab['uss'] / 1e3:.0f} kB"),
        *followed,
    ]
    return rows, {
        "clicks": {name: [asdict(each) for each in timed] for name, timed in clicks.items()},
        "spread": {name: _spreads(timed) for name, timed in clicks.items()},
        "loads": {name: {"ms": each, **spread(each)} for name, each in loads.items()},
        "bytes": sent,
        **followed_ms,
        "memory": {
            "server": asdict(memory),
            "worker": asdict(worker),
            "with tabs": {n: asdict(m) for n, m in zip(TABS, held, strict=True)},
        },
    }


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def _overheard(visit: Visit, address: str) -> str:
    """The first message that the explorer's page sends; and everything has been loaded once."""
    said: list[str] = []
    with visit() as page:
        page.on("websocket", lambda socket: socket.on("framesent", lambda payload: said.append(str(payload))))
        stopwatch.load(page, address + EXPLORER)
    return next(message for message in said if message.startswith("40"))


def _loads(visit: Visit, address: str) -> dict[str, list[float]]:
    """New visitors, each of whom reloads the page once."""
    times: dict[str, list[float]] = {"cold": [], "warm": [], "overview cold": [], "overview warm": []}
    for path, prefix in ((EXPLORER, ""), ("/orgs/demo", "overview ")):
        for _ in range(LOADS):
            with visit() as page:
                times[f"{prefix}cold"].append(round(stopwatch.load(page, address + path), 1))
                times[f"{prefix}warm"].append(round(stopwatch.reload(page), 1))
    return times


def _clicks(visit: Visit, at: Callable[[int], str], *, is_rested: bool = True) -> list[Timed]:
    """The walk, some rounds of it, each from an address of its own; the first clicks on a page are not counted."""
    walked = []
    with visit() as page:
        for turn in range(ROUNDS):
            stopwatch.load(page, at(turn if is_rested else ROUNDS + turn))
            stopwatch.choose(page, "Measure:", "memory")
            stopwatch.choose(page, "Measure:", "cost")
            walked += [stopwatch.choose(page, word, entry, is_rested=is_rested) for word, entry in WALK]
    return [timed for timed in walked if timed.series >= FEWEST_SERIES]


def _bytes(visit: Visit, served: Served, measured: Measured) -> dict[str, dict[str, object]]:
    """Compressed bytes to the browser: of a first load, and of each chart of a walk with all that comes with it."""
    found: dict[str, dict[str, object]] = {}
    with counted(served.address) as wire:
        for name, days, per, *_ in RANGES:
            with visit() as page:
                before = wire.down
                stopwatch.load(page, _at(wire.address, days, per, measured, 0))
                first, charts = wire.down - before, []
                for word, entry in WALK:
                    before = wire.down
                    stopwatch.choose(page, word, entry)
                    charts.append(wire.down - before)
                found[name] = {"first load": first, "charts": charts, **spread(charts)}
        with visit() as page:
            before = wire.down
            stopwatch.load(page, wire.address + EXPLORER)
            found["as it opens"] = {"first load": wire.down - before}
    return found


def _at(address: str, days: int | None, per: str, measured: Measured, turn: int) -> str:
    """The explorer by region over days that no other turn asks for: that by app is new to each."""
    end = (measured.history.end.date() if days is None else LAST_DAY) - timedelta(days=turn)
    start = measured.history.start.date() if days is None else end - timedelta(days=days)
    return f"{address}{EXPLORER}?by=region&from={start}&to={end}&per={per}"


def _spreads(timed: Sequence[Timed]) -> dict[str, object]:
    """Of the whole and of its parts: to the first message, the answer, Plotly's end and the pixels."""
    parts = {
        "to the server": [each.sent for each in timed],
        "answer": [each.answered - each.sent for each in timed],
        "apply and draw": [each.drawn - each.answered for each in timed],
        "on the screen": [each.ms - each.drawn for each in timed],
    }
    kinds = {what: [each.ms for each in timed if each.what == what] for what in dict.fromkeys(each.what for each in timed)}
    return {"all": spread([each.ms for each in timed]), **{name: spread(each) for name, each in {**parts, **kinds}.items()}}


def _click_rows(clicks: dict[str, list[Timed]]) -> list[Row]:
    rows = []
    for (name, *_, middle, most), (how, _) in product(RANGES, HOW):
        found = spread([each.ms for each in clicks[name + how]])
        for key, bound in (("p50", middle), ("p95", most)):
            value, note = float(found[key] or 0), f"{found['n']} clicks, slowest {found['max']:.0f} ms"
            rows.append(Row(f"click → painted, {name} × 20 series{how}, {key}", value, bound, "ms", note=note))
    return rows


def _load_rows(loads: dict[str, list[float]]) -> list[Row]:
    rows = []
    for name, bound in (("cold", 2), ("warm", 0.8)):
        found, other = spread(loads[name]), spread(loads[f"overview {name}"])
        note = f"p95 {found['p95'] / 1000:.2f} s of {found['n']}; the overview {other['p50'] / 1000:.2f} s"  # type: ignore[operator]
        title = "cold load to the first chart" if name == "cold" else "warm reload to the chart"
        rows.append(Row(title, float(found["p50"] or 0) / 1000, bound, "s", note=note))
    return rows


def _byte_rows(sent: dict[str, dict[str, object]]) -> list[Row]:
    charts = {name: sent[name] for name, *_ in RANGES}
    most = max(float(str(each["max"])) for each in charts.values())
    note = ", ".join(f"{name} {float(str(each['p50'])) / 1000:.0f} kB p50" for name, each in charts.items())
    first = float(str(sent["as it opens"]["first load"]))
    return [
        Row("bytes on the wire per chart, the largest", most / 1000, 90, "kB", note=note),
        Row("first load, compressed", first / 1000, 800, "kB"),
    ]
