"""What proves who somebody is never reaches the log, whatever goes wrong: passwords, cookies, codes, links."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import Site
from conftest import copied
from guarded_site import OWNER, PASSWORDS, SESSION, ask, cookies_of, link_for, post
from hostile import call, connected, handlers, heard
from serving import running, settings_for

if TYPE_CHECKING:
    from conftest import Server


def authenticators_in(said: str) -> set[str]:
    """The secrets of authenticator apps in what a server said."""
    return {part for part in json.dumps(said).split('\\"') if len(part) == 32 and part.isalnum() and part.isupper()}


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_log_holds_nothing_that_opens_anything(server: "Server", template: str, tmp_path: Path, log_format: str) -> None:
    log, secrets = tmp_path / "log", set[str]()
    with copied(server, template) as name, log.open("w") as kept:
        settings = settings_for(server, name) | {"FLYUSAGE_LOG_LEVEL": "debug", "FLYUSAGE_LOG_FORMAT": log_format}
        site = Site("", settings)
        site.run("users", "create", OWNER)
        with running(log=kept, FLYUSAGE_SMTP_URL="smtp://127.0.0.1:1", **settings) as address:
            site = Site(address, settings)
            link = link_for(site, OWNER).partition("link=")[2]
            session = cookies_of(post(site, "/auth/set-password", link=link, password=PASSWORDS[OWNER]))[SESSION]
            post(site, "/auth/sign-in", email=OWNER, password="wrong lantern umbrella")
            post(site, "/auth/set-password", link=link, password="password123")
            post(site, "/auth/forgot", email=OWNER)  # a mail that cannot be sent: the log says so, not the link
            secrets |= {link, session, PASSWORDS[OWNER], "wrong lantern umbrella", "password123", "planted-by-a-thief"}
            for cookie, shows in ((f"{SESSION}={session}", authenticators_in), (f"{SESSION}=planted-by-a-thief", lambda _: True)):
                ask(site, "/orgs/prism/usage.csv", cookie=cookie)
                with connected(address, cookie=cookie) as client:
                    call(client, "state.no_such_thing", "/account", {"given": {"code": "739104"}})
                    for handler, parameters in sorted(handlers().items()):
                        call(client, handler, "/account", {name: {"code": "739104", "proof": "739104"} for name in parameters})
                    said = heard(client, seconds=1, until=shows)
                secrets |= authenticators_in(said)
            assert len(secrets) > 6, "no authenticator's secret was shown"
            secrets.add("739104")
    written = log.read_text()
    assert "no_such_thing" in written
    for secret in secrets:
        assert secret not in written
    assert "127.0.0.1:1" in written or "password_link_not_sent" in written
