"""What a person sees of themselves: who they are here, where they are signed in, and the way out of each."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import reflex as rx
from reflex.vars import Var
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import member_mails
from flyusage.alerts.member_mails import Kind
from flyusage.auth import accounts, passwords, sessions
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.components.door_card import door_field, door_form
from flyusage.ui.components.field import text_field
from flyusage.ui.components.home_link import home_link
from flyusage.ui.components.plain_form import plain_form
from flyusage.ui.pages.door import PROBLEMS
from flyusage.ui.pages.second_factor.view import section as second_factor_section
from flyusage.ui.present import ago_text
from flyusage.ui.reader import present_reader

if TYPE_CHECKING:
    from flyusage.auth.sessions import Reader


PASSWORD_SAID = {  # by what stands in the address
    "password_changed": "Your password is changed. Every other browser was signed out.",
    "password_wrong": "That is not your password of now, so nothing was changed. Type it again, or have a link sent to set another.",
    **{code: PROBLEMS[code][0] for code in ("password_too_weak", "password_breached", "too_many_attempts", "sso_needed")},
}


@dataclass(frozen=True)
class DeviceRow:
    """A browser in which the reader is signed in."""

    session_id: int
    name: str
    note: str
    is_this: bool


@dataclass(frozen=True)
class MailRow:
    """What the reader gets by mail of one organization."""

    org_id: int
    org: str
    summary: bool
    anomalies: bool


class Account(rx.State):
    """The reader's own devices. Nobody else's are ever read: the session in the cookie says whose."""

    email: str = ""
    name: str = ""
    devices: list[DeviceRow] = []
    mails: list[MailRow] = []
    is_by_provider: bool = False
    has_password: bool = False
    password_said: str = ""
    is_password_changed: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Who is signed in, and where; after a try at another password, what came of it."""
        reader, self.devices = await asyncio.to_thread(_devices)
        said = self.router.url.query_parameters.get("problem", "")
        self.password_said, self.is_password_changed = PASSWORD_SAID.get(said, ""), said == "password_changed"
        self.has_password = reader is not None and await asyncio.to_thread(_has_password, reader.user_id)
        self.is_by_provider = reader is not None and reader.how.sso_org_id is not None
        self.email, self.name = (reader.email, reader.name) if reader else ("", "")
        self.mails = await asyncio.to_thread(_mails)
        self.is_loaded = True

    @rx.event
    async def rename(self, form: dict[str, Any]):
        """Call the reader the form's `name`."""
        self.name = await asyncio.to_thread(_rename, text_in(form, "name")) or self.name
        yield browser.toast("success", "Kept.", detail="Everybody you share an organization with sees it.")

    @rx.event
    async def choose_mail(self, org_id: int, kind: str, is_wanted: bool):
        """Get a kind of mail of one of the reader's own organizations, or no longer."""
        if type(org_id) is int and kind in tuple(Kind):
            await asyncio.to_thread(_choose, org_id, Kind(kind), bool(is_wanted))
        self.mails = await asyncio.to_thread(_mails)

    @rx.event
    async def sign_out(self, session_id: int):
        """End one of the reader's own sessions; its pages go dark at once."""
        if type(session_id) is int and await asyncio.to_thread(_end, session_id):
            yield browser.toast("success", "That browser is signed out.")
        _, self.devices = await asyncio.to_thread(_devices)

    @rx.event
    async def sign_out_others(self):
        """End all but this one."""
        ended = await asyncio.to_thread(_end_others)
        yield browser.toast("success", f"Signed out in {ended} other {'browser' if ended == 1 else 'browsers'}.")
        _, self.devices = await asyncio.to_thread(_devices)


def _has_password(user_id: int) -> bool:
    with db.platform_transaction() as session:
        return accounts.has_password(session, user_id)


def _devices() -> "tuple[Reader | None, list[DeviceRow]]":
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None:
            return None, []
        now = clock.now()
        return reader, [
            DeviceRow(
                session_id=one.session_id,
                name=browser_name(one.device),
                note=f"{one.address} · last used {ago_text(one.seen_at, now)} · signed in {ago_text(one.created_at, now)}",
                is_this=one.session_id == reader.session_id,
            )
            for one in sessions.devices(session, reader.user_id)
        ]


def _mails() -> list[MailRow]:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        found = [] if reader is None else member_mails.choices(session, reader.user_id)
    wanted = {(one.org_id, one.kind): one.is_wanted for one in found}
    named = {one.org_id: visible(one.org) for one in found}
    return [MailRow(org_id, name, wanted[org_id, Kind.SUMMARY], wanted[org_id, Kind.ANOMALIES]) for org_id, name in named.items()]


def _choose(org_id: int, kind: Kind, is_wanted: bool) -> None:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is not None:
            member_mails.choose(session, org_id, reader.user_id, kind, is_wanted=is_wanted, by=Actor(f"user:{reader.user_id}"))


def browser_name(words: str) -> str:
    """What a browser calls itself, as people do: "Firefox on Linux"; its own words where they are of no known kind."""
    browsers = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    )
    named = next((name for mark, name in browsers if mark in words), None)
    system = next((name for mark, name in systems if mark in words), None)
    if named is None:
        return words or "A browser that does not say which"
    return f"{named} on {system}" if system else named


def _rename(name: str) -> str:
    """What the reader is called from now on; empty for nobody. Raises PersonNameInvalid."""
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None:
            return ""
        before = accounts.rename(session, reader.user_id, name)
        now = present_reader(session)
        called = "" if now is None else now.name
        if called != before:
            _note(session, reader, "account.rename", before=before, after=called)
        return called


