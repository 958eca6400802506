"""Accounts that people make by themselves: by the forms, through a real mail server."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from background import run_async
from cast import Cast
from mailserver import Mailserver
from starlette.applications import Starlette

from flyusage import config, db
from flyusage.auth import accounts, sessions, throttle
from flyusage.auth import sign_up as signing_up
from flyusage.orgs import invitations
from flyusage.orgs.acting import system
from flyusage.orgs.errors import InvitationForAnother
from flyusage.orgs.models import Role
from flyusage.orgs.sso import connections, domains
from flyusage.orgs.sso.connections import Wanted
from flyusage.ui import sign_up
from flyusage.ui.pages.door import said_of

PASSWORD, NEW = "violin oxide parcel thunder", "new@prism.example"
Choose = Callable[..., None]


@pytest.fixture
def choose(cast: Cast, mailserver: Mailserver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Choose]:
    """Sets FLYUSAGE_SIGN_UP (open unless another is given) where somebody, Prism's owner, can sign in."""

    def set_to(sign_up: str = "open") -> None:
        monkeypatch.setenv("FLYUSAGE_SIGN_UP", sign_up)
        monkeypatch.setenv("FLYUSAGE_SMTP_URL", mailserver.url)
        monkeypatch.setenv("FLYUSAGE_BASE_URL", "http://usage.example")
        config.settings.cache_clear()

    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, PASSWORD)
    yield set_to
    monkeypatch.undo()
    config.settings.cache_clear()


def post(path: str, **fields: str) -> httpx.Response:
    async def send() -> httpx.Response:
        carried = httpx.ASGITransport(app=Starlette(routes=sign_up.routes))
        async with httpx.AsyncClient(transport=carried, base_url="http://usage.example") as client:
            return await client.post(path, data=fields)

    return run_async(send())


def ask(email: str) -> str:
    return post("/auth/sign-up", email=email).headers["location"]


def finish(link: str, organization: str = "", password: str = PASSWORD) -> httpx.Response:
    return post("/auth/new-account", link=link, name="Ada", password=password, organization=organization)


def letters(mailserver: Mailserver) -> list[tuple[str, str]]:
    """To whom, and the address that the letter's link opens."""
    texts = [(one.to[0], message_from_bytes(one.content, policy=default).get_body(("plain",)).get_content()) for one in mailserver.got]
    return [(to, re.findall(r"http://\S+", text)[0]) for to, text in texts]


def sent(mailserver: Mailserver, email: str = NEW) -> str:
    """The secret of the link that was sent last."""
    to, link = letters(mailserver)[-1]
    assert to == email
    return link.partition("/new-account?link=")[2]


def memberships(email: str) -> list[tuple[str, str]]:
    with db.platform_transaction() as session:
        rows = session.execute(
            sa.text(
                """SELECT o.slug, m.role FROM user_account u JOIN membership m ON m.user_id = u.id JOIN organization o ON o.id = m.org_id
                   WHERE u.email = :email ORDER BY o.slug"""
            ),
            {"email": email},
        )
        return [(row.slug, row.role) for row in rows]


def test_the_link_makes_the_account_and_its_organization_once_also_when_four_come_at_once(choose: Choose, mailserver: Mailserver) -> None:
    choose()
    assert ask(" New@Prism.example ") == "/sign-up?problem=sign_up_sent"
    assert said_of("sign_up_sent") == ("A link is on its way to that address. It works once, for a day.", True)
    link = sent(mailserver)
    with db.platform_transaction() as session:
        assert accounts.find(session, NEW) is None  # nothing is made before the link comes back
    assert "problem=password_too_weak" in finish(link, password="password123").headers["location"]  # and the link is still good
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: finish(link, "  Prism &  Söhne "), range(4)))
    assert sorted(one.headers["location"] for one in answers) == ["/orgs/prism-sohne", *["/sign-up?problem=link_spent"] * 3]
    (made,) = (one for one in answers if one.headers["location"] == "/orgs/prism-sohne")
    secret = dict(cookie.split(";")[0].split("=", 1) for cookie in made.headers.get_list("set-cookie"))["flyusage_session"]
    with db.lookup_transaction() as session:
        reader = sessions.reader_of(session, secret)
    assert reader is not None and (reader.email, reader.name, reader.how.method) == (NEW, "Ada", "link")
    assert memberships(NEW) == [("prism-sohne", "owner")]
    assert accounts.sign_in(NEW, PASSWORD, address="198.51.100.7", device="")


def test_no_answer_tells_whether_there_is_an_account(choose: Choose, mailserver: Mailserver) -> None:
    choose()
    answers = {ask(email) for email in (NEW, "owner@prism.example", "member@prism.example")}
    assert answers == {"/sign-up?problem=sign_up_sent"}
    told = dict(letters(mailserver))
    assert told["owner@prism.example"] == "http://usage.example/sign-in"
    assert told["member@prism.example"].startswith("http://usage.example/set-password?link=")  # has no password yet
    assert told[NEW].startswith("http://usage.example/new-account?link=")
    assert memberships("owner@prism.example") == [("prism", "owner")]


