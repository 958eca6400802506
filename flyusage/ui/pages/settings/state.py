"""The settings page's state: frozen display rows, and why a form was refused."""

import asyncio
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.settings import question
from flyusage.ui.pages.settings.rows import Profile, Screen
from flyusage.ui.session import slug_in

LONGEST_LINE = 200
LONGEST_TEXT = 2000
LONGEST = {"address": LONGEST_TEXT, "emails": LONGEST_TEXT}


class OrganizationSettings(rx.State):
    """What the page shows. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""

    @rx.event
    async def load(self):
        """Show the settings of the organization in the address."""
        await self._refresh()

    @rx.event
    async def rename(self, form: dict[str, Any]):
        """Call it the form's `name`."""
        await asyncio.to_thread(question.rename, self._slug(), text_in(form, "name", longest=LONGEST_LINE))
        yield browser.toast("success", "Renamed.")
        yield browser.leave(f"/orgs/{self._slug()}/settings")

    @rx.event
    async def change_slug(self, form: dict[str, Any]):
        """Move its addresses to the form's `slug`."""
        kept = await asyncio.to_thread(question.change_slug, self._slug(), text_in(form, "slug", longest=LONGEST_LINE))
        yield browser.leave(f"/orgs/{kept}/settings")

    @rx.event
    async def bill_to(self, form: dict[str, Any]):
        """Make invoices out to what the form says."""
        given = {
            name: text_in(form, name, longest=LONGEST.get(name, LONGEST_LINE)).replace("\0", "") for name in Profile.__dataclass_fields__
        }
        await asyncio.to_thread(question.bill_to, self._slug(), Profile(**{name: text.strip() for name, text in given.items()}))
        yield browser.toast("success", "Kept.", detail="The next invoice is made out so; issued ones stay as they are.")
        await self._refresh()

    @rx.event
    async def require_second_factor(self, is_required: bool):
        """Ask every member for a second factor, or lift that."""
        await asyncio.to_thread(question.require_second_factor, self._slug(), is_required=is_required is True)
        await self._refresh()

    @rx.event
    async def transfer(self, form: dict[str, Any]):
        """Make the member with the form's `email` owner in the reader's place."""
        await asyncio.to_thread(question.transfer, self._slug(), text_in(form, "email", longest=LONGEST_LINE))
        yield browser.leave(f"/orgs/{self._slug()}/members")

    @rx.event
    async def leave(self, slug: str):
        """Take the reader out of the organization `slug`, as was confirmed."""
        if slug == self.screen.slug and slug:
            await asyncio.to_thread(question.leave, slug)
            yield browser.leave("/")

    @rx.event
    async def delete(self, slug: str):
        """Delete the organization `slug`, as was confirmed."""
        if slug == self.screen.slug and slug:
            await asyncio.to_thread(question.delete, slug)
            yield browser.leave(f"/orgs/{slug}/settings")

    @rx.event
    async def undo_deletion(self):
        """Bring the organization back."""
        await asyncio.to_thread(question.undo_deletion, self._slug())
        yield browser.leave(f"/orgs/{self._slug()}/settings")

    async def _refresh(self) -> None:
        try:
            self.screen = await asyncio.to_thread(question.ask, self._slug()) or Screen()
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    def _slug(self) -> str:
        return slug_in(self.router.url.path)
