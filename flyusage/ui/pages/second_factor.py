"""The second factor on the account's page: an app, passkeys, and recovery codes: set up, named, renewed, switched off."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import reflex as rx
from reflex.vars import Var
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import halfway, passkeys, passwords, second_factor, sessions
from flyusage.auth.errors import SignInNeeded
from flyusage.auth.second_factor import Setup
from flyusage.auth.sessions import Reader
from flyusage.config import settings
from flyusage.errors import FlyusageError
from flyusage.orgs import audit
from flyusage.ui import browser
from flyusage.ui.addresses import text_in
from flyusage.ui.charts.text import visible
from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.passkey import add_passkey
from flyusage.ui.present import ago_text
from flyusage.ui.reader import present_reader

PROOF = "A code, or your password"


@dataclass(frozen=True)
class PasskeyRow:
    """One of the reader's passkeys."""

    id: int
    name: str
    note: str


class SecondFactorPage(rx.State):
    """The reader's own second factor. Secret and codes are here only while they are shown."""

    is_known: bool = False
    is_on: bool = False
    is_app_on: bool = False
    is_proof_asked: bool = False
    proof_label: str = ""
    passkeys: list[PasskeyRow] = []
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
    async def begin(self, given: dict[str, Any]):
        """Show a new secret for an app to take; long after signing in, or beside passkeys, only to whom a `proof` says that it is them."""
        self._forget()
        try:
            setup = await asyncio.to_thread(_begin, text_in(given, "proof", longest=passwords.LONGEST))
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
    async def add_passkey(self, name: str, answer: str):
        """Keep a passkey that this browser made; recovery codes are shown where it is the first factor."""
        try:
            codes = await asyncio.to_thread(_add_passkey, str(name), str(answer))
        except FlyusageError as error:
            self._fail(error)
            return
        self._forget()
        self.codes = codes
        await self._read()
        from flyusage.ui.pages.account import Account  # late: its page holds this one's section

        yield Account.load
        if not codes:  # else they say it, and are to be read
            yield browser.toast("success", "The passkey is added.", detail="It signs you in after your password, or instead of it.")

    @rx.event
    async def rename_passkey(self, given: dict[str, Any]):
        """Call one of the reader's passkeys something else."""
        await self._change(_rename_passkey, given, "name")

    @rx.event
    async def remove_passkey(self, given: dict[str, Any]):
        """Ask for one of the reader's passkeys no longer."""
        await self._change(_remove_passkey, given, "proof")

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

    async def _change(self, change: Callable[[int, str], None], given: object, field: str) -> None:
        fields = given if isinstance(given, dict) else {}
        which = text_in(fields, "passkey", longest=18)
        try:
            await asyncio.to_thread(change, int(which) if which.isdecimal() else 0, text_in(fields, field, longest=passwords.LONGEST))
        except FlyusageError as error:
            self._fail(error)
            return
        self._forget()
        await self._read()

    async def _read(self) -> None:
        found = await asyncio.to_thread(_state)
        self.is_on, self.is_app_on, self.passkeys = found.is_on, found.is_app_on, found.passkeys
        self.is_proof_asked = found.is_proof_asked
        self.proof_label = PROOF if found.is_on else "Your password"
        self.left = f"{found.left} of {second_factor.RECOVERY_CODES} recovery codes left"
        self.is_known = True


def _reader(session: Session) -> Reader:
    """Who is signed in. Raises SignInNeeded, also where nobody can be."""
    found = present_reader(session)
    if found is None:
        raise SignInNeeded("Nobody can sign in to this installation yet.")
    return found


@dataclass(frozen=True)
class Standing:
    """Which factors the reader has; `left` recovery codes."""

    is_on: bool = False
    is_app_on: bool = False
    is_proof_asked: bool = False
    left: int = 0
    passkeys: list[PasskeyRow] = dataclass_field(default_factory=list)


def _state() -> Standing:
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None:
            return Standing()
        user, now = reader.user_id, clock.now()
        rows = [
            PasskeyRow(
                one.id,
                visible(one.name),
                f"added {ago_text(one.made_at, now)} · " + (f"last used {ago_text(one.used_at, now)}" if one.used_at else "never used"),
            )
            for one in passkeys.passkeys(session, user)
        ]
        is_on, is_app_on = second_factor.is_on(session, user), second_factor.is_app_on(session, user)
        return Standing(is_on, is_app_on, second_factor.is_proof_asked(session, reader), second_factor.codes_left(session, user), rows)


def _begin(proof: str) -> Setup:
    with db.platform_transaction() as session:
        reader = _reader(session)
    second_factor.permit_another(reader, proof)
    with db.platform_transaction() as session:
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
        second_factor.prove_anew(session, reader.user_id, proof)
        _note(session, reader, "recovery_codes.renew")
        return second_factor.renew_codes(session, reader.user_id)


def _stop(proof: str) -> None:
    second_factor.count_try(_user_id())
    with db.platform_transaction() as session:
        reader = _reader(session)
        second_factor.prove_anew(session, reader.user_id, proof)
        second_factor.switch_app_off(session, reader.user_id)
        halfway.end_all(session, reader.user_id)
        _note(session, reader, "second_factor.disable")


def _add_passkey(name: str, answer: str) -> list[str]:
    with db.platform_transaction() as session:
        reader = _reader(session)
        was_on = second_factor.is_on(session, reader.user_id)
        codes = passkeys.add(session, reader.user_id, name, answer, settings())
        if not was_on:
            sessions.end_all(session, reader.user_id, but=reader.session_id)  # they were let in by the password alone
        _note(session, reader, "passkey.add", name=name[: passkeys.LONGEST_NAME])
        return codes


