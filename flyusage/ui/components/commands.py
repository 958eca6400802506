"""The command palette and the list of keys: what every page of an organization answers to."""

import asyncio

import reflex as rx
from reflex.event import EventHandler
from reflex.vars import Var
from reflex_base.event import passthrough_event_spec

from flyusage.ui import finder
from flyusage.ui.finder import Find
from flyusage.ui.session import slug_in

LONGEST_SEARCH = 500


class Palette(rx.State):
    """What the palette's search found, and for which text."""

    found: list[Find] = []
    found_for: str = ""

    @rx.event
    async def search(self, text: str):
        """Find apps, machines and regions whose name holds `text`, in the organization that the address names."""
        wanted = text[:LONGEST_SEARCH] if isinstance(text, str) else ""
        slug = slug_in(self.router.url.path)
        self.found = await asyncio.to_thread(finder.find, slug, wanted)
        self.found_for = wanted


class _Commands(rx.Component):
    library = "$/flyusage/commands"
    tag = "Commands"
    found: Var[list[Find]]
    found_for: Var[str]
    permitted: Var[list[str]]
    on_search: EventHandler[passthrough_event_spec(str)]


def commands(permitted: Var[list[str]]) -> rx.Component:
    """The "Jump to…" button with its palette (Ctrl/Cmd-K), the keys' dialog (?), and the keys themselves.

    `permitted` are the pages among those that need a permission (see `Header.pages`) which the reader may open.
    """
    return _Commands.create(found=Palette.found, found_for=Palette.found_for, permitted=permitted, on_search=Palette.search)
