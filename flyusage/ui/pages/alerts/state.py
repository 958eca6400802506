"""The alerts page's state: frozen display rows, and what can be done to endpoints and deliveries."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.alerts.endpoints import TOPICS
from flyusage.errors import FlyusageError
from flyusage.ui import browser, elsewhere
from flyusage.ui.addresses import id_in, text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.alerts import question
from flyusage.ui.pages.alerts.question import Screen
from flyusage.ui.session import slug_in

FIELDS = ("name", "url", "kind", *TOPICS)
LONGEST_FIELD = 2_100
SHOWN_IN = "endpoint-secret"  # the element that shows one


class Alerts(rx.State):
    """Anomalies, endpoints and deliveries. `phase` is loading, ready or failed.

    `secret_name` is that of the endpoint whose new secret the page alone holds (`browser.reveal`).
    """

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""
    secret_name: str = ""

    _shown: str = ""

    @rx.event
    async def load(self):
        """Show what there is now."""
        slug = slug_in(self.router.url.path)
        self.refusal, self.secret_name = "", ""
        if slug != self._shown:
            self.phase, self._shown = "loading", slug
            yield
        await self._show(slug)

    @rx.event
    async def add(self, form: dict[str, Any]):
        """Make the endpoint that the form describes, and show its secret."""
        slug = slug_in(self.router.url.path)
        given = {name: text_in(form, name, longest=LONGEST_FIELD) for name in FIELDS}
        try:
            made = await asyncio.to_thread(question.add, slug, given)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal, self.secret_name = "", visible(made.endpoint.name) if made.secret else ""
        await self._show(slug)
        yield browser.reveal(SHOWN_IN, made.secret)
        yield browser.toast("success", f"{visible(made.endpoint.name)} is told from now on.", detail="Send a test to see that it arrives.")

    @rx.event
    async def rotate(self, endpoint_id: str):
        """Make a new secret for a webhook, and show it."""
        if (number := id_in(endpoint_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        made = await asyncio.to_thread(question.rotate, slug, number)
        self.secret_name = visible(made.endpoint.name)
        await self._show(slug)
        yield browser.reveal(SHOWN_IN, made.secret)

    @rx.event
    async def forget(self):
        """Stop showing the secret."""
        self.secret_name = ""
        yield browser.reveal(SHOWN_IN, "")

    @rx.event
    async def remove(self, endpoint_id: str):
        """Remove an endpoint."""
        if (number := id_in(endpoint_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        name = await asyncio.to_thread(question.remove, slug, number)
        await self._show(slug)
        yield browser.toast("success", f"{visible(name)} is removed.")

    @rx.event
    async def test(self, endpoint_id: str):
        """Send a test message and say how it was answered."""
        if (number := id_in(endpoint_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        is_taken, answer = await elsewhere.asked(slug, question.test, slug, number)
        await self._show(slug)
        title = "The test message was taken." if is_taken else "The test message was not taken."
        yield browser.toast("success" if is_taken else "error", title, detail=answer)

    @rx.event
    async def replay(self, delivery_id: str):
        """Send a message once more."""
        if (number := id_in(delivery_id)) is None:
            return
        slug = slug_in(self.router.url.path)
        await asyncio.to_thread(question.replay, slug, number)
        await self._show(slug)
        yield browser.toast("success", "It is sent once more.", detail="Under the same id, so that a receiver knows it.")

    async def _show(self, slug: str) -> None:
        try:
            answered = await asyncio.to_thread(question.ask, slug)
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
        else:
            self.phase, self.screen = "ready", answered or Screen()
