"""Where an invitation's link leads: who invites as what, and the one way on that fits who is reading."""

import asyncio
from typing import Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage import db
from flyusage.auth import accounts
from flyusage.orgs import invitations
from flyusage.orgs.errors import InvitationSpent
from flyusage.ui.charts.text import visible
from flyusage.ui.components.door_card import account_fields, door_card, door_form
from flyusage.ui.components.home_link import home_link
from flyusage.ui.components.plain_form import plain_form
from flyusage.ui.pages.door import LONGEST_SHOWN
from flyusage.ui.reader import signed_in

Way = Literal["", "spent", "accept", "other", "sign-in", "new"]
PROBLEMS = {
    "password_too_weak": "That password is too easy to guess. Four unrelated words make a good one.",
    "invitation_for_another": "That did not work: the invitation is for another address than yours.",
}


class InvitationPage(rx.State):
    """What the link in the address offers, and to whom. `way` is what the reader can do about it."""

    way: Way = ""
    title: str = ""
    note: str = ""
    problem: str = ""
    link: str = ""
    email: str = ""
    name: str = ""
    sign_in_href: str = ""

    @rx.event
    async def load(self):
        """Read the address."""
        given = dict(self.router.url.query_parameters)
        self.link = given.get("link", "")[:LONGEST_SHOWN]
        self.name = given.get("name", "")[: accounts.LONGEST_NAME]
        self.problem = PROBLEMS.get(given.get("problem", ""), "")
        self.way, self.title, self.note, self.email = await asyncio.to_thread(_offer, self.link)
        here = f"/invitation?{urlencode({'link': self.link})}"
        self.sign_in_href = f"/sign-in?{urlencode({'next': here, 'email': self.email})}"


def _offer(link: str) -> tuple[Way, str, str, str]:
    """The way on, title, note and the invited address."""
    with db.lookup_transaction() as session:
        try:
            offer = invitations.offered(session, link)
        except InvitationSpent as error:
            return "spent", "This invitation is over", error.sentence, ""
        reader = signed_in(session)
    title, invited = f"Join {visible(offer.name)}", f"{offer.email} is invited in the role {offer.role}."
    if reader is None:
        return "sign-in" if offer.has_account else "new", title, invited, offer.email
    if reader.email != offer.email:
        return "other", title, f"{invited} You are signed in as {reader.email}; sign out, and open the link of the mail again.", offer.email
    return "accept", title, f"{invited} That is you.", offer.email


def invitation() -> rx.Component:
    """The whole page."""
    of, link = InvitationPage, rx.el.input(type="hidden", name="link", value=InvitationPage.link, read_only=True)
    new = door_form(
        "/auth/accept-invitation",
        link,
        *account_fields(of.email, of.name),
        submit="Make an account and join",
    )
    known = rx.el.a("Sign in to accept", href=of.sign_in_href, reload_document=True, class_name="button button-primary")
    ways = rx.match(
        of.way,
        ("new", new),
        ("sign-in", known),
        ("accept", door_form("/auth/accept-invitation", link, submit="Accept the invitation")),
        (
            "other",
            plain_form(
                rx.el.button("Sign out", type="submit", class_name="button button-primary"), action="/auth/sign-out", class_name="door-form"
            ),
        ),
        rx.el.p(home_link("To the first page", class_name="link"), class_name="door-foot"),
    )
    return door_card(of.title, of.note, ways, problem=of.problem, is_known=of.way != "")