def test_who_joins_nothing_belongs_nowhere_and_equal_names_get_slugs_of_their_own(choose: Choose, mailserver: Mailserver) -> None:
    choose()
    for email, name, onward in (
        ("a@x.example", "", "/welcome"),
        ("b@x.example", "Prism", "/orgs/prism-2"),
        ("c@x.example", "日本", "/orgs/organization"),
    ):
        ask(email)
        assert finish(sent(mailserver, email), name).headers["location"] == onward
    assert memberships("a@x.example") == []
    ask("d@x.example")
    again = finish(sent(mailserver, "d@x.example"), "x" * 101).headers["location"]
    assert "problem=name_invalid" in again
    assert finish(sent(mailserver, "d@x.example"), "x").headers["location"] == "/orgs/x"


def test_an_address_that_has_an_account_by_now_and_older_links_make_none(choose: Choose, mailserver: Mailserver) -> None:
    choose()
    ask(NEW)
    older = sent(mailserver)
    ask(NEW)
    assert finish(older).headers["location"] == "/sign-up?problem=link_spent"
    with db.platform_transaction() as session:
        accounts.create(session, NEW, name="By an invitation")
    assert finish(sent(mailserver)).headers["location"] == "/sign-up?problem=link_spent"
    assert finish("").headers["location"] == "/sign-up?problem=link_spent"


def test_of_a_sign_up_and_an_invitation_of_one_address_at_once_one_makes_the_account(
    choose: Choose, cast: Cast, mailserver: Mailserver
) -> None:
    choose()
    ask(NEW)
    link = sent(mailserver)
    with db.platform_transaction() as session:
        (invited,) = invitations.invite(session, cast.prism.id, [NEW], Role.VIEWER, by=system("tests"))
    with ThreadPoolExecutor(1) as threads:
        with db.platform_transaction() as session:
            signing_up.finish(session, link, name="Ada", password=PASSWORD)
            late = threads.submit(accept, invited.secret)
            until_it_waits(late)
        with pytest.raises(InvitationForAnother):
            late.result()
        ask("bob@prism.example")
        link = sent(mailserver, "bob@prism.example")
        with db.platform_transaction() as session:
            accounts.create(session, "bob@prism.example")
            late_page = threads.submit(finish, link)
            until_it_waits(late_page)
        assert late_page.result().headers["location"] == "/sign-up?problem=link_spent"
    assert memberships(NEW) == []  # the invitation still waits for them to sign in


def until_it_waits(late: "Future[Any]") -> None:
    """For a lock that the caller holds."""
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    while not late.done():
        with db.plain_connection() as connection:
            if connection.scalar(waiting):
                return
    pytest.fail("it waited for nobody")


def accept(secret: str) -> None:
    with db.platform_transaction() as session:
        invitations.accept_as_new(session, secret, name="Eve", password="another violin parcel oxide")


@pytest.mark.parametrize(
    ("setting", "email", "is_let_in"),
    [
        ("closed", NEW, False),
        ("prism.example, rival.example", NEW, True),
        ("prism.example", "new@evil-prism.example", False),
        ("prism.example", "new@sub.prism.example", False),
    ],
)
def test_only_those_whom_the_installation_lets_make_one(
    choose: Choose, mailserver: Mailserver, setting: str, email: str, is_let_in: bool
) -> None:
    choose(setting)
    assert ("sign_up_sent" if is_let_in else "sign_up_closed") in ask(email)
    assert len(mailserver.got) == is_let_in
    if is_let_in:
        choose("closed")  # between the mail and its link
        assert finish(sent(mailserver)).headers["location"] == "/sign-up?problem=sign_up_closed"


def test_whom_a_provider_must_sign_in_is_sent_there_also_with_a_link(choose: Choose, cast: Cast, mailserver: Mailserver) -> None:
    choose()
    ask(NEW)
    with db.platform_transaction() as session:
        connections.save(session, cast.prism.id, Wanted("https://login.example", "client", "secret"), by=system("tests"))
        domains.claim(session, cast.prism.id, "prism.example", by=system("tests"))
        session.execute(sa.text("UPDATE sso_domain SET verified_at = now()"))
        session.execute(sa.text("UPDATE sso_connection SET is_enforced = true"))
    assert finish(sent(mailserver)).headers["location"] == "/sign-in?problem=sso_needed"
    assert ask("other@prism.example").startswith("/sign-in?problem=sso_needed")
    with db.platform_transaction() as session:
        assert accounts.find(session, NEW) is None
    assert len(mailserver.got) == 1


def test_mails_are_counted_with_those_of_new_passwords(choose: Choose, mailserver: Mailserver) -> None:
    choose()
    said = [ask(NEW) for _ in range(throttle.MAILS_PER_ACCOUNT.times + 1)]
    assert ["too_many_attempts" in one for one in said] == [*[False] * throttle.MAILS_PER_ACCOUNT.times, True]
    assert "address_invalid" in ask("nonsense")
