"""Takes a page outside of any organization away from whoever may no longer see it: the account's, staff's, the list of organizations.

Pages of an organization have `Frame.watch` for that.
"""

import asyncio
from typing import TypeAlias
from urllib.parse import urlencode

import reflex as rx

from flyusage.ui import browser, live
from flyusage.ui.session import Person, open_organizations, present_person

Standing: TypeAlias = tuple[Person, tuple[int, ...]]
KEPT = "/account"  # shows recovery codes once: what changed of its reader is no reason to load it anew


class Presence(rx.State):
    """Watches over an open page. Nothing of it is shown."""

    _path: str = ""
    _shown: Standing | None = None

    @rx.event
    async def load(self):
        """Note what the reader of the page is as it is loaded, and begin to watch, unless this tab is watched already."""
        self._path, self._shown = self.router.url.path, await asyncio.to_thread(_standing)
        return None if live.is_watched(self) else browser.start(Presence.watch)

    @rx.event(background=True)
    async def watch(self):
        """Lead whoever is signed out to the sign-in page, and load the page anew where its reader's organizations or roles as staff are others.

        That somebody is signed out is said by SignInNeeded, which `failures.report` answers. A page that the tab has gone on to is
        watched as one of an organization, noted as it was loaded, or anybody's: where somebody signs in.
        """
        async for _ in live.departures(self):
            async with self:
                path, query, loaded = self.router.url.path, dict(self.router.url.query_parameters), self._path
            if path != loaded:
                continue
            now = await asyncio.to_thread(_standing)
            async with self:
                before, self._shown = self._shown, now
            if before in (None, now) or path == KEPT:
                continue
            async with self:
                self._get_root_state().reset()
            yield browser.leave(f"{path}?{urlencode(query)}" if query else path)
            return


def _standing() -> Standing:
    """What the reader is, and where they belong. Raises SignInNeeded."""
    return present_person(), tuple(one.id for one in open_organizations())
