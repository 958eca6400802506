import pytest
from cast import Cast

from flyusage import db
from flyusage.auth import accounts, sessions
from flyusage.auth.errors import PersonNameInvalid
from flyusage.orgs import audit
from flyusage.ui import reader
from flyusage.ui.pages import account
from flyusage.ui.pages.account import browser_name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 9) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.15.0", "curl/8.15.0"),
        ("", "A browser that does not say which"),
    ],
)  # fmt: skip
def test_browsers_are_named_as_people_do(words: str, name: str):
    assert browser_name(words) == name


def test_a_person_changes_their_own_name_which_is_told_once(cast: Cast):
    def told() -> list[tuple]:
        with db.platform_transaction() as session:
            found = audit.entries(session, cast.prism.id)
        return [(one.actor, one.subject, one.detail) for one in found if one.action == "account.rename"]

    assert account._rename("Nobody") == ""
    with db.platform_transaction() as session:
        reader._secret.set(sessions.start(session, cast.member.user_id, address="::1", device=""))
        was = accounts.known(session, cast.member.email).name
    try:
        assert account._rename("  Ada\u202e  Lovelace\n") == "Ada Lovelace"
        assert account._rename("Ada Lovelace") == "Ada Lovelace"
        for name in ("", " \n", "x" * 201, "see https://evil.example", "www.evil.example"):
            with pytest.raises(PersonNameInvalid):
                account._rename(name)
        with db.platform_transaction() as session:
            assert accounts.known(session, cast.member.email).name == "Ada Lovelace"
    finally:
        reader._secret.set("")
    person = f"user:{cast.member.user_id}"
    assert told() == [(person, person, {"before": was, "after": "Ada Lovelace"})]
