"""The tokens page's state, and what it asks the database."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

import reflex as rx

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.orgs import api_tokens, app_grants, queries
from flyusage.orgs.api_tokens import Token
from flyusage.orgs.permissions import Permission
from flyusage.ui import browser, present
from flyusage.ui.addresses import LONGEST_PAGE, text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.components.app_choice import LONGEST_CHOICE, apps_chosen
from flyusage.ui.session import OpenOrganization, open_organization, slug_in

SHOWN_IN = "token-secret"  # the element that shows one
MINE, OURS = "mine", "organization"
MOST_NAMED = 5
DAYS = (7, 30, 90, 180, 366)
SCOPE_WORDS = {
    Permission.USAGE_READ: "usage and apps",
    Permission.MACHINES_READ: "single machines",
    Permission.USAGE_EXPORT: "usage as CSV",
    Permission.COST_CENTRES_EDIT: "change cost centres",
    Permission.EVENTS_WRITE: "send usage events",
    Permission.PRICES_READ: "prices, and what if",
    Permission.INVOICES_READ: "invoices and invoiced costs",
    Permission.INVOICES_PAY: "pay invoices",
    Permission.BILLING_EDIT: "change the billing profile",
    Permission.BUDGETS_EDIT: "change budgets",
    Permission.VIEWS_SAVE: "save views of the explorer",
    Permission.VIEWS_SHARE: "share saved views",
    Permission.DELIVERIES_MANAGE: "say where alerts are sent",
    Permission.AUDIT_READ: "the audit log",
    Permission.MEMBERS_READ: "members and their roles",
    Permission.TOKENS_MANAGE: "make tokens, end those I made; of mine alone, 30 days at most",
    Permission.MEMBERS_MANAGE: "invite, change and remove members; with tokens.manage end anybody’s tokens; of mine alone, 30 days at most",
}


@dataclass(frozen=True)
class ScopeChoice:
    """A scope that the reader may give away; `says` is what it lets a program do."""

    name: str
    says: str


@dataclass(frozen=True)
class TokenRow:
    """A token in the list. `tone` is ok, warn or quiet; `warning` is what revoking it will do."""

    id: int
    name: str
    hint: str
    whose: str
    scopes: str
    state: str
    tone: str
    expires: str
    used: str
    made: str
    is_active: bool
    warning: str


@dataclass(frozen=True)
class Asked:
    """A token as its form asks for it; `apps` None: every app that its maker sees."""

    name: str
    scopes: tuple[str, ...]
    is_personal: bool
    days: int
    apps: frozenset[int] | None


class Tokens(rx.State):
    """The tokens that the reader may see: their own, or everybody's. `phase` is loading, ready, forbidden or failed.

    `apps` (id, name) are those that the reader sees.

    `secret_name` is that of the token just made, whose secret the page alone holds (`browser.reveal`).
    """

    phase: Literal["loading", "ready", "forbidden", "failed"] = "loading"
    rows: list[TokenRow] = []
    scopes: list[ScopeChoice] = []
    apps: list[tuple[int, str]] = []
    note: str = ""
    problem: str = ""
    refusal: str = ""
    secret_name: str = ""

    @rx.event
    async def load(self):
        """Show the tokens."""
        self.secret_name, self.refusal = "", ""
        try:
            await self._show()
        except FlyusageError as error:
            self.phase = "forbidden" if error.code == "not_permitted" else "failed"
            self.problem, self.rows, self.scopes, self.apps = error.sentence, [], [], []

    @rx.event
    async def create(self, form: dict[str, Any]):
        """Make a token of the form's `name`, `kind`, `days`, `apps` and ticked scopes, and show its secret."""
        slug, given = slug_in(self.router.url.path), form if isinstance(form, dict) else {}
        wanted = [one.value for one in Permission if given.get(one.value)]
        days = text_in(given, "days", longest=LONGEST_PAGE)
        try:
            asked = Asked(
                text_in(given, "name"), tuple(wanted), text_in(given, "kind") != OURS, int(days) if days.isdecimal() else 0,
                apps_chosen(text_in(given, "apps", longest=LONGEST_CHOICE)),
            )  # fmt: skip
            made = await asyncio.to_thread(_create, slug, asked)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal, self.secret_name = "", visible(made.token.name)
        await self._show()
        yield browser.reveal(SHOWN_IN, made.secret)

    @rx.event
    async def forget(self):
        """Stop showing the secret."""
        self.secret_name = ""
        yield browser.reveal(SHOWN_IN, "")

    @rx.event
    async def revoke(self, token_id: int):
        """End one of the tokens that the reader sees at once."""
        if type(token_id) is not int:
            return
        ended = await asyncio.to_thread(_revoke, slug_in(self.router.url.path), token_id)
        await self._show()
        if ended is not None:
            yield browser.toast("success", f"{visible(ended.name)} is revoked.", detail="Whoever shows it is refused from now on.")

    async def _show(self) -> None:
        found = await asyncio.to_thread(_listed, slug_in(self.router.url.path))
        if found is None:
            return  # the frame says that there is no such organization
        self.rows, self.scopes, self.apps, are_all = found
        active = sum(row.is_active for row in self.rows)
        self.note = (f"{present.plural(active, 'token')} at work" if active else "none at work") + (
            "" if are_all else ", of those you made"
        )
        self.phase, self.problem = "ready", ""