def _rename_passkey(passkey_id: int, name: str) -> None:
    with db.platform_transaction() as session:
        reader = _reader(session)
        passkeys.rename(session, reader.user_id, passkey_id, name)
        _note(session, reader, "passkey.rename", name=name[: passkeys.LONGEST_NAME])


def _remove_passkey(passkey_id: int, proof: str) -> None:
    second_factor.count_try(_user_id())
    with db.platform_transaction() as session:
        reader = _reader(session)
        second_factor.prove_anew(session, reader.user_id, proof)
        name = passkeys.remove(session, reader.user_id, passkey_id)
        halfway.end_all(session, reader.user_id)
        _note(session, reader, "passkey.remove", name=name)


def _user_id() -> int:
    with db.platform_transaction() as session:
        return _reader(session).user_id


def _note(session: Session, reader: Reader, action: str, **detail: object) -> None:
    audit.record_of_person(session, reader.user_id, actor=f"user:{reader.user_id}", action=action, detail=detail)


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
            rx.fragment(
                rx.cond(page.is_on, _codes_left(), rx.fragment()),
                rx.el.h3("Authenticator app"),
                rx.cond(page.is_app_on, _on(), _off()),
                rx.el.h3("Passkeys"),
                _passkeys(),
            ),
        ),
        class_name="account-part",
        aria_label="Second factor",
    )


def _off() -> rx.Component:
    return rx.fragment(
        rx.el.p("Not set up. With one, signing in takes your password and a code that an app on your phone shows.", class_name="muted"),
        rx.cond(
            SecondFactorPage.is_proof_asked,
            rx.el.details(
                rx.el.summary("Set up an authenticator app"),
                _proving("Show its secret", SecondFactorPage.begin, "button", asked=SecondFactorPage.proof_label),
            ),
            rx.el.form(
                rx.el.button("Set up an authenticator app", type="submit", class_name="button button-primary"),
                on_submit=SecondFactorPage.begin,
                class_name="account-actions",
            ),
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


def _codes_left() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p(rx.el.span("On. ", class_name="strong"), page.left, "."),
        rx.el.details(
            rx.el.summary("New recovery codes"),
            rx.el.p("The ones you have will be good for nothing.", class_name="muted small"),
            _proving("Make new codes", page.renew, "button"),
        ),
    )


def _on() -> rx.Component:
    alone = "Your password alone will sign you in, and organizations that ask for a second factor will be closed to you."
    return rx.fragment(
        rx.el.p("Set up: its codes sign you in after your password.", class_name="muted"),
        rx.el.details(
            rx.el.summary("Switch it off"),
            rx.el.p(
                rx.cond(SecondFactorPage.passkeys.length() > 0, "Your passkeys go on being asked for.", alone), class_name="muted small"
            ),
            _proving("Switch it off", SecondFactorPage.stop, "button button-danger"),
        ),
    )


def _passkeys() -> rx.Component:
    rows = SecondFactorPage.passkeys
    return rx.fragment(
        rx.el.p(
            "A key that this device, your phone or a security key holds. It cannot be copied off by a false page, and signs you in "
            "without your password where the device asks for your finger, face or PIN.",
            class_name="muted",
        ),
        rx.cond(rows.length() > 0, rx.el.ul(rx.foreach(rows, _passkey), class_name="passkey-list", aria_label="Passkeys"), rx.fragment()),
        rx.el.details(
            rx.el.summary("Add a passkey"),
            add_passkey(SecondFactorPage.add_passkey, asks_proof=SecondFactorPage.is_proof_asked, proof_label=SecondFactorPage.proof_label),
        ),
    )


def _passkey(row: Var[PasskeyRow]) -> rx.Component:
    which = rx.el.input(type="hidden", name="passkey", value=row.id.to_string(), read_only=True)
    rename = rx.el.form(
        which,
        _field("Name", "name", default_value=row.name, max_length=passkeys.LONGEST_NAME, auto_complete="off", key=row.name),
        rx.el.button("Rename", type="submit", class_name="button"),
        on_submit=SecondFactorPage.rename_passkey,
        class_name="door-form",
    )
    return rx.el.li(
        rx.el.div(rx.el.bdi(row.name, class_name="strong"), rx.el.span(row.note, class_name="muted small"), class_name="device-text"),
        rx.el.details(
            rx.el.summary("Rename or remove", aria_label="Rename or remove " + row.name),
            rename,
            rx.el.p("Removed, it signs nobody in any more.", class_name="muted small"),
            _proving("Remove it", SecondFactorPage.remove_passkey, "button button-danger", which),
        ),
        key=row.id.to_string(),
    )


def _proving(label: str, handler: Any, class_name: str, *hidden: rx.Component, asked: str | Var[str] = PROOF) -> rx.Component:
    return rx.el.form(
        *hidden,
        _field(asked, "proof", type="password", auto_complete="one-time-code", max_length=passwords.LONGEST),
        rx.el.button(label, type="submit", class_name=class_name),
        on_submit=handler,
        reset_on_submit=True,
        class_name="door-form",
    )


def _field(label: str | Var[str], name: str, **given: Any) -> rx.Component:
    return rx.el.label(rx.el.span(label), rx.el.input(name=name, required=True, class_name="input", **given))
