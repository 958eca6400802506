"""Takes a page outside of any organization away from whoever may no longer see it: the account's, staff's, the list of organizations.

Pages of an organization have `Frame.watch` for that.
"""

import asyncio
from urllib.parse import urlencode

import reflex as rx

from flyusage.ui import browser, live
from flyusage.ui.session import Person, open_organizations, present_person

KEPT = "/account"  # shows recovery codes once: what changed of its reader is no reason to load it anew


class Presence(rx.State):
    """Watches over an open page. Nothing of it is shown."""

    @rx.event
    def load(self):
        """Begin to watch, unless this tab is watched already."""
        return None if live.is_watched(self) else browser.start(Presence.watch)

    @rx.event(background=True)
    async def watch(self):
        """Lead whoever is signed out to the sign-in page, and load the page anew where its reader's organizations or roles as staff are others.

        That somebody is signed out is said by SignInNeeded, which `failures.report` answers.
        """
        before = None
        async for _ in live.departures(self):
            now = await asyncio.to_thread(_standing)
            here = self.router.url
            if before not in (None, now) and here.path != KEPT:
                query = urlencode(dict(here.query_parameters))
                async with self:
                    self._get_root_state().reset()
                yield browser.leave(f"{here.path}?{query}" if query else here.path)
                return
            before = now


def _standing() -> tuple[Person, tuple[int, ...]]:
    """What the reader is, and where they belong. Raises SignInNeeded."""
    return present_person(), tuple(one.id for one in open_organizations())
