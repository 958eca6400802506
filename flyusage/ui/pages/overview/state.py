"""The overview's state: frozen display rows of the organization in the address, kept fresh while the page is open."""

from typing import Literal

import reflex as rx

from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.pricing.view import Answer
from flyusage.ui import browser, live
from flyusage.ui.components.plotly_chart import ChartPoint
from flyusage.ui.pages.explorer.paths import Place
from flyusage.ui.pages.overview import pinned, question
from flyusage.ui.pages.overview.figure import Places, map_figure
from flyusage.ui.pages.overview.first_events import FirstEvents
from flyusage.ui.pages.overview.rows import Pinned, Screen
from flyusage.ui.session import slug_in

MONTH_CHART, MAP_CHART = "month", "regions"


class Overview(rx.State):
    """What the overview shows. `phase` is loading, ready, empty (no events yet) or failed."""

    phase: Literal["loading", "ready", "empty", "failed"] = "loading"
    screen: Screen = Screen()
    first: FirstEvents = FirstEvents()
    pinned: list[Pinned] = []
    problem: str = ""
    is_loading: bool = True

    zoomed_to: list[str] = []

    _shown: str = ""
    _regions: Answer | None = None
    _places: Places = {}

    @rx.event
    async def load(self):
        """Show the organization in the address, then keep watching it."""
        slug = self._slug()
        if slug != self._shown:
            self.phase, self._shown, self.zoomed_to, self.pinned = "loading", slug, [], []
        self.is_loading = True
        yield
        try:
            answered = await question.ask(slug, self._address())
        except FlyusageError as error:
            self.phase, self.problem, self.is_loading = "failed", error.sentence, False
            return
        for drawing in self._show(answered):
            yield drawing
        yield
        self.pinned = await pinned.ask(slug)
        yield Overview.watch

    @rx.event(background=True)
    async def watch(self):
        """Show what new events change, within seconds, while the page is open."""
        async for _ in live.changes(self):
            slug = self._slug()
            answered, tiles = await question.ask(slug, self._address()), await pinned.ask(slug)
            async with self:
                self.pinned = tiles
                for drawing in self._show(answered):
                    yield drawing

    def _slug(self) -> str:
        return slug_in(self.router.url.path)

    def _address(self) -> str:
        return settings().address

    def _show(self, answered: question.Answered):
        self.is_loading = False
        self._regions, self._places = answered.regions, answered.places
        if answered.screen is None:
            self.phase, self.first = "empty", answered.first
            return
        self.phase, self.screen = "ready", answered.screen
        yield browser.draw(MONTH_CHART, answered.month)
        yield self._map()

    def _map(self):
        assert self._regions is not None
        return browser.draw(MAP_CHART, map_figure(self._regions, self._places, zoomed_to=self.zoomed_to))

    @rx.event
    def follow_region(self, point: ChartPoint):
        """Into the explorer, down the clicked region; a bubble of several spreads apart first."""
        keys = point.get("customdata") if isinstance(point, dict) else None
        if self._regions is None or not isinstance(keys, list):
            return
        known = [series.key for series in self._regions.series if series.key in keys]
        if len(known) == 1:
            yield rx.redirect(Place(slug_in(self.router.url.path), self._regions.view).down(known[0]))
        elif known:
            self.zoomed_to = known
            yield self._map()

    @rx.event
    def show_world(self):
        """The whole map again."""
        self.zoomed_to = []
        if self._regions is not None:
            yield self._map()
