import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pyotp
import pytest
import sqlalchemy as sa
from cast import Cast

from flyusage import clock, config, db
from flyusage.auth import accounts, halfway, second_factor, sessions, vault
from flyusage.auth.errors import CodeWrong, SecondFactorAsked, SecondFactorIsOn, SignInOver, TooManyAttempts, VaultLocked

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
GOOD = "violin oxide parcel thunder"
HOME = {"address": "198.51.100.7", "device": "Firefox on Linux"}
HALF_MINUTE = timedelta(seconds=30)


class App:
    """What a phone shows at a moment."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self, at: datetime) -> str:
        return pyotp.TOTP(self.secret).at(at)


@pytest.fixture
def app(cast: Cast) -> Iterator[App]:
    """Ada's phone, set up five minutes ago; GOOD is her password."""
    with clock.freeze(NOW - timedelta(minutes=5)), db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, GOOD)
        app = App(second_factor.begin(session, cast.owner.user_id, cast.owner.email).secret)
        app.recovery = second_factor.confirm(session, cast.owner.user_id, app.code(clock.now()))  # pyright: ignore[reportAttributeAccessIssue]
    with clock.freeze(NOW):
        yield app


def asked(cast: Cast) -> str:
    """The secret of a sign-in that waits for the code."""
    with pytest.raises(SecondFactorAsked) as told:
        accounts.sign_in(cast.owner.email, GOOD, **HOME)
    return told.value.secret


def finish(secret: str, code: str) -> str:
    return halfway.finish(secret, code, **HOME, note=lambda *_: None)


def reader(secret: str) -> sessions.Reader | None:
    with db.lookup_transaction() as session:
        return sessions.reader_of(session, secret)


