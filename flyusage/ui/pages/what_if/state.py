"""The what-if page's state: frozen display rows; the address holds everything that is asked."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.what_if import question
from flyusage.ui.pages.what_if.address import Choice, choice_in, pairs_in, reserved_in, what_if_href
from flyusage.ui.pages.what_if.rows import Screen
from flyusage.ui.pages.what_if.screen import OWN
from flyusage.ui.session import slug_in

RESERVATION_UNCLEAR = "That reservation is not complete."
RESERVATION_NEEDS = "It needs a region, what is paid for twelve months and the credit of a month, as plain numbers such as 144 and 20."


class WhatIfPage(rx.State):
    """What the what-if page shows. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    is_loading: bool = True

    _shown: str = ""

    @rx.event
    async def load(self):
        """Answer what the address asks."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
        self.is_loading = True
        yield
        try:
            answered = await asyncio.to_thread(question.ask, slug, choice)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        else:
            self.phase, self.screen = "ready", answered or Screen()
        self.is_loading = False

    @rx.event
    def ask(self, form: dict[str, Any]):
        """Put what the form says into the address; its move, size and reservation come on top of those there are."""
        slug, choice = self._asked()
        said = {name: text_in(form, name, longest=100).strip() for name in FIELDS}
        span = (("from", said["from"]), ("to", said["to"])) if said["range"] == OWN else (("range", said["range"]),)
        asked = choice_in(
            {
                **{name: value for name, value in span if value},
                "version": said["version"],
                "move": _with_pair(choice.moves, said["move_from"], said["move_to"]),
                "resize": _with_pair(choice.resizes, said["resize_from"], said["resize_to"]),
            }
        )
        reserved = choice.reservations
        if said["upfront"] or said["monthly"]:
            one = reserved_in(f"{said['reserve_in']}:{said['kind']}:{said['upfront']}:{said['monthly']}")
            if one is None:
                yield browser.toast("error", RESERVATION_UNCLEAR, detail=RESERVATION_NEEDS)
                return
            reserved = (*reserved, one)
        yield rx.redirect(what_if_href(slug, asked.with_(reservations=reserved)))

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), choice_in(url.query_parameters)


FIELDS = ("range", "from", "to", "version", "move_from", "move_to", "resize_from", "resize_to", "reserve_in", "kind", "upfront", "monthly")


def _with_pair(pairs: tuple[tuple[str, str], ...], source: str, target: str) -> str:
    """The pairs as an address has them, with one more, which goes before another of the same source."""
    added = pairs_in(f"{source}:{target}") if source and target else ()
    kept = tuple(one for one in pairs if one[0] not in dict(added))
    return ",".join(f"{one}:{other}" for one, other in (*added, *kept))
