"""A command that a member lets in fetches its token for the page's code and its own verifier, once, within a minute."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from asking_api import ask
from cast import Cast, Person, add_person

from flyusage import clock, db
from flyusage.auth import sessions
from flyusage.auth.throttle import PER_ADDRESS
from flyusage.orgs import api_tokens, terminal_sign_ins
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, TokenInvalid
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.ui import reader
from flyusage.ui.pages import terminal

NOW = datetime(2030, 11, 20, 12, tzinfo=UTC)
READING = ("prices.read", "usage.read")
REFUSED = (403, "terminal_sign_in_over")


@pytest.fixture(autouse=True)
def _then(cast: Cast) -> Iterator[None]:
    with clock.freeze(NOW):
        yield
    reader._secret.set("")


def allowed(person: Person, verifier: str, *, scopes=READING, by=None, machine="ada's laptop") -> str:
    with db.platform_transaction() as session:
        return terminal_sign_ins.allow(
            session, person.org_id, challenge=terminal_sign_ins.challenge_of(verifier), machine=machine, scopes=scopes,
            by=by or member(person.user_id, person.role),
        )  # fmt: skip


def fetched(code: str, verifier: str) -> tuple[int, str]:
    """The status, and the token or the problem's code."""
    answer = ask("/terminal-sign-ins", method="POST", json={"code": code, "verifier": verifier})
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json().get("token") or answer.json()["code"]


def tokens(org_id: int) -> list[api_tokens.Token]:
    with db.transaction(org_id) as session:
        return api_tokens.tokens(session, org_id)


def test_code_and_verifier_together_fetch_a_token_of_the_members_own(cast: Cast):
    verifier = secrets.token_urlsafe(32)
    code = allowed(cast.owner, verifier)
    assert tokens(cast.prism.id) == []  # none is there that could be lost on the way
    status, secret = fetched(code, verifier)
    assert status == 200
    with db.lookup_transaction() as session:
        found = api_tokens.bearer_of(session, secret)
    assert (found.org_id, found.by.name, found.permissions) == (cast.prism.id, f"user:{cast.owner.user_id}", set(READING))
    assert found.expires_at == NOW + timedelta(days=90)
    assert [one.name for one in tokens(cast.prism.id)] == ["flyusage login on ada's laptop"]
    with db.platform_transaction() as session:
        acts = "SELECT actor, action FROM audit_event WHERE org_id = :org AND action LIKE 'tokens.%'"
        assert session.execute(sa.text(acts), {"org": cast.prism.id}).all() == [(f"user:{cast.owner.user_id}", "tokens.create")]
        assert code not in str(session.execute(sa.text("SELECT * FROM audit_event")).all())


def test_a_code_is_good_once(cast: Cast):
    code = allowed(cast.owner, "mine")
    assert fetched(code, "mine")[0] == 200
    assert fetched(code, "mine") == REFUSED
    assert len(tokens(cast.prism.id)) == 1


def test_whoever_has_the_code_alone_gets_nothing_and_spends_it(cast: Cast):
    code = allowed(cast.owner, "mine")
    for verifier in (terminal_sign_ins.challenge_of("mine"), "mine"):
        assert fetched(code, verifier) == REFUSED
    assert fetched(allowed(cast.outsider, "theirs"), "mine") == REFUSED  # somebody else's code
    assert fetched("made up", "mine") == REFUSED
    odd = b'{"code": "\\ud800", "verifier": "\\u0000"}'
    assert ask("/terminal-sign-ins", method="POST", content=odd, headers={"content-type": "application/json"}).status_code in (400, 403)
    assert tokens(cast.prism.id) == tokens(cast.rival.id) == []


def test_a_code_is_over_after_a_minute_and_swept_by_the_next(cast: Cast):
    late, kept = allowed(cast.owner, "mine"), allowed(cast.owner, "mine")
    with clock.freeze(NOW + timedelta(seconds=60)):
        assert fetched(late, "mine") == REFUSED
        allowed(cast.owner, "again")
        with db.platform_transaction() as session:
            assert session.scalar(sa.text("SELECT count(*) FROM terminal_sign_in")) == 1
    with clock.freeze(NOW + timedelta(seconds=59)):
        assert fetched(kept, "mine") == REFUSED  # swept


