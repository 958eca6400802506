"""The second factor on the account's page: an app, passkeys, and recovery codes: set up, named, renewed, switched off."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from typing import Any

import reflex as rx
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
        if not await self._make(_confirm, text_in(given, "code", longest=60)):
            return
        from flyusage.ui.pages.account import Account  # late: its page holds this one's section

        yield Account.load

    @rx.event
    async def renew(self, given: dict[str, Any]):
        """Show new recovery codes."""
        await self._make(_renew, text_in(given, "proof", longest=passwords.LONGEST))

    @rx.event
    async def stop(self, given: dict[str, Any]):
        """Switch it off."""
        if await self._make(_stop, text_in(given, "proof", longest=passwords.LONGEST)):
            yield browser.toast("success", "The second factor is off.")

    @rx.event
    async def add_passkey(self, name: str, answer: str):
        """Keep a passkey that this browser made; recovery codes are shown where it is the first factor."""
        if not await self._make(_add_passkey, str(name), str(answer)):
            return
        from flyusage.ui.pages.account import Account  # late: its page holds this one's section

        yield Account.load
        if not self.codes:  # else they say it, and are to be read
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

    async def _make(self, change: Callable[..., list[str] | None], *given: str) -> bool:
        """Whether `change` was made; the recovery codes that it gave are shown, or why it was not."""
        try:
            codes = await asyncio.to_thread(change, *given)
        except FlyusageError as error:
            self._fail(error)
            return False
        self._forget()
        self.codes = codes or []
        await self._read()
        return True

    async def _change(self, change: Callable[[int, str], None], given: object, field: str) -> None:
        fields = given if isinstance(given, dict) else {}
        which = text_in(fields, "passkey", longest=18)
        await self._make(partial(change, int(which) if which.isdecimal() else 0), text_in(fields, field, longest=passwords.LONGEST))

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
