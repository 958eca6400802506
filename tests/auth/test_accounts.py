from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cast import Cast
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.exc import ProgrammingError

from flyusage import clock, db
from flyusage.auth import accounts, halfway, sessions, throttle
from flyusage.auth.errors import (
    AccountDisabled,
    AddressInvalid,
    LinkSpent,
    PasswordTooWeak,
    PasswordWrong,
    SignInOver,
    SignInRefused,
    TooManyAttempts,
    UserKnown,
    UserUnknown,
)

NOW = datetime(2026, 11, 15, tzinfo=UTC)
GOOD, BETTER = "violin oxide parcel thunder", "copper meadow lantern seven"
HOME = {"address": "198.51.100.7", "device": "Firefox on Linux"}


@pytest.fixture
def owner(cast: Cast) -> Iterator[str]:
    """The owner's address; GOOD is the password."""
    with clock.freeze(NOW):
        with db.platform_transaction() as session:
            accounts.set_password(session, cast.owner.user_id, GOOD)
        yield cast.owner.email


def reader(secret: str) -> sessions.Reader | None:
    with db.lookup_transaction() as session:
        return sessions.reader_of(session, secret)


def test_the_right_password_signs_in(owner: str, cast: Cast):
    secret = accounts.sign_in(owner.upper() + " ", GOOD, **HOME)
    found = reader(secret)
    assert found is not None
    assert (found.user_id, found.email) == (cast.owner.user_id, owner)


def test_a_name_is_no_web_address_which_mails_that_we_send_would_lead_to(cast: Cast):
    with db.platform_transaction() as session:
        assert accounts.create(session, "ann@example.com", name="Collect your prize at https://evil.example ").name == "ann"
        assert accounts.create(session, "bob@example.com", name=" Bob: the Builder ").name == "Bob: the Builder"


def test_wrong_ones_are_refused_alike_whether_the_account_exists(owner: str):
    said = set()
    for email, password in (
        (owner, BETTER),
        ("nobody@prism.example", GOOD),
        ("member@prism.example", GOOD),
        ("", ""),
        ("no address", GOOD),
        ("nul\0@prism.example", GOOD),
    ):
        with pytest.raises(SignInRefused) as refused:
            accounts.sign_in(email, password, **HOME)
        said.add(refused.value.sentence)
    assert len(said) == 1


def test_every_sign_in_has_a_secret_of_its_own_and_the_database_holds_none(owner: str):
    first, second = (accounts.sign_in(owner, GOOD, **HOME) for _ in range(2))
    assert first != second
    with db.platform_transaction() as session:
        assert first not in str(session.execute(sa.text("SELECT * FROM user_session")).all())


def test_a_session_ends_unused_and_ends_anyway(owner: str):
    secret = accounts.sign_in(owner, GOOD, **HOME)
    with clock.freeze(NOW + sessions.IDLE - timedelta(seconds=1)):
        assert reader(secret)  # seen, so it lasts on
    with clock.freeze(NOW + sessions.IDLE + timedelta(days=3)):
        assert reader(secret)
    with clock.freeze(NOW + sessions.IDLE + timedelta(days=3) + sessions.IDLE):
        assert reader(secret) is None
    busy = accounts.sign_in(owner, GOOD, **HOME)
    for day in range(1, 30):
        with clock.freeze(NOW + timedelta(days=day)):
            assert reader(busy)
    with clock.freeze(NOW + sessions.LONGEST):
        assert reader(busy) is None


def test_a_new_password_signs_out_everywhere(owner: str, cast: Cast):
    secret = accounts.sign_in(owner, GOOD, **HOME)
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, BETTER)
    assert reader(secret) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(owner, GOOD, **HOME)
    assert reader(accounts.sign_in(owner, BETTER, **HOME))


