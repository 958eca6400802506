"""What browser tests share beside their fixtures (`e2e/conftest.py`)."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import forked
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Playwright, expect

ARTEFACTS = Path(__file__).parent / "artefacts"
ARE_ALL_KEPT = "FLYUSAGE_TEST_PICTURES" in os.environ
FAILED: set[str] = set()  # tests by name
DESKTOP, PHONE = {"width": 1440, "height": 960}, {"width": 390, "height": 844}

# How long a test waits for what it expects, on a machine that does other things, too. No promise of speed: those are measured (bench).
expect.set_options(timeout=20_000)

# A headless shell draws no window of its own around each page: a third of the processor's time per context.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

# Debian's Chromium reaches for the network and for a sandbox that a container does not have.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--process-per-site",
)  # fmt: skip


# Colours on their way from one theme to the other are neither's.
SETTLED = "async () => { await Promise.allSettled(document.getAnimations().filter(one => one instanceof CSSTransition).map(one => one.finished)) }"

# A toast is there for four seconds: what each one said is kept, for a test that comes to look at it later than that.
KEEP_TOASTS = """
window.toasts = [];
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes)
      if (node instanceof Element)
        for (const toast of node.matches("[data-sonner-toast]") ? [node] : node.querySelectorAll("[data-sonner-toast]"))
          window.toasts.push(toast.textContent);
}).observe(document, { childList: true, subtree: true });
"""
KEEP_WORDS = """(button) => {
  const said = [];
  new MutationObserver(() => said.push(button.textContent)).observe(button, { childList: true, characterData: true, subtree: true });
  return said;
}"""


class OpenPage(Protocol):
    """Opens a path of the site in a fresh browser context, whose clock shows `zone` (an IANA name)."""

    def __call__(self, path: str, *, is_phone: bool = False, is_dark: bool = False, zone: str = "UTC") -> Page: ...


@dataclass(frozen=True)
class Site:
    """A running server. `settings` point another process (a command line) at the same database."""

    address: str
    settings: dict[str, str]

    def run(self, *command: str) -> None:
        """Run a `flyusage` command on the site's database."""
        self.told(*command)

    def told(self, *command: str) -> str:
        """As `run`; what the command printed."""
        said = forked.run(*command, settings=self.settings)
        assert said.code == 0, said.err
        return said.out


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a context is made for; `person` counts those of a test, 0 is whoever has no context of their own."""

    is_phone: bool
    zone: str
    is_calm: bool = False
    person: int = 0


@dataclass
class WarmContexts:
    """Browser contexts in which tests follow each other, of one site at a time; what ran the last page's scripts runs the next one's.

    A page is there for a third less of the processor's time than in a context of its own, which compiles every script anew. Each test
    finds a context as new: without cookies, permissions or anything stored.
    """

    browser: Browser
    _address: str = ""
    _kept: dict[_Look, tuple[BrowserContext, Page]] = field(default_factory=dict)
    _people: int = 0  # of the present test

    def page(self, address: str, *, is_phone: bool, is_dark: bool, zone: str) -> Page:
        """An empty page of the site at `address`, of the person that all these pages of a test are of."""
        return self._page(address, _Look(is_phone=is_phone, zone=zone), is_dark=is_dark)

    def somebodys(self, address: str, *, is_phone: bool = False, is_dark: bool = False, is_calm: bool = False, zone: str = "UTC") -> Page:
        """As `page`, of one person more: in a context that no other page of this test is in. Without motion if `is_calm`."""
        self._people += 1
        return self._page(address, _Look(is_phone=is_phone, zone=zone, is_calm=is_calm, person=self._people), is_dark=is_dark)

    def _page(self, address: str, look: _Look, *, is_dark: bool) -> Page:
        if address != self._address:
            self.close()
            self._address = address
        context, _ = self._kept.get(look) or self._made(look)
        page = context.new_page()
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        return page

    def clear(self) -> None:
        """Close the pages and forget everything, but for what was compiled."""
        self._people = 0
        for context, keeper in self._kept.values():
            for page in context.pages:
                if page is not keeper:
                    _leave(page)
                    page.close()
            context.clear_cookies()
            context.clear_permissions()
            session = context.new_cdp_session(keeper)
            session.send("Storage.clearDataForOrigin", {"origin": self._address, "storageTypes": "all"})
            session.detach()

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """`clear` after the block, however it ends."""
        try:
            yield
        finally:
            self.clear()

    def close(self) -> None:
        for context, _ in self._kept.values():
            context.close()
        self._kept.clear()

    def _made(self, look: _Look) -> tuple[BrowserContext, Page]:
        context = self.browser.new_context(
            base_url=self._address,
            viewport=PHONE if look.is_phone else DESKTOP,
            has_touch=look.is_phone,
            timezone_id=look.zone,
            reduced_motion="reduce" if look.is_calm else "no-preference",
        )
        context.add_init_script(KEEP_TOASTS)
        keeper = context.new_page()  # a process ends with its last page
        keeper.goto("/healthz")
        self._kept[look] = context, keeper
        return context, keeper


def _leave(page: Page) -> None:
    """Take the page off the site. One that goes elsewhere by itself, since its reader is signed out, while it is closed may never be."""
    for _ in range(5):
        with suppress(Error):  # another way was under way
            page.goto("about:blank", timeout=5_000)
        if page.url == "about:blank":
            return


def launch(playwright: Playwright) -> Browser:
    """Playwright's own browser where it is installed, else the system's."""
    try:
        return playwright.chromium.launch(args=FLAGS)
    except Error:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        if found is None:
            pytest.fail("No browser. Install one with `playwright install chromium` or your system's packages.", pytrace=False)
        return playwright.chromium.launch(args=FLAGS, executable_path=found)


def toasted(page: Page, text: str) -> None:
    """Wait until a toast of the page has said `text`, were it gone by now. For pages of `WarmContexts`."""
    page.wait_for_function("(text) => window.toasts.some((one) => one.includes(text))", arg=text)


def copied_by(button: Locator) -> str:
    """What a click on `button` puts on the clipboard, which it says in its own place for two seconds. The context must permit both."""
    said = button.evaluate_handle(KEEP_WORDS)
    button.click()
    button.page.wait_for_function("(said) => said.includes('Copied')", arg=said)
    return button.page.evaluate("navigator.clipboard.readText()")


def press_one_after_the_other(page: Page, *keys: str) -> None:
    """Letters pressed within two tenths of a second, however long the page takes to hear of each."""
    session = page.context.new_cdp_session(page)
    now = page.evaluate("Date.now() / 1000")
    for number, key in enumerate(keys):
        event = {"key": key, "code": f"Key{key.upper()}", "timestamp": now + number / 5}
        session.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": key, **event})
        session.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
    session.detach()


def barriers(page: Page) -> list[str]:
    """What axe finds wrong with `page`, in light and then in dark, as reports; none when all is well. It stays dark.

    The system's theme changes under the open page, as at dusk: half as many loads as a page for each.
    """
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_class(re.compile(rf"\b{scheme}\b"))
        page.evaluate(SETTLED)
        told = Axe().run(page)
        if told.violations_count:
            found.append(f"{scheme}: {told.generate_report()}")
    return found


def keep_pictures(pages: list[Page], test: str, *, is_narrow: bool = True) -> None:
    """`keep_picture` of those that are still open; none may scroll sideways, if `is_narrow`."""
    for number, page in enumerate(page for page in pages if not page.is_closed()):
        keep_picture(page, test, number)
        if is_narrow:
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


def keep_picture(page: Page, test: str, number: int) -> None:
    """Keep what `page` shows now, in full length, under tests/artefacts, of a test that failed.

    Of every test with FLYUSAGE_TEST_PICTURES set: to look at, and a second of the processor each.
    """
    if test not in FAILED and not ARE_ALL_KEPT:
        return
    ARTEFACTS.mkdir(exist_ok=True)
    name = re.sub(r"[^\w-]+", "-", test).strip("-")[:80]
    page.screenshot(path=ARTEFACTS / f"{name}{f'-{number}' if number else ''}.png", full_page=True)
