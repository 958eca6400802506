"""The second factor on the account's page: set an app up, confirm it, new recovery codes, switch it off."""

import asyncio
from typing import Any

import reflex as rx
import sqlalchemy as sa
from reflex.vars import Var
from sqlmodel import Session

from flyusage import db
from flyusage.auth import halfway, passwords, second_factor, sessions
from flyusage.auth.errors import CodeWrong, SignInNeeded, SignInRefused
from flyusage.auth.second_factor import Setup
from flyusage.auth.sessions import Reader
from flyusage.errors import FlyusageError
from flyusage.orgs import audit
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.reader import present_reader


class SecondFactorPage(rx.State):
    """The reader's own second factor. Secret and codes are here only while they are shown."""

    is_known: bool = False
    is_on: bool = False
    is_asked: bool = False
    left: str = ""
    secret: str = ""
    picture: str = ""
    codes: list[str] = []
    problem: str = ""

    @rx.event
    async def load(self):
        """Whether it is on."""
        self.is_asked = self.router.url.query_parameters.get("needs", "") == "second-factor"
        self._forget()
        await self._read()

    @rx.event
    async def begin(self):
        """Show a new secret for an app to take."""
        self._forget()
        try:
            setup = await asyncio.to_thread(_begin)
        except FlyusageError as error:
            self._fail(error)
            return
        self.secret, self.picture = setup.secret, setup.picture

    @rx.event
    async def confirm(self, given: dict[str, Any]):
        """Switch it on by the app's first code, and show the recovery codes."""
        try:
            codes = await asyncio.to_thread(_confirm, text_in(given, "code", longest=60))
        except FlyusageError as error:
            self._fail(error)
            return
        self._forget()
        self.codes = codes
        await self._read()
        from flyusage.ui.pages.account import Account  # late: its page holds this one's section

        yield Account.load

    @rx.event
    async def renew(self, given: dict[str, Any]):
        """Show new recovery codes."""
        try:
            codes = await asyncio.to_thread(_renew, text_in(given, "proof", longest=passwords.LONGEST))
        except FlyusageError as error:
            self._fail(error)
            return
        self._forget()
        self.codes = codes
        await self._read()

    @rx.event
    async def stop(self, given: dict[str, Any]):
        """Switch it off."""
        try:
            await asyncio.to_thread(_stop, text_in(given, "proof", longest=passwords.LONGEST))
        except FlyusageError as error:
            self._fail(error)
            return
        self._forget()
        await self._read()
        yield browser.toast("success", "The second factor is off.")

    @rx.event
    def done(self):
        """Show secrets no longer."""
        self._forget()

    def _forget(self) -> None:
        self.secret, self.picture, self.codes, self.problem = "", "", [], ""

    def _fail(self, error: FlyusageError) -> None:
        if isinstance(error, SignInNeeded):
            raise error
        self.problem = error.sentence

    async def _read(self) -> None:
        self.is_on, left = await asyncio.to_thread(_state)
        self.left = f"{left} of {second_factor.RECOVERY_CODES} recovery codes left"
        self.is_known = True


def _reader(session: Session) -> Reader:
    """Who is signed in. Raises SignInNeeded, also where nobody can be."""
    found = present_reader(session)
    if found is None:
        raise SignInNeeded("Nobody can sign in to this installation yet.")
    return found


def _state() -> tuple[bool, int]:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None:
            return False, 0
        return second_factor.is_on(session, reader.user_id), second_factor.codes_left(session, reader.user_id)


def _begin() -> Setup:
    with db.platform_transaction() as session:
        reader = _reader(session)
        return second_factor.begin(session, reader.user_id, reader.email)


def _confirm(code: str) -> list[str]:
    second_factor.count_try(_user_id())
    with db.platform_transaction() as session:
        reader = _reader(session)
        codes = second_factor.confirm(session, reader.user_id, code)
        sessions.end_all(session, reader.user_id, but=reader.session_id)  # they were let in by the password alone
        _note(session, reader, "second_factor.enable")
        return codes


def _renew(proof: str) -> list[str]:
    second_factor.count_try(_user_id())
    with db.platform_transaction() as session:
        reader = _reader(session)
        _prove(session, reader, proof)
        _note(session, reader, "recovery_codes.renew")
        return second_factor.renew_codes(session, reader.user_id)


def _stop(proof: str) -> None:
    second_factor.count_try(_user_id())
    with db.platform_transaction() as session:
        reader = _reader(session)
        _prove(session, reader, proof)
        second_factor.switch_off(session, reader.user_id)
        halfway.end_all(session, reader.user_id)
        _note(session, reader, "second_factor.disable")


