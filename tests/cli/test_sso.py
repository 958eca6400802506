"""`flyusage sso`: show, disable, enable, unlink."""

import json

import pytest
from cast import Cast

from flyusage import db
from flyusage.auth.oidc import Person
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.orgs.sso import connections, domains, people
from flyusage.orgs.sso.connections import Wanted

BY = system("tests")


@pytest.fixture
def held(cast: Cast) -> None:
    import sqlalchemy as sa

    with db.transaction(cast.prism.id) as session:
        connections.save(session, cast.prism.id, Wanted("https://login.example", "client-7", "s3cr3t", default_role="viewer"), by=BY)
        connections.map_group(session, cast.prism.id, "money", Role.BILLING, by=BY)
        domains.claim(session, cast.prism.id, "prism.example", by=BY)
        session.execute(sa.text("UPDATE sso_domain SET verified_at = now()"))


def test_it_shows_how_an_organization_is_set_up_and_opens_a_door(flyusage, cast: Cast, held: None) -> None:
    said = flyusage("sso", "show", "prism").out
    for told in ("https://login.example", "client-7", "_flyusage.prism.example", "money", "passwords are let in too"):
        assert told in said
    shown = json.loads(flyusage("sso", "show", "prism", "--json").out)
    assert (shown["connection"]["client_id"], shown["groups"], shown["domains"][0]["domain"]) == (
        "client-7",
        {"money": "billing"},
        "prism.example",
    )
    assert "s3cr3t" not in said + str(shown)
    assert "is off" in flyusage("sso", "disable", "prism").out
    assert "has none that is on" in flyusage("sso", "disable", "prism").out
    assert "switched off by an operator" in flyusage("sso", "show", "prism").out
    assert "is on" in flyusage("sso", "enable", "prism").out
    assert "has no single sign-on" in flyusage("sso", "show", "rival").out


def test_a_link_is_undone(flyusage, cast: Cast, held: None) -> None:
    refused = flyusage("sso", "unlink", "prism", "member@prism.example")
    assert (refused.code, "has not come by the provider" in refused.err) == (1, True)
    with db.platform_transaction() as session:
        connection = connections.connection(session, cast.prism.id)
        assert connection is not None
        people.admit(session, connection, Person("https://login.example", "1", "member@prism.example", True, "", (), False, "", ()))
    assert "is linked to nobody" in flyusage("sso", "unlink", "prism", "member@prism.example").out
    assert flyusage("sso", "show", "nowhere").code == 1
