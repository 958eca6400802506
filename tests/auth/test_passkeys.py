"""Passkeys beside the code of an app, and instead of the password: what signs somebody in, and what does not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from auth.authenticator import Authenticator
from cast import Cast
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from pyotp.totp import TOTP

from flyusage import clock, db
from flyusage.auth import accounts, halfway, passkeys, second_factor, sessions
from flyusage.auth.errors import (
    PasskeyInvalid,
    PasskeyMissing,
    PasskeyRefused,
    SecondFactorAsked,
    SignInOver,
    SignInRefused,
    TooManyAttempts,
)
from flyusage.config import Settings, settings

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
GOOD = "violin oxide parcel thunder"
HOME = {"address": "198.51.100.7", "device": "Firefox on Linux"}
PUBLIC = Settings(base_url="https://usage.example:8443/")  # pyright: ignore[reportCallIssue]


def add(user_id: int, key: Authenticator, name: str = "Laptop") -> list[str]:
    with db.platform_transaction() as session:
        asked = passkeys.begin(session, user_id, "owner@prism.example", settings())
    with db.platform_transaction() as session:
        return passkeys.add(session, user_id, name, key.make(asked), settings())


def is_on(user_id: int) -> bool:
    with db.lookup_transaction() as session:
        return second_factor.is_on(session, user_id)


@pytest.fixture
def key(cast: Cast) -> Iterator[Authenticator]:
    """The owner's; GOOD is their password."""
    with clock.freeze(NOW):
        with db.platform_transaction() as session:
            accounts.set_password(session, cast.owner.user_id, GOOD)
        made = Authenticator()
        assert len(add(cast.owner.user_id, made)) == 10
        yield made


def half(cast: Cast) -> str:
    with pytest.raises(SecondFactorAsked) as told:
        accounts.sign_in(cast.owner.email, GOOD, **HOME)
    return told.value.secret


def finish(secret: str, answer: str) -> str:
    return halfway.finish_by_passkey(secret, answer, **HOME, note=lambda *_: None)


def test_password_and_passkey_sign_in_once_with_a_new_secret(cast: Cast, key: Authenticator):
    waiting = half(cast)
    answer = key.sign(halfway.passkey_asked(waiting))
    whole = finish(waiting, answer)
    with db.lookup_transaction() as session:
        found = sessions.reader_of(session, whole)
    assert found is not None
    assert (found.user_id, whole == waiting) == (cast.owner.user_id, False)
    with pytest.raises(SignInOver):
        finish(waiting, answer)
    with pytest.raises(PasskeyRefused):  # the challenge is spent
        finish(half(cast), answer)
    with db.platform_transaction() as session:
        assert [(one.name, one.used_at) for one in passkeys.passkeys(session, cast.owner.user_id)] == [("Laptop", NOW)]


def test_one_answer_at_the_same_moment_from_two_signs_in_once(cast: Cast, key: Authenticator):
    waiting = half(cast)
    answer = key.sign(halfway.passkey_asked(waiting))

    def attempt(_number: int) -> bool:
        with clock.freeze(NOW):
            try:
                return bool(finish(waiting, answer))
            except (PasskeyRefused, SignInOver):
                return False

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(attempt, range(4))) == [False, False, False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://flyusage.example.evil"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "https://localhost"},
        {"party": "evil.example"},
        {"count": -1},
    ],
)
def test_what_another_page_or_a_copied_key_signs_is_refused(cast: Cast, key: Authenticator, wrong: dict):
    first = half(cast)
    finish(first, key.sign(halfway.passkey_asked(first)))
    honest = vars(key).copy()
    vars(key).update(wrong)
    waiting = half(cast)
    if "count" in wrong:
        key.count = 0  # signs with 1, as it did the first time
    with pytest.raises(PasskeyRefused):
        finish(waiting, key.sign(halfway.passkey_asked(waiting)))
    vars(key).update(honest)
    assert finish(waiting, key.sign(halfway.passkey_asked(waiting)))