def _user_id() -> int:
    with db.platform_transaction() as session:
        return _reader(session).user_id


def _prove(session: Session, reader: Reader, proof: str) -> None:
    """By a code, or by the password. Raises SignInRefused."""
    if not second_factor.is_on(session, reader.user_id):
        raise SignInRefused("The second factor is off.")
    try:
        second_factor.prove(session, reader.user_id, proof)
    except CodeWrong:
        kept = session.scalar(sa.text("SELECT password_hash FROM user_account WHERE id = :user"), {"user": reader.user_id})
        if not passwords.verify(proof, kept)[0]:
            raise SignInRefused("That is neither a code that is good now nor your password.") from None


def _note(session: Session, reader: Reader, action: str) -> None:
    audit.record_of_person(session, reader.user_id, actor=f"user:{reader.user_id}", action=action)


def section() -> rx.Component:
    """What the account's page shows of it."""
    page = SecondFactorPage
    return rx.el.section(
        rx.el.h2("Second factor"),
        rx.cond(
            page.is_asked & ~page.is_on,
            rx.el.p(
                "What you wanted to open asks for a second factor. Set one up here, then go back.", class_name="door-told", role="status"
            ),
        ),
        rx.cond(page.problem != "", rx.el.p(page.problem, class_name="door-problem", role="alert")),
        rx.match(
            True,
            (page.codes.length() > 0, _codes()),
            (page.secret != "", _setup()),
            (page.is_on, _on()),
            _off(),
        ),
        class_name="account-part",
        aria_label="Second factor",
    )


def _off() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "Off. With it, signing in takes your password and a code that an authenticator app on your phone shows.", class_name="muted"
        ),
        rx.el.div(
            rx.el.button("Set up an authenticator app", type="button", class_name="button button-primary", on_click=SecondFactorPage.begin),
            class_name="account-actions",
        ),
    )


def _setup() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p("Scan this with your authenticator app, or type the secret into it. Then enter the six digits it shows."),
        rx.el.div(
            rx.el.img(src=page.picture, alt="QR code that holds the secret beside it", class_name="qr"),
            rx.el.div(
                rx.el.p("The secret, for an app that cannot scan:", class_name="muted small"),
                rx.el.code(page.secret, class_name="secret"),
                copy_button(page.secret, "Copy the secret"),
                rx.el.form(
                    _field("Code that the app shows", "code", input_mode="numeric", auto_complete="one-time-code", max_length=10),
                    rx.el.button("Switch on", type="submit", class_name="button button-primary"),
                    on_submit=page.confirm,
                    class_name="door-form",
                ),
                class_name="qr-side",
            ),
            class_name="qr-box",
        ),
        rx.el.div(rx.el.button("Cancel", type="button", class_name="button", on_click=page.done), class_name="account-actions"),
    )


def _codes() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p(
            rx.el.span("Keep these recovery codes. ", class_name="strong"),
            "They are shown this once. Each signs you in once, should you lose the phone. Other browsers were signed out.",
        ),
        rx.el.ul(rx.foreach(page.codes, _code), class_name="recovery-codes"),
        rx.el.div(
            copy_button(page.codes.join("\n"), "Copy all ten"),
            rx.el.button("I have kept them", type="button", class_name="button button-primary", on_click=page.done),
            class_name="account-actions",
        ),
    )


def _code(code: Var[str]) -> rx.Component:
    return rx.el.li(rx.el.code(code))


def _on() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p(rx.el.span("On. ", class_name="strong"), page.left, "."),
        rx.el.details(
            rx.el.summary("New recovery codes"),
            rx.el.p("The ones you have will be good for nothing.", class_name="muted small"),
            _proving("Make new codes", page.renew, "button"),
        ),
        rx.el.details(
            rx.el.summary("Switch it off"),
            rx.el.p(
                "Your password alone will sign you in, and organizations that ask for a second factor will be closed to you.",
                class_name="muted small",
            ),
            _proving("Switch it off", page.stop, "button button-danger"),
        ),
    )


def _proving(label: str, handler: Any, class_name: str) -> rx.Component:
    return rx.el.form(
        _field("A code, or your password", "proof", type="password", auto_complete="one-time-code", max_length=passwords.LONGEST),
        rx.el.button(label, type="submit", class_name=class_name),
        on_submit=handler,
        reset_on_submit=True,
        class_name="door-form",
    )


def _field(label: str, name: str, **given: Any) -> rx.Component:
    return rx.el.label(rx.el.span(label), rx.el.input(name=name, required=True, class_name="input", **given))