def _open(slug: str) -> OpenOrganization | None:
    return open_organization(slug, Permission.TOKENS_MANAGE)


def _listed(slug: str) -> tuple[list[TokenRow], list[ScopeChoice], list[tuple[int, str]], bool] | None:
    """The page's parts, and whether its tokens are everybody's."""
    org = _open(slug)
    if org is None:
        return None
    with db.platform_transaction() as session:  # which alone reads people's names
        people = {one.user_id: one.name for one in queries.members(session, org.id)}
    with db.transaction(org.id, apps=org.apps) as session:
        found = api_tokens.tokens(session, org.id, by=org.by)
        apps = app_grants.app_names(session, org.id)
    held = api_tokens.grantable(org.permissions, is_personal=org.by.user_id is not None)
    choices = [ScopeChoice(one.value, SCOPE_WORDS.get(one, "")) for one in held]
    are_all = Permission.MEMBERS_MANAGE in org.permissions
    return [_row(one, people, apps) for one in found], choices, [(id_, visible(name)) for id_, name in apps.items()], are_all


def _create(slug: str, asked: Asked) -> api_tokens.Made:
    org = _open(slug)
    if org is None:
        raise FlyusageError("There is no organization at this address.")
    kind, _, user = org.by.name.partition(":")
    user_id = int(user) if asked.is_personal and kind == "user" else None
    with db.transaction(org.id, apps=org.apps) as session:
        return api_tokens.create(
            session, org.id, name=asked.name, scopes=asked.scopes, by=org.by, user_id=user_id, days=asked.days, apps=asked.apps
        )


def _revoke(slug: str, token_id: int) -> Token | None:
    org = _open(slug)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        return api_tokens.revoke(session, org.id, token_id, by=org.by)


def _of_apps(one: Token, apps: dict[int, str]) -> str:
    """Which apps a token is for, as far as the reader (who sees `apps`) may know; empty for all."""
    if one.app_ids is None:
        return ""
    known = sorted(visible(apps[each]) for each in one.app_ids if each in apps)
    if len(known) < len(one.app_ids):
        return "some apps"
    return ", ".join(known) if len(known) <= MOST_NAMED else present.plural(len(known), "app")


def _row(one: Token, people: dict[int, str], apps: dict[int, str]) -> TokenRow:
    now = clock.now()
    state = one.state
    is_ending = state == "active" and (one.expires_at - now).days < 7
    used = f"last used {present.ago_text(one.used_at, now)}" if one.used_at else "never used"
    return TokenRow(
        id=one.id,
        name=visible(one.name),
        hint=f"{one.hint}…",
        whose="the organization" if one.user_id is None else visible(people.get(one.user_id, "a former member")),
        scopes=", ".join(one.scopes) + (f" · of {of}" if (of := _of_apps(one, apps)) else ""),
        state="ends soon" if is_ending else state,
        tone="warn" if is_ending else "ok" if state == "active" else "quiet",
        expires=f"{one.expires_at:%b} {one.expires_at.day}, {one.expires_at.year}",
        used=used,
        made=f"made {present.ago_text(one.created_at, now)}",
        is_active=state == "active",
        warning=f"Whatever shows {visible(one.name)} ({one.hint}…) is refused from that moment on; it was {used}. It cannot be undone.",
    )
