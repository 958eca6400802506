import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyusage.auth import breached, passwords
from flyusage.auth.errors import PasswordBreached, PasswordTooWeak

pytestmark = pytest.mark.usefixtures("real_cost")
GOOD = "violin oxide parcel thunder"


def test_a_password_is_its_own_and_nobody_elses():
    kept = passwords.hash_of(GOOD)
    assert GOOD not in kept
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")  # RFC 9106, section 4: where memory is scarce
    assert passwords.verify(GOOD, kept) == (True, None)
    assert passwords.verify(GOOD + " ", kept) == (False, None)
    assert passwords.verify("", kept) == (False, None)


def test_nobody_has_no_password():
    assert passwords.verify(GOOD, None) == (False, None)


def test_what_is_longer_than_any_password_is_refused_unhashed():
    assert passwords.verify("x" * 100_000, passwords.hash_of(GOOD)) == (False, None)


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("short", "needs 10 characters"),
        ("password123456", "would be guessed"),
        ("aaaaaaaaaaaaaaaa", "would be guessed"),
        ("qwertyuiop123", "would be guessed"),
        ("x" * 257, "256 characters at most"),
    ],
)
def test_weak_ones_are_refused_with_the_reason(weak: str, why: str):
    with pytest.raises(PasswordTooWeak, match=why):
        passwords.hash_of(weak)


def test_ones_own_name_and_address_make_no_password():
    with pytest.raises(PasswordTooWeak):
        passwords.hash_of("margarethe.zimmermann", known=("Margarethe Zimmermann", "margarethe.zimmermann@prism.example"))


def test_a_hash_of_yesterdays_cost_is_renewed():
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8192),)).hash(GOOD)
    is_right, renewed = passwords.verify(GOOD, cheap)
    assert is_right
    assert renewed is not None
    assert passwords.verify(GOOD, renewed) == (True, None)


@pytest.mark.parametrize("known", ["Kugelfisch9", "kugelfisch9", "3385900972", "!!!gerard!!!"])
def test_what_looks_strong_and_is_known_from_a_breach_is_refused(known: str):
    with pytest.raises(PasswordBreached, match="known from a breach"):
        passwords.hash_of(known)


@given(st.lists(st.text(max_size=30), max_size=40), st.text(max_size=30))
@settings(max_examples=50)
def test_of_packed_passwords_each_is_found_and_no_other(packed: list[str], other: str):
    with pytest.MonkeyPatch.context() as patched:
        kept = breached.packed(packed)
        patched.setattr(breached, "_kept", lambda: kept)
        assert all(breached.is_breached(one) for one in packed)
        assert breached.is_breached(other) == (other.lower() in {one.lower() for one in packed})