def test_a_key_signs_for_its_own_account_and_its_own_purpose_and_not_for_ever(cast: Cast, key: Authenticator):
    theirs = Authenticator()
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.outsider.user_id, GOOD)
    add(cast.outsider.user_id, theirs)
    waiting = half(cast)
    with pytest.raises(PasskeyRefused):
        finish(waiting, theirs.sign(halfway.passkey_asked(waiting)))
    with db.platform_transaction() as session:
        asked_to_add = passkeys.begin(session, cast.owner.user_id, cast.owner.email, settings())
    with pytest.raises(PasskeyRefused):
        finish(waiting, key.sign(asked_to_add))
    asked = halfway.passkey_asked(waiting)
    with clock.freeze(NOW + timedelta(minutes=5)), pytest.raises(PasskeyRefused):
        finish(waiting, key.sign(asked))
    with pytest.raises(PasskeyInvalid, match="here already"):
        add(cast.outsider.user_id, key)
    with pytest.raises(PasskeyInvalid):
        add(cast.owner.user_id, Authenticator(origin="https://evil.example"))


def enter(answer: str, *, address: str = "198.51.100.7") -> str:
    return accounts.sign_in_by_passkey(answer, address=address, device="Firefox", note=lambda *_: None, permit=lambda *_: None)


def test_a_passkey_alone_signs_its_own_account_in_once(cast: Cast, key: Authenticator):
    asked = accounts.passkey_asked("198.51.100.7")
    assert (json.loads(asked)["allowCredentials"], json.loads(asked)["userVerification"]) == ([], "required")  # tells of nobody
    answer = key.sign(asked)
    with db.lookup_transaction() as session:
        found = sessions.reader_of(session, enter(answer))
    assert found is not None
    assert (found.user_id, found.how.method) == (cast.owner.user_id, "passkey")
    with pytest.raises(PasskeyRefused):
        enter(answer)
    asked = accounts.passkey_asked("198.51.100.7")
    with clock.freeze(NOW + timedelta(minutes=5)), pytest.raises(PasskeyRefused):
        enter(key.sign(asked))


def test_alone_it_must_have_asked_its_owner_and_say_whose_it_is(cast: Cast, key: Authenticator):
    honest = vars(key).copy()
    theirs = Authenticator()
    add(cast.outsider.user_id, theirs)
    for wrong in ({"verifies": False}, {"handle": ""}, {"handle": theirs.handle}, {"origin": "https://evil.example"}, {"id": theirs.id}):
        vars(key).update(wrong)
        with pytest.raises(PasskeyRefused):
            enter(key.sign(accounts.passkey_asked("198.51.100.7")))
        vars(key).update({name: honest[name] for name in wrong})
    assert enter(key.sign(accounts.passkey_asked("198.51.100.7")))


def test_what_is_asked_after_a_password_and_what_is_asked_instead_of_it_are_two_things(cast: Cast, key: Authenticator):
    waiting = half(cast)
    with pytest.raises(PasskeyRefused):
        enter(key.sign(halfway.passkey_asked(waiting)))
    with pytest.raises(PasskeyRefused):
        finish(waiting, key.sign(accounts.passkey_asked("198.51.100.7")))


def test_whoever_asks_or_tries_too_often_waits_and_nobody_else(cast: Cast, key: Authenticator):
    for _ in range(60):
        with pytest.raises(PasskeyRefused):
            enter("{}", address="203.0.113.9")
    with pytest.raises(TooManyAttempts):
        enter(key.sign(accounts.passkey_asked("203.0.113.9")), address="203.0.113.9")
    assert enter(key.sign(accounts.passkey_asked("198.51.100.7")))


def test_a_domain_that_its_provider_signs_in_is_signed_in_by_no_passkey(cast: Cast, key: Authenticator):
    def forbid(_session: object, user_id: int) -> None:
        assert user_id == cast.owner.user_id
        raise SignInOver("the provider's")

    signed = key.sign(accounts.passkey_asked("198.51.100.7"))
    with pytest.raises(SignInOver):
        accounts.sign_in_by_passkey(signed, **HOME, note=lambda *_: None, permit=forbid)
    with db.platform_transaction() as session:
        assert sessions.devices(session, cast.owner.user_id) == []