def test_devices_are_listed_and_signed_out_one_by_one_or_together(owner: str, cast: Cast):
    secrets = [accounts.sign_in(owner, GOOD, address="198.51.100.7", device=f"browser {number}\x1b[31m") for number in range(3)]
    with db.platform_transaction() as session:
        listed = sessions.devices(session, cast.owner.user_id)
        assert [one.device for one in listed] == ["browser 2[31m", "browser 1[31m", "browser 0[31m"]
        assert not sessions.end(session, cast.outsider.user_id, listed[0].session_id)  # somebody else's
        assert sessions.end(session, cast.owner.user_id, listed[0].session_id)
        assert not sessions.end(session, cast.owner.user_id, listed[0].session_id)
        assert sessions.end_all(session, cast.owner.user_id, but=listed[1].session_id) == 1
    assert [reader(secret) is not None for secret in secrets] == [False, True, False]


def test_guessing_is_slowed_and_what_is_right_comes_too_late(owner: str):
    for _ in range(throttle.PER_ACCOUNT.times):
        with pytest.raises(SignInRefused):
            accounts.sign_in(owner, BETTER, **HOME)
    with pytest.raises(TooManyAttempts, match="Wait 15 minutes") as refused:
        accounts.sign_in(owner, GOOD, **HOME)
    assert refused.value.retry_after_s == 900
    with clock.freeze(NOW + timedelta(seconds=900)):
        assert accounts.sign_in(owner, GOOD, **HOME)


def test_who_guesses_does_not_lock_the_owner_out_of_a_browser_that_was_signed_in(owner: str):
    mark = accounts.sign_in(owner, GOOD, **HOME)
    for _ in range(throttle.PER_ACCOUNT.times + 1):
        with pytest.raises((SignInRefused, TooManyAttempts)):
            accounts.sign_in(owner, BETTER, address="203.0.113.66", device="guesser")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in(owner, GOOD, address="203.0.113.66", device="guesser", mark="forged")
    assert accounts.sign_in(owner, GOOD, **HOME, mark=mark)


@pytest.mark.parametrize("address", ["203.0.113.66", "2606:4700:0:1::{:x}"])
def test_guessing_at_many_accounts_from_one_address_or_one_network_is_slowed(owner: str, address: str):
    for number in range(throttle.PER_ADDRESS.times):
        with pytest.raises(SignInRefused):
            accounts.sign_in(f"somebody-{number}@prism.example", GOOD, address=address.format(number), device="guesser")
    with pytest.raises(TooManyAttempts):
        accounts.sign_in("one-more@prism.example", GOOD, address=address.format(5000), device="guesser")
    assert accounts.sign_in(owner, GOOD, **HOME)


def test_tries_at_the_same_time_are_all_counted(database):
    def attempt(_: int) -> bool:
        try:
            with db.platform_transaction() as session:
                throttle.count(session, "test", "x", throttle.Limit(5, 60))
        except TooManyAttempts:
            return False
        return True

    with clock.freeze(NOW), ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(20))) == 5


def test_counters_are_swept_once_their_window_is_over(database):
    with clock.freeze(NOW), db.platform_transaction() as session:
        throttle.count(session, "test", "x", throttle.Limit(5, 60))
        assert throttle.sweep(session) == 0
    with clock.freeze(NOW + timedelta(seconds=60)), db.platform_transaction() as session:
        assert throttle.sweep(session) == 1


def test_a_link_sets_a_password_once_even_when_two_come_at_once(owner: str, cast: Cast):
    with db.platform_transaction() as session:
        secret = accounts.new_link(session, cast.member.user_id, "set_password")

    def spend(_: int) -> bool:
        try:
            with db.platform_transaction() as session:
                accounts.set_password(session, accounts.spend_link(session, secret, "set_password"), BETTER)
        except LinkSpent:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(spend, range(4))) == [False, False, False, True]
    assert reader(accounts.sign_in(cast.member.email, BETTER, **HOME))


def test_a_weak_password_leaves_the_link_good(owner: str, cast: Cast):
    with db.platform_transaction() as session:
        secret = accounts.new_link(session, cast.member.user_id, "set_password")
    with pytest.raises(PasswordTooWeak), db.platform_transaction() as session:
        accounts.set_password(session, accounts.spend_link(session, secret, "set_password"), "password12")
    with db.platform_transaction() as session:
        assert accounts.spend_link(session, secret, "set_password") == cast.member.user_id