def test_who_lost_the_role_meanwhile_or_left_gets_none(cast: Cast):
    change = sa.text("UPDATE membership SET role = 'viewer' WHERE user_id = :user")
    with db.platform_transaction() as session:
        dev = add_person(session, "dev@prism.example", cast.prism, Role.DEVELOPER)
    for statement in (change, sa.text("DELETE FROM membership WHERE user_id = :user")):
        code = allowed(dev, "mine")
        with db.platform_transaction() as session:
            session.execute(statement, {"user": dev.user_id})
        assert fetched(code, "mine") == (403, "not_permitted")
        with db.platform_transaction() as session:
            session.execute(sa.text("UPDATE membership SET role = 'developer' WHERE user_id = :user"), {"user": dev.user_id})
    assert tokens(cast.prism.id) == []


def test_nobody_allows_more_than_they_may_nor_to_let_others_in(cast: Cast):
    with db.platform_transaction() as session:
        dev = add_person(session, "dev@prism.example", cast.prism, Role.DEVELOPER)
    for person, scopes, refusal in (
        (cast.member, READING, NotPermitted),  # a viewer makes no tokens
        (dev, ("billing.edit",), NotPermitted),
        (cast.owner, ("members.manage",), TokenInvalid),
        (cast.owner, ("organization.delete",), TokenInvalid),
        (cast.owner, ("everything",), TokenInvalid),
        (cast.owner, (), TokenInvalid),
    ):
        with pytest.raises(refusal):
            allowed(person, "mine", scopes=scopes)
    with pytest.raises(NotPermitted):
        allowed(cast.owner, "mine", by=system("loopback"))
    with pytest.raises(NotPermitted):  # of another organization
        allowed(cast.owner, "mine", by=member(cast.outsider.user_id, Role.OWNER))


def test_guessing_codes_is_slowed(cast: Cast):
    for _ in range(PER_ADDRESS.times):
        assert fetched("made up", "mine") == REFUSED
    assert fetched(allowed(cast.owner, "mine"), "mine")[0] == 429


def at(**changed: str) -> dict[str, str]:
    """The parameters of a page's address."""
    word = terminal_sign_ins.challenge_of("mine")
    return {"challenge": word, "state": word, "port": "40000", "machine": "laptop", "scopes": ""} | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"port": port} for port in ("80", "65536", "-1", "٤٠٠٠٠", "1.5", "evil.example", "40000@evil.example", "4e4")
    ] + [{"challenge": ""}, {"challenge": "short"}, {"challenge": "=" * 43}, {"state": ""}, {"state": "&code=theirs"}],
)  # fmt: skip
def test_an_address_that_leads_elsewhere_or_asks_nothing_is_no_question(changed: dict[str, str]):
    assert terminal._asked(at()) is not None
    assert terminal._asked(at(**changed)) is None


def test_an_answer_goes_to_this_machine_alone_whatever_the_address_says():
    asked = terminal._asked(at(host="evil.example", redirect_uri="https://evil.example", machine="//evil.example/"))
    assert asked is not None
    assert asked.back(code="x&y").startswith("http://127.0.0.1:40000/?code=x%26y&state=")


def test_the_page_offers_what_the_reader_may_give_and_allows_as_them(cast: Cast):
    with db.platform_transaction() as session:
        shown = {one.email: sessions.start(session, one.user_id, address="::1", device="") for one in (cast.owner, cast.member)}
    asked = terminal._asked(at())
    assert asked is not None
    reader._secret.set(shown[cast.owner.email])
    (offered,) = terminal._choices(asked)
    assert offered.slug == "prism"
    assert set(offered.scopes) == {one.value for one in PERMISSIONS[Role.OWNER] - api_tokens.NEVER - api_tokens.LETTING_IN}
    less = terminal._asked(at(scopes="usage.read,members.manage,organization.delete"))
    assert less is not None
    assert terminal._choices(less)[0].scopes == ("usage.read",)
    status, secret = fetched(terminal._allow(less, "prism", ["usage.read"]), "mine")
    assert status == 200
    with db.lookup_transaction() as session:
        assert api_tokens.bearer_of(session, secret).permissions == {Permission.USAGE_READ}
    reader._secret.set(shown[cast.member.email])
    assert terminal._choices(asked) == []
    with pytest.raises(NotPermitted):
        terminal._allow(asked, "prism", ["usage.read"])
