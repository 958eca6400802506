"""The audit page's state: frozen display rows; the address holds the filters and where the page begins."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui.pages.audit import question
from flyusage.ui.pages.audit.address import audit_href, choice_in, first_page
from flyusage.ui.pages.audit.rows import Screen
from flyusage.ui.session import slug_in


class AuditPage(rx.State):
    """What the audit shows. `phase` is loading, ready or failed; `problem` says why it failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""

    @rx.event
    async def load(self):
        """Show the entries in the address."""
        url = self.router.url
        slug = slug_in(url.path)
        if not self.screen.key.startswith(f"/orgs/{slug}/"):
            self.phase, self.screen = "loading", Screen()
            yield
        try:
            answered = await asyncio.to_thread(question.ask, slug, choice_in(url.query_parameters))
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()
            return
        self.phase, self.screen = "ready", answered or Screen()

    @rx.event
    def choose(self, given: dict[str, Any]):
        """Filter by what the form says."""
        if isinstance(given, dict):
            yield rx.redirect(audit_href(slug_in(self.router.url.path), first_page(choice_in(given))))