def test_a_link_runs_out_is_for_one_thing_and_is_replaced_by_the_next(owner: str, cast: Cast):
    with db.platform_transaction() as session:
        old = accounts.new_link(session, cast.member.user_id, "set_password")
        new = accounts.new_link(session, cast.member.user_id, "set_password")
    tried: list[tuple[str, accounts.Purpose]] = [
        (old, "set_password"),
        (new, "verify_address"),
        ("", "set_password"),
        ("\udcff", "set_password"),
    ]
    for secret, purpose in tried:
        with pytest.raises(LinkSpent), db.platform_transaction() as session:
            accounts.spend_link(session, secret, purpose)
    with clock.freeze(NOW + timedelta(hours=24)), pytest.raises(LinkSpent), db.platform_transaction() as session:
        accounts.spend_link(session, new, "set_password")


def test_accounts_are_made_once_per_address(database):
    with db.platform_transaction() as session:
        made = accounts.create(session, " Ada@Example.COM ", name="Ada \u202eL\x00ovelace")
        assert (made.email, made.name) == ("ada@example.com", "Ada Lovelace")
        with pytest.raises(UserKnown):
            accounts.create(session, "ada@example.com")
        assert accounts.known(session, "ADA@example.com") == made
        with pytest.raises(UserUnknown):
            accounts.known(session, "bob@example.com")


@pytest.mark.parametrize("bad", ["", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@exam\nple.com", "a@b@c.de", "<a@b.de>",
                                 "x" * 250 + "@b.de", "a@b.de\x00"])  # fmt: skip
def test_what_is_no_address_is_refused(database, bad: str):
    with pytest.raises(AddressInvalid), db.platform_transaction() as session:
        accounts.create(session, bad)


def test_everybody_must_sign_in_once_anybody_can(cast: Cast):
    def asked() -> bool:
        with db.lookup_transaction() as session:
            return accounts.is_anybody(session)

    assert not asked()
    with db.platform_transaction() as session:
        accounts.new_link(session, cast.member.user_id, "set_password")
    assert asked()


def test_a_tenant_reads_nobodys_password_session_or_link(cast: Cast):
    for table in ("user_account", "user_session", "one_time_link", "rate_counter"):
        with pytest.raises(ProgrammingError, match="permission denied"), db.transaction(cast.prism.id) as session:
            session.execute(sa.text(f"SELECT 1 FROM {table}"))


def test_a_domain_is_one_however_it_is_written(database):
    with db.platform_transaction() as session:
        made = accounts.create(session, "Ada@Bücher.Example")
        assert made.email == "ada@xn--bcher-kva.example"
        for again in ("ada@xn--bcher-kva.example", "ada@XN--BCHER-KVA.example", "ada@bu\u0308cher.example", "ada@bücher\u3002example"):
            assert accounts.known(session, again) == made
        assert accounts.normal("a@straße.example") != accounts.normal("a@strasse.example")  # two domains, of two owners
        accounts.set_password(session, made.user_id, GOOD)
    assert accounts.sign_in("ada@bücher.example", GOOD, **HOME)


def test_a_refusal_does_the_same_work_whether_or_not_there_is_an_account(real_cost: None, owner: str, monkeypatch: pytest.MonkeyPatch):
    """As many statements and one password of the same cost; the time that it takes is measured by the benchmark (`access`)."""
    monkeypatch.setattr(throttle, "PER_ACCOUNT", throttle.Limit(1000, 900))
    monkeypatch.setattr(throttle, "PER_ADDRESS", throttle.Limit(1000, 900))
    asked: list[str] = []
    verified: list[str] = []
    verify = Argon2Hasher.verify

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    def noted(hasher: Argon2Hasher, password: str, kept: str) -> bool:
        verified.append(kept.rsplit("$", 2)[0])  # the function and its cost
        return verify(hasher, password, kept)

    monkeypatch.setattr(Argon2Hasher, "verify", noted)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    who = {"has a password": owner, "has none": "member@prism.example", "nobody": "nobody@prism.example"}
    work: dict[str, set[tuple[int, str]]] = {one: set() for one in who}
    for turn in range(4):
        for one in sorted(who, reverse=bool(turn % 2)):
            asked.clear()
            verified.clear()
            with pytest.raises(SignInRefused):
                accounts.sign_in(who[one], BETTER, **HOME)
            (cost,) = verified
            work[one].add((len(asked), cost))
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len(set.union(*work.values())) == 1, work