def test_the_first_way_in_is_set_up_by_who_has_just_signed_in_or_knows_the_password(cast: Cast):
    with clock.freeze(NOW):
        with db.platform_transaction() as session:
            accounts.set_password(session, cast.owner.user_id, GOOD)
        with db.platform_transaction() as session:
            reader = sessions.reader_of(session, sessions.start(session, cast.owner.user_id, **HOME))
        assert reader is not None
        second_factor.permit_another(reader, "")
    with clock.freeze(NOW + timedelta(minutes=10)):
        for guess in ("", "not it", "123456"):
            with pytest.raises(SignInRefused, match="within ten minutes"):
                second_factor.permit_another(reader, guess)
        second_factor.permit_another(reader, GOOD)
        for _ in range(10):
            with pytest.raises(SignInRefused):
                second_factor.permit_another(reader, "guess")
        with pytest.raises(TooManyAttempts):
            second_factor.permit_another(reader, GOOD)


def test_guesses_are_counted_with_the_codes(cast: Cast, key: Authenticator):
    waiting = half(cast)
    for _ in range(10):
        with pytest.raises(PasskeyRefused):
            finish(waiting, "{}")
    with pytest.raises(TooManyAttempts):
        finish(waiting, key.sign(halfway.passkey_asked(waiting)))


@tried(max_examples=40)
@given(
    answer=st.text(max_size=80)
    | st.sampled_from(['{"id":"AA","rawId":"AA","type":"public-key","response":{}}', "[]", "null", "1", "[" * 16_000])
)
def test_nonsense_is_refused_in_a_sentence(answer: str):
    with pytest.raises(PasskeyRefused):
        passkeys.prove(None, 1, answer, PUBLIC)  # type: ignore[arg-type] it never comes to the database


def test_either_factor_is_enough_and_recovery_codes_go_with_the_last(cast: Cast, key: Authenticator):
    user = cast.owner.user_id
    with db.platform_transaction() as session:
        app = TOTP(second_factor.begin(session, user, cast.owner.email).secret)
        second_factor.confirm(session, user, app.at(NOW))
    second = Authenticator()
    assert add(user, second, name="Phone") == []
    with db.platform_transaction() as session:
        second_factor.switch_app_off(session, user)
    assert is_on(user)
    waiting = half(cast)
    assert finish(waiting, second.sign(halfway.passkey_asked(waiting)))
    with db.platform_transaction() as session:
        first, other = passkeys.passkeys(session, user)
        with pytest.raises(PasskeyMissing):
            passkeys.remove(session, cast.outsider.user_id, first.id)
        passkeys.rename(session, user, first.id, "Old laptop")
        assert passkeys.remove(session, user, first.id) == "Old laptop"
        assert second_factor.codes_left(session, user) == 10
        passkeys.remove(session, user, other.id)
        assert second_factor.codes_left(session, user) == 0
    assert not is_on(user)
    with db.platform_transaction() as session, pytest.raises(PasskeyMissing):
        passkeys.ask(session, user, settings())


def test_keys_are_made_for_the_address_that_is_configured_and_used_there_alone(cast: Cast):
    key = Authenticator(origin="https://usage.example:8443", party="usage.example")
    with db.platform_transaction() as session:
        asked = passkeys.begin(session, cast.owner.user_id, cast.owner.email, PUBLIC)
        assert passkeys.add(session, cast.owner.user_id, "Laptop", key.make(asked), PUBLIC)
    for origin, is_good in (("https://usage.example:8443", True), ("https://usage.example", False), ("http://localhost", False)):
        key.origin = origin
        with db.platform_transaction() as session:
            signed = key.sign(passkeys.ask(session, cast.owner.user_id, PUBLIC))
            if is_good:
                passkeys.prove(session, cast.owner.user_id, signed, PUBLIC)
            else:
                with pytest.raises(PasskeyRefused):
                    passkeys.prove(session, cast.owner.user_id, signed, PUBLIC)
