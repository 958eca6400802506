"""Saved views: the list's state, on their page and in the explorer's menu. What is kept is the address, so that nothing else is held."""

import asyncio
from functools import partial
from typing import Any, Literal

import reflex as rx

from flyusage.alerts.saved_views import LONGEST_NAME, Change
from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import id_in, text_in
from flyusage.ui.pages.views import question
from flyusage.ui.pages.views.question import Screen
from flyusage.ui.session import slug_in


class SavedViews(rx.State):
    """The views that the reader may open. `phase` is loading, ready or failed; `refusal` says why one could not be saved."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""
    is_open: bool = False

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the list."""
        slug = slug_in(self.router.url.path)
        if slug != self._shown:
            self.phase, self._shown, self.screen = "loading", slug, Screen()
            yield
        await self._show(slug)

    @rx.event
    async def open_menu(self, is_open: bool):
        """Open or close the explorer's menu; opening reads the list and what the present view would be called."""
        self.is_open, self.refusal = bool(is_open), ""
        if self.is_open:
            self._shown = slug_in(self.router.url.path)
            await self._show(self._shown, dict(self.router.url.query_parameters))

    @rx.event
    async def save(self, form: dict[str, Any]):
        """Keep the explorer's present view under the form's `name`; `moves`, `is_shared` and `is_pinned` are ticked or not."""
        slug, query = slug_in(self.router.url.path), dict(self.router.url.query_parameters)
        chosen = {name: bool(text_in(form, name)) for name in ("moves", "is_shared", "is_pinned")}
        try:
            name = await asyncio.to_thread(partial(question.save, slug, query, text_in(form, "name", longest=LONGEST_NAME + 1), **chosen))
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal, self.is_open = "", False
        where = "It is on the overview, too." if chosen["is_pinned"] else "It is in this menu, and in Jump to."
        yield browser.toast("success", f"{name} is saved.", detail=where)

    @rx.event
    async def rename(self, form: dict[str, Any]):
        """Give the view of the form's `id` its `name`."""
        await self._change(text_in(form, "id"), Change(name=text_in(form, "name", longest=LONGEST_NAME + 1)))

    @rx.event
    async def share(self, view_id: str, is_shared: bool):
        """Let everybody here open a view, or its owner alone."""
        await self._change(view_id, Change(is_shared=bool(is_shared)))

    @rx.event
    async def pin(self, view_id: str, is_pinned: bool):
        """Put a view on the overview of whoever sees it, or take it off."""
        await self._change(view_id, Change(is_pinned=bool(is_pinned)))

    @rx.event
    async def delete(self, view_id: str):
        """Forget a view."""
        if (number := id_in(view_id)) is not None:
            slug = slug_in(self.router.url.path)
            name = await asyncio.to_thread(question.delete, slug, number)
            await self._show(slug)
            yield browser.toast("success", f"{name} is deleted.")

    async def _change(self, view_id: str, wanted: Change) -> None:
        if (number := id_in(view_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        await asyncio.to_thread(question.change, slug, number, wanted)
        await self._show(slug)

    async def _show(self, slug: str, query: dict[str, str] | None = None) -> None:
        try:
            answered = await asyncio.to_thread(question.ask, slug, query)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        else:
            self.phase, self.screen = "ready", answered or Screen()