def _end(session_id: int) -> bool:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None or not sessions.end(session, reader.user_id, session_id):
            return False
        _note(session, reader, "session.end")
        return True


def _end_others() -> int:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        ended = 0 if reader is None else sessions.end_all(session, reader.user_id, but=reader.session_id)
        if reader is not None and ended:
            _note(session, reader, "session.end_all", browsers=ended)
        return ended


def _note(session: Session, reader: "Reader", action: str, **detail: object) -> None:
    audit.record_of_person(session, reader.user_id, actor=f"user:{reader.user_id}", action=action, detail=detail)


def account() -> rx.Component:
    """Who is signed in, and where."""
    nobody = rx.el.p("Nobody can sign in to this installation yet. `flyusage users create` makes the first account.", class_name="muted")
    return rx.el.main(
        rx.el.section(
            rx.el.header(
                rx.el.h1("Your account", class_name="card-title"),
                rx.el.a("Organizations", href="/welcome", class_name="button"),
                home_link("Back to the dashboard", class_name="button"),
                class_name="account-head",
            ),
            rx.cond(Account.is_loaded, rx.cond(Account.email, _mine(), nobody), rx.el.div(class_name="door-waiting")),
            class_name="card account-card",
        ),
        id="content",
        class_name="door-page",
    )


def _mine() -> rx.Component:
    return rx.fragment(
        rx.el.p(rx.el.bdi(Account.name, class_name="strong"), " · ", rx.el.bdi(Account.email)),
        _name(),
        rx.cond(Account.has_password, _password(), rx.fragment()),
        second_factor_section(),
        rx.cond(Account.mails.length() > 0, _mail_choices(), rx.fragment()),
        rx.el.h2("Where you are signed in"),
        rx.el.ul(rx.foreach(Account.devices, _device), class_name="device-list"),
        rx.el.div(
            rx.cond(
                Account.devices.length() > 1,
                rx.el.button("Sign out everywhere else", type="button", class_name="button", on_click=Account.sign_out_others),
            ),
            rx.cond(
                Account.is_by_provider,
                plain_form(
                    rx.el.button("Sign out here and at your provider", type="submit", class_name="button"), action="/auth/sso/sign-out"
                ),
            ),
            plain_form(rx.el.button("Sign out", type="submit", class_name="button"), action="/auth/sign-out"),
            class_name="account-actions",
        ),
    )


def _name() -> rx.Component:
    form = rx.el.form(
        text_field(
            "Your name, as others see it",
            "name",
            default_value=Account.name,
            required=True,
            max_length=accounts.LONGEST_NAME,
            auto_complete="name",
        ),
        rx.el.button("Keep the name", type="submit", class_name="button"),
        key=Account.name,
        on_submit=Account.rename,
        reset_on_submit=False,
        class_name="settings-line",
    )
    return rx.el.section(
        rx.el.h2("Name"), rx.el.details(rx.el.summary("Change your name"), form), class_name="account-part", aria_label="Name"
    )


def _password() -> rx.Component:
    """Open where a try at another one came back with something to say."""
    said = rx.el.p(
        Account.password_said,
        role=rx.cond(Account.is_password_changed, "status", "alert"),
        class_name=rx.cond(Account.is_password_changed, "door-told", "door-problem"),
    )
    form = door_form(
        "/auth/change-password",
        # Hidden, for what keeps passwords: whose it is.
        rx.el.input(type="email", value=Account.email, read_only=True, auto_complete="username", hidden=True, aria_label="Mail address"),
        door_field("Your password of now", name="present", type="password", auto_complete="current-password"),
        door_field(
            f"A new one of {passwords.SHORTEST} characters or more",
            name="password",
            type="password",
            auto_complete="new-password",
            min_length=passwords.SHORTEST,
            max_length=passwords.LONGEST,
        ),
        submit="Change the password",
    )
    return rx.el.section(
        rx.el.h2("Password"),
        rx.cond(Account.password_said != "", said),
        rx.el.details(
            rx.el.summary("Change the password"),
            form,
            rx.el.p(
                "Every other browser is signed out. Don’t know it? ", rx.el.a("Have a link sent", href="/forgot"), class_name="muted small"
            ),
            open=(Account.password_said != "") & ~Account.is_password_changed,
        ),
        class_name="account-part",
        aria_label="Password",
    )


def _mail_choices() -> rx.Component:
    return rx.fragment(
        rx.el.h2("Mails you get", id="mails"),
        rx.el.ul(rx.foreach(Account.mails, _mail_choice), class_name="device-list mail-choices"),
    )


def _mail_choice(row: Var[MailRow]) -> rx.Component:
    def tick(kind: Kind, words: str, is_on: Var[bool]) -> rx.Component:
        box = rx.el.input(type="checkbox", checked=is_on, on_change=lambda wanted: Account.choose_mail(row.org_id, kind.value, wanted))
        return rx.el.label(box, rx.el.span(words), class_name="mail-tick")

    return rx.el.li(
        rx.el.fieldset(
            rx.el.legend(rx.el.bdi(row.org), class_name="strong"),
            tick(Kind.SUMMARY, "The month in a mail: what it came to, what changed and why", row.summary),
            tick(Kind.ANOMALIES, "Anomalies, once a day at most, where no endpoint hears of them", row.anomalies),
        ),
        key=row.org_id,
    )


def _device(device: Var[DeviceRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            rx.el.bdi(device.name, class_name="strong"), rx.el.span(device.note, class_name="muted small"), class_name="device-text"
        ),
        rx.cond(
            device.is_this,
            rx.el.span("This browser", class_name="chip"),
            rx.el.button("Sign out", type="button", class_name="button", on_click=Account.sign_out(device.session_id)),
        ),
    )