def test_who_is_signed_in_changes_the_password_by_the_one_of_now(owner: str, cast: Cast):
    here, elsewhere = (accounts.sign_in(owner, GOOD, **HOME) for _ in range(2))
    me, said = reader(here), []
    assert me is not None

    def change(present: str, wanted: str) -> str:
        return accounts.change_password(me, present, wanted, **HOME, note=lambda _, user_id: said.append(user_id))

    for present, wanted, why in ((BETTER, BETTER, PasswordWrong), ("", BETTER, PasswordWrong), (GOOD, "short", PasswordTooWeak)):
        with pytest.raises(why):
            change(present, wanted)
    assert reader(here)
    assert reader(elsewhere)  # nothing was changed
    said.clear()
    new = change(GOOD, BETTER)
    assert (reader(here), reader(elsewhere), said) == (None, None, [cast.owner.user_id])  # this browser gets a new secret
    assert (found := reader(new)) is not None
    assert found.how == me.how
    with pytest.raises(SignInRefused):
        accounts.sign_in(owner, GOOD, **HOME)
    accounts.sign_in(owner, BETTER, **HOME)
    for _ in range(throttle.PER_ACCOUNT.times):
        with pytest.raises(PasswordWrong):
            change(GOOD, GOOD)
    with pytest.raises(TooManyAttempts):
        change(BETTER, GOOD)


def test_nobody_signs_in_to_a_disabled_account_by_whatever_way(owner: str, cast: Cast):
    user = cast.owner.user_id
    open_page = accounts.sign_in(owner, GOOD, **HOME)
    with db.platform_transaction() as session:
        link, half = accounts.new_link(session, user, "set_password"), halfway.start(session, user)
        assert accounts.disable(session, user) == 1
    assert reader(open_page) is None
    with pytest.raises(SignInRefused):  # a wrong password is told nothing else than before
        accounts.sign_in(owner, BETTER, **HOME)
    with pytest.raises(AccountDisabled):
        accounts.sign_in(owner, GOOD, **HOME)
    for begin in (lambda session: halfway.start(session, user), lambda session: sessions.start(session, user, **HOME)):
        with db.platform_transaction() as session, pytest.raises(AccountDisabled):
            begin(session)
    with pytest.raises(SignInOver):
        halfway.finish(half, "123456", **HOME, note=lambda *_: None)
    with db.platform_transaction() as session:
        assert accounts.enable(session, user)
        assert not accounts.enable(session, user)
        assert accounts.spend_link(session, link, "set_password") == user
    assert reader(open_page) is None  # what was ended stays so
    accounts.sign_in(owner, GOOD, **HOME)


def test_who_signs_in_while_the_account_is_disabled_is_out_a_moment_later(owner: str, cast: Cast):
    def disable() -> int:
        with db.platform_transaction() as session:
            return accounts.disable(session, cast.owner.user_id)

    with ThreadPoolExecutor(1) as thread:
        with db.platform_transaction() as session:
            secret = sessions.start(session, cast.owner.user_id, **HOME)
            ended = thread.submit(disable)
            _until_somebody_waits()
        assert ended.result() == 1
    assert reader(secret) is None


def _until_somebody_waits() -> None:
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(1000):
        with db.plain_connection() as connection:
            if connection.scalar(waiting):
                return
    pytest.fail("nobody waits for the account")
