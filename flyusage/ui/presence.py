"""Takes a page outside of any organization away from whoever may no longer see it: the account's, staff's, the list of organizations.

Pages of an organization have `Frame.watch` for that.
"""

import asyncio
from typing import TypeAlias
from urllib.parse import urlencode

import reflex as rx

from flyusage.auth.errors import SignInNeeded
from flyusage.ui import browser, live
from flyusage.ui.session import Person, open_organizations, present_person

Standing: TypeAlias = tuple[Person, tuple[int, ...]]
DOORS = ("/sign-in", "/forgot", "/set-password", "/sign-up", "/new-account", "/second-factor", "/invitation")
KEPT = "/account"  # shows recovery codes once: what changed of its reader is no reason to load it anew


class Presence(rx.State):
    """Watches over an open page. Nothing of it is shown."""

    _shown: Standing | None = None

    @rx.event
    async def load(self):
        """Note what the reader of the page is as it is loaded, and begin to watch, unless this tab is watched already."""
        self._shown = await asyncio.to_thread(_standing)
        return None if live.is_watched(self) else browser.start(Presence.watch)

    @rx.event(background=True)
    async def watch(self):
        """Lead whoever is signed out to the sign-in page, and load the page anew where its reader's organizations or roles as staff are others.

        That somebody is signed out is said by SignInNeeded, which `failures.report` answers. A tab that shows a page of an
        organization meanwhile is that page's to watch.
        """
        async for _ in live.departures(self):
            here = self.router.url
            try:
                now = await asyncio.to_thread(_standing)
            except SignInNeeded:
                if here.path in DOORS:  # signed out by this tab, which has gone there already and says so
                    return
                raise
            async with self:
                before, self._shown = self._shown, now
            if before in (None, now) or here.path == KEPT or here.path.startswith("/orgs/"):
                continue
            query = urlencode(dict(here.query_parameters))
            async with self:
                self._get_root_state().reset()
            yield browser.leave(f"{here.path}?{query}" if query else here.path)
            return


def _standing() -> Standing:
    """What the reader is, and where they belong. Raises SignInNeeded."""
    return present_person(), tuple(one.id for one in open_organizations())
