"""Time as the person before the screen has it: from the click, or the address's Enter, to the chart's pixels.

The stopwatch is put into every page by the benchmark; the product knows nothing of it. A chart is on the screen once two
animation frames have passed after it was put there (the page marks that with `data-painted`): the first frame paints it. It answers
to the pointer when Plotly has drawn it, too (`data-drawn`).
A click counts from the moment the browser got it, and the chart that ends it must be the clicked view's, not a refresh.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from flyusage.ui.reader import COOKIE
from tests.browsing import DESKTOP

RESTED_MS = 200
SETTLED_MS = 400  # after a chart: tables, menus and frames that come behind it

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Timed:
    """One click: `ms` to the pixels, and on the way there when the first message left, the figure came and Plotly was done.

    `answered` is 0 where the figure had come before the click.
    """

    what: str
    ms: float
    sent: float
    answered: float
    drawn: float
    size: int
    series: int


@contextmanager
def new_visitor(browser: Browser, address: str, secret: str) -> Iterator[Page]:
    """A page of a new context, signed in by `secret`: no cache, no storage."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    context.add_cookies([{"name": COOKIE, "value": secret, "url": address}])
    context.add_init_script(SCRIPT)
    try:
        yield context.new_page()
    finally:
        context.close()


def load(page: Page, address: str) -> float:
    """Milliseconds from the start of loading `address` to its first chart on the screen."""
    page.goto(address, wait_until="commit")
    return _first_chart(page)


def reload(page: Page) -> float:
    """The same for the browser's reload of the page it shows."""
    page.reload(wait_until="commit")
    return _first_chart(page)


def _first_chart(page: Page) -> float:
    painted: dict[str, Any] = page.evaluate("stopwatch.loaded()")
    page.wait_for_timeout(SETTLED_MS)
    return painted["at"]


def choose(page: Page, word: str, entry: str, *, is_rested: bool = True) -> Timed:
    """Open the menu behind `word` of the query's sentence and click `entry`; the opening is not part of the time.

    The pointer rests on the entry for 200 ms before, as a person's does, in which the page may prepare what it leads to; where it
    is not `is_rested` the click comes the moment the pointer does.
    """
    page.get_by_role("button", name=word).click()
    item = page.get_by_role("menuitem").filter(has=page.get_by_text(entry, exact=True))
    if is_rested:
        item.hover()
    page.wait_for_timeout(RESTED_MS)
    page.evaluate("stopwatch.arm()")
    item.click(no_wait_after=True)
    timed: dict[str, Any] = page.evaluate("stopwatch.clicked()")
    page.wait_for_timeout(SETTLED_MS)
    return Timed(f"{word} {entry}", **{name: round(value, 1) for name, value in timed.items()})
