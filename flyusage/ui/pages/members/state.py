"""The members page's state: frozen display rows, and who is chosen; the address holds search, role and page."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import reflex as rx

from flyusage.errors import FlyusageError
from flyusage.invoices.seats import NoSeatLeft
from flyusage.orgs import invitations
from flyusage.orgs.memberships import role_named
from flyusage.orgs.models import Role
from flyusage.ui import browser, present
from flyusage.ui.addresses import LONGEST_PAGE, id_in, text_in
from flyusage.ui.components.app_choice import LONGEST_CHOICE, apps_chosen
from flyusage.ui.pages.members import question
from flyusage.ui.pages.members.address import LONGEST_SEARCH, Choice, choice_in, members_href
from flyusage.ui.pages.members.rows import LeavingRow, OutcomeRow, RosterRow, Screen, SeatChoice
from flyusage.ui.session import slug_in

LONGEST_PASTE = invitations.LONGEST_PASTE + 1  # so that what is longer is refused, and not cut
LIST = "\0list"  # what waits for seats is the compared list; no text that people paste
LARGEST_ID = 2**31 - 1


class Members(rx.State):
    """What the page shows. `phase` is loading, ready or failed; `chosen` are the ids of the people ticked, on any page.

    `granting` is the id of whose apps are being chosen (0: nobody's), `leaving` who is about to be removed.
    """

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    chosen: list[int] = []
    outcomes: list[OutcomeRow] = []
    is_sending: bool = False
    short: SeatChoice = SeatChoice()
    roster: RosterRow = RosterRow()
    granting: int = 0
    leaving: LeavingRow = LeavingRow()
    batch: int = 0  # of invitations; another one begins with an empty form

    _apps: list[int] | None = None
    _pending: tuple[list[int] | str, Role] = ([], Role.VIEWER)
    _list: question.Listed = question.Listed("")
    _shown: str = ""

    @rx.event
    async def load(self):
        """Show the people in the address."""
        slug, choice = self._asked()
        if slug != self._shown:
            self.phase, self._shown, self.chosen, self.outcomes, self.short = "loading", slug, [], [], SeatChoice()
            self.roster = RosterRow()
        self.granting, self.leaving = 0, LeavingRow()
        await self._refresh(slug, choice)

    @rx.event
    def search(self, text: str):
        """People whose name or address holds `text`."""
        if isinstance(text, str):
            slug, choice = self._asked()
            yield rx.redirect(members_href(slug, choice.listing(find=text.strip()[:LONGEST_SEARCH])), replace=True)

    @rx.event
    def choose(self, user_id: int):
        """Tick somebody, or no longer."""
        if not _is_id(user_id):
            return
        self.leaving = LeavingRow()
        if user_id in self.chosen:
            self.chosen = [one for one in self.chosen if one != user_id]
        elif len(self.chosen) < question.PAGE_LENGTH * 20:
            self.chosen = [*self.chosen, user_id]

    @rx.event
    def choose_none(self):
        """Tick nobody."""
        self.chosen, self.leaving = [], LeavingRow()

    @rx.event
    async def change_role(self, user_id: int, role: str):
        """Give one person another role."""
        if _is_id(user_id):
            yield await self._change([user_id], role_named(role))

    @rx.event
    def choose_apps(self, user_id: int):
        """Show which apps somebody sees, to change that; or no longer."""
        if _is_id(user_id):
            self.granting = 0 if self.granting == user_id else user_id

    @rx.event
    async def grant_apps(self, choice: str):
        """Let the person whose apps are being chosen see these."""
        if not self.granting:
            return
        slug, shown = self._asked()
        is_changed = await asyncio.to_thread(question.grant, slug, self.granting, apps_chosen(choice))
        self.granting = 0
        await self._refresh(slug, shown)
        if is_changed:
            yield browser.toast("success", "What they see is changed.", detail="Their open pages follow at once.")

    @rx.event
    async def ask_to_remove(self, user_id: int):
        """Show what taking somebody out stops; or no longer."""
        if _is_id(user_id):
            is_shown = self.leaving.id == user_id
            self.leaving = LeavingRow() if is_shown else await self._ask_to_remove([user_id], row=user_id)

    @rx.event
    async def ask_to_remove_chosen(self):
        """Show what taking everybody out stops who is ticked; or no longer."""
        is_shown = bool(self.leaving.ids) and not self.leaving.id
        self.leaving = LeavingRow() if is_shown or not self.chosen else await self._ask_to_remove(self.chosen)

    @rx.event
    async def remove(self, form: dict[str, Any]):
        """Take out whom the page shows to be leaving; the form's `heir` takes over."""
        heir, leaving = id_in(text_in(form, "heir", longest=LONGEST_PAGE)), list(self.leaving.ids)
        if not leaving:
            return
        slug, choice = self._asked()
        removed = await asyncio.to_thread(question.remove, slug, leaving, heir)
        self.leaving, self.chosen = LeavingRow(), [one for one in self.chosen if one not in leaving]
        await self._refresh(slug, choice)
        yield browser.toast("success", f"{present.plural(removed, 'person', 'people')} removed.")

    @rx.event
    async def change_chosen(self, role: str):
        """Give everybody who is ticked another role."""
        if self.chosen and role:
            yield await self._change(self.chosen, role_named(role))

    @rx.event
    async def invite(self, form: dict[str, Any]):
        """Invite the form's `addresses` as its `role`."""
        text, role = text_in(form, "addresses", longest=LONGEST_PASTE), role_named(text_in(form, "role"))
        if not text.strip():
            yield browser.toast("error", "Paste at least one mail address.")
            return
        apps = apps_chosen(text_in(form, "apps", longest=LONGEST_CHOICE))
        self._apps = None if apps is None else sorted(apps)
        self.is_sending = True
        yield
        try:
            await self._invite(text, role)
        except FlyusageError as error:  # said here, so that what the state now holds is sent: the button works again
            yield browser.toast("error", error.sentence)

    @rx.event
    async def add_seats(self, count: int):
        """Pay for `count` seats more, as was confirmed, and do what they were missing for."""
        if not self.short.count or count != self.short.count:
            return
        wanted, role = self._pending
        if wanted == LIST:
            await self._apply(count)
        elif isinstance(wanted, str):
            await self._invite(wanted, role, add=count)
        else:
            yield await self._change(wanted, role, add=count)

    @rx.event
    async def compare(self, form: dict[str, Any]):
        """Show what the form's list of `addresses` would change; joiners would be its `role`."""
        text, role = text_in(form, "addresses", longest=LONGEST_PASTE), role_named(text_in(form, "role"))
        self._list, self.roster = question.Listed(text, role), RosterRow()
        self.roster = await asyncio.to_thread(question.compare, self._asked()[0], text)

    @rx.event
    async def apply(self, form: dict[str, Any]):
        """Do what was compared: the form's `digest` names what was confirmed, its `heir` takes over from those who leave."""
        if self.roster.digest and text_in(form, "digest") == self.roster.digest:
            self._list = replace(self._list, heir=id_in(text_in(form, "heir", longest=LONGEST_PAGE)))
            await self._apply(0)

    @rx.event
    def add_none(self):
        """Leave it, and the seats."""
        self.short = SeatChoice()

    @rx.event
    async def give_back(self, count: int):
        """Stop paying for `count` seats that nobody uses, as was confirmed."""
        if _is_id(count):
            slug, choice = self._asked()
            await asyncio.to_thread(question.give_back, slug, count)
            yield browser.toast("success", f"{present.plural(count, 'seat')} given back, billed to today.")
            await self._refresh(slug, choice)

    @rx.event
    async def resend(self, invitation_id: int):
        """Send an invitation's mail again, with a new link."""
        if _is_id(invitation_id):
            slug, choice = self._asked()
            told = await asyncio.to_thread(question.resend, slug, invitation_id)
            yield browser.toast("error" if told.tone == "bad" else "success", f"{told.email} {told.text}.")
            await self._refresh(slug, choice)

    @rx.event
    async def revoke(self, invitation_id: int):
        """Take an invitation back."""
        if _is_id(invitation_id):
            slug, choice = self._asked()
            email = await asyncio.to_thread(question.revoke, slug, invitation_id)
            yield browser.toast("success", f"The invitation of {email} is taken back.", detail="Its link is good for nothing any more.")
            await self._refresh(slug, choice)

    async def _invite(self, text: str, role: Role, *, add: int = 0) -> None:
        slug, choice = self._asked()
        self.outcomes, self.short = [], SeatChoice()
        try:
            apps = None if self._apps is None else frozenset(self._apps)
            self.outcomes = await asyncio.to_thread(partial(question.invite, slug, text, role, add=add, apps=apps))
            self.batch += 1
        except NoSeatLeft as error:
            self._ask_for_seats(error, text, role)
        finally:
            self.is_sending = False
        await self._refresh(slug, choice)

    async def _apply(self, add: int) -> None:
        slug, choice = self._asked()
        self.short, self.outcomes = SeatChoice(), []
        try:
            self.outcomes = await asyncio.to_thread(partial(question.apply, slug, self._list, self.roster.digest, add=add))
            self.roster = RosterRow()
        except NoSeatLeft as error:
            self._ask_for_seats(error, LIST, self._list.role)
        await self._refresh(slug, choice)

    def _ask_for_seats(self, error: NoSeatLeft, wanted: list[int] | str, role: Role) -> None:
        seats = present.plural(error.missing, "seat")
        self.short, self._pending = SeatChoice(error.missing, error.sentence, f"Add {seats} and go on"), (wanted, role)

    async def _ask_to_remove(self, users: list[int], *, row: int = 0) -> LeavingRow:
        return await asyncio.to_thread(partial(question.leaving, self._asked()[0], list(users), row=row))

    async def _change(self, users: list[int], role: Role, *, add: int = 0) -> Any:
        slug, choice = self._asked()
        self.short = SeatChoice()
        try:
            changed = await asyncio.to_thread(partial(question.change, slug, list(users), role, add=add))
        except NoSeatLeft as error:
            self._ask_for_seats(error, users, role)
            return None
        self.chosen, self.leaving = [], LeavingRow()
        await self._refresh(slug, choice)
        return browser.toast("success", f"{present.plural(changed, 'person', 'people')} changed to {role}.")

    async def _refresh(self, slug: str, choice: Choice) -> None:
        try:
            self.screen = await asyncio.to_thread(question.ask, slug, choice) or Screen()
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen, self.chosen, self.outcomes = "failed", error.sentence, Screen(), [], []

    def _asked(self) -> tuple[str, Choice]:
        url = self.router.url
        return slug_in(url.path), choice_in(url.query_parameters)


def _is_id(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < given <= LARGEST_ID