def test_the_reference_values_of_the_standard_hold():
    """RFC 6238, appendix B: SHA-1, the secret 12345678901234567890; here the last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        with clock.freeze(datetime.fromtimestamp(seconds, UTC)):
            assert second_factor._step_of(secret, code) == seconds // 30


def test_the_password_alone_grants_nothing(cast: Cast, app: App):
    secret = asked(cast)
    assert reader(secret) is None
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM user_session")) == 0


def test_password_and_code_sign_in_with_a_new_secret(cast: Cast, app: App):
    half = asked(cast)
    whole = finish(half, app.code(NOW))
    found = reader(whole)
    assert found is not None
    assert found.user_id == cast.owner.user_id
    assert whole != half


def test_a_code_is_good_once_and_none_older_after_it(cast: Cast, app: App):
    finish(asked(cast), app.code(NOW))
    for code in (app.code(NOW), app.code(NOW - HALF_MINUTE)):
        with pytest.raises(CodeWrong):
            finish(asked(cast), code)
    assert finish(asked(cast), app.code(NOW + HALF_MINUTE))


@pytest.mark.parametrize(("drift", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(cast: Cast, app: App, drift: int, is_good: bool):
    code = app.code(NOW + drift * HALF_MINUTE)
    if is_good:
        assert finish(asked(cast), code)
    else:
        with pytest.raises(CodeWrong):
            finish(asked(cast), code)


@pytest.mark.parametrize(
    "code", ["", "0", "12345", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "\0", "\ud800", "9" * 5000, "x" * 300]
)
def test_nonsense_is_no_code(cast: Cast, app: App, code: str):
    with pytest.raises(CodeWrong):
        finish(asked(cast), code)


def in_parallel(tries: int, act) -> list[str]:
    """What each of several that come at the same moment got: "in", or why not. All see the frozen time."""

    def one(number: int) -> str:
        try:
            act(number)
        except (CodeWrong, SignInOver) as error:
            return error.code
        return "in"

    with ThreadPoolExecutor(tries) as threads:
        return sorted(threads.map(one, range(tries)))


def test_a_code_shown_by_several_at_once_lets_one_in(cast: Cast, app: App):
    halves = [asked(cast) for _ in range(6)]
    assert in_parallel(6, lambda number: finish(halves[number], app.code(NOW))) == ["code_wrong"] * 5 + ["in"]


def test_a_recovery_code_is_good_once_also_at_once(cast: Cast, app: App):
    codes = app.recovery  # pyright: ignore[reportAttributeAccessIssue]
    assert len(set(codes)) == 10
    halves = [asked(cast) for _ in range(6)]
    assert in_parallel(6, lambda number: finish(halves[number], codes[0])) == ["code_wrong"] * 5 + ["in"]
    assert finish(asked(cast), codes[1].lower().replace("-", " "))
    with db.platform_transaction() as session:
        assert second_factor.codes_left(session, cast.owner.user_id) == 8
        kept = session.execute(sa.text("SELECT * FROM recovery_code")).all()
    assert not [code for code in codes if code in str(kept) or code.replace("-", "") in str(kept)]


def test_a_half_sign_in_is_finished_once_and_within_ten_minutes(cast: Cast, app: App):
    half, late = asked(cast), asked(cast)
    finish(half, app.code(NOW))
    with pytest.raises(SignInOver):
        finish(half, app.code(NOW + HALF_MINUTE))
    with clock.freeze(NOW + timedelta(minutes=10)), pytest.raises(SignInOver):
        finish(late, app.code(clock.now()))
    with pytest.raises(SignInOver):
        finish("forged", app.code(NOW + HALF_MINUTE))


def test_another_accounts_code_is_of_no_use(cast: Cast, app: App):
    with db.platform_transaction() as session:
        other = App(second_factor.begin(session, cast.member.user_id, cast.member.email).secret)
        second_factor.confirm(session, cast.member.user_id, other.code(NOW - HALF_MINUTE))
    with pytest.raises(CodeWrong):
        finish(asked(cast), other.code(NOW))


def test_codes_are_throttled_like_passwords(cast: Cast, app: App):
    half = asked(cast)
    for _ in range(10):
        with pytest.raises(CodeWrong):
            finish(half, "000000")
    with pytest.raises(TooManyAttempts):
        finish(half, app.code(NOW))
    with clock.freeze(NOW + timedelta(minutes=16)):
        assert finish(asked(cast), app.code(clock.now()))


def test_a_new_password_ends_half_sign_ins_and_keeps_the_factor(cast: Cast, app: App):
    half = asked(cast)
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, "copper meadow lantern seven")
        assert second_factor.is_on(session, cast.owner.user_id)
    with pytest.raises(SignInOver):
        finish(half, app.code(NOW))


def test_it_is_asked_for_once_confirmed_and_not_before(cast: Cast):
    with clock.freeze(NOW), db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, GOOD)
        first = second_factor.begin(session, cast.owner.user_id, cast.owner.email)
        setup = second_factor.begin(session, cast.owner.user_id, cast.owner.email)
    assert first.secret != setup.secret
    with clock.freeze(NOW):
        assert accounts.sign_in(cast.owner.email, GOOD, **HOME)
        with pytest.raises(CodeWrong), db.platform_transaction() as session:
            second_factor.confirm(session, cast.owner.user_id, App(first.secret).code(NOW))
        with db.platform_transaction() as session:
            second_factor.confirm(session, cast.owner.user_id, App(setup.secret).code(NOW))
        with pytest.raises(SecondFactorIsOn), db.platform_transaction() as session:
            second_factor.begin(session, cast.owner.user_id, cast.owner.email)
        asked(cast)
        with db.platform_transaction() as session:
            second_factor.switch_off(session, cast.owner.user_id)
        assert accounts.sign_in(cast.owner.email, GOOD, **HOME)


def test_new_recovery_codes_spend_the_old_ones(cast: Cast, app: App):
    with db.platform_transaction() as session:
        new = second_factor.renew_codes(session, cast.owner.user_id)
    with pytest.raises(CodeWrong):
        finish(asked(cast), app.recovery[0])  # pyright: ignore[reportAttributeAccessIssue]
    assert finish(asked(cast), new[0])


def test_the_picture_is_an_svg_without_scripts_or_sizes(cast: Cast, app: App):
    address = second_factor._picture("otpauth://totp/flyusage:a?secret=ABC")
    assert address.startswith("data:image/svg+xml")
    picture = unquote(address)
    assert "<svg" in picture
    assert "width=" not in picture.partition(">")[0]
    assert "script" not in picture


def test_the_apps_secret_is_sealed_to_its_account(cast: Cast, app: App):
    with db.platform_transaction() as session:
        box = bytes(session.scalar(sa.text("SELECT sealed_secret FROM second_factor")))
    assert app.secret.encode() not in box
    assert vault.unseal(box, f"second_factor of user {cast.owner.user_id}") == app.secret.encode()
    for wrong, about in (
        (box, "second_factor of user 0"),
        (box[:-1] + bytes([box[-1] ^ 1]), f"second_factor of user {cast.owner.user_id}"),
    ):
        with pytest.raises(VaultLocked, match="FLYUSAGE_SECRET_KEY"):
            vault.unseal(wrong, about)


def test_a_key_can_be_replaced(monkeypatch: pytest.MonkeyPatch):
    old, new = (hashlib.sha256(name).hexdigest() for name in (b"old", b"new"))

    def use(keys: str) -> None:
        monkeypatch.setenv("FLYUSAGE_SECRET_KEY", keys)
        config.settings.cache_clear()

    try:
        use(old)
        box = vault.seal(b"content", "x")
        use(f"{new}, {old}")
        assert vault.unseal(box, "x") == b"content"
        newer = vault.seal(b"content", "x")
        use(new)
        assert vault.unseal(newer, "x") == b"content"
        with pytest.raises(VaultLocked):
            vault.unseal(box, "x")
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()


def test_without_a_key_one_is_made_for_this_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("FLYUSAGE_DATA_DIR", str(tmp_path / "data"))
    config.settings.cache_clear()
    try:
        with ThreadPoolExecutor(8) as threads:
            keys = set(threads.map(lambda _: vault._kept_key(), range(8)))
        (kept,) = (tmp_path / "data").iterdir()
        assert keys == {kept.read_text()}
        assert kept.stat().st_mode & 0o777 == 0o600
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()


@pytest.mark.parametrize("key", ["short", "a" * 64, "changeme" * 8])
def test_a_key_that_would_be_guessed_refuses_to_start(monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("FLYUSAGE_SECRET_KEY", key)
    config.settings.cache_clear()
    try:
        with pytest.raises(config.SettingsInvalid, match="FLYUSAGE_SECRET_KEY cannot be used: must be 32 random characters") as said:
            config.settings()
        assert key not in said.value.sentence
    finally:
        monkeypatch.undo()
        config.settings.cache_clear()
