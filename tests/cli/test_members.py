"""`flyusage members` and `orgs create`: thin over the same verbs."""

import json

from cast import Cast
from factories import ingest, started


def test_members_are_listed_changed_and_removed(flyusage, cast: Cast) -> None:
    assert "owner@prism.example" in flyusage("members", "list", "prism").out
    assert "is billing of prism" in flyusage("members", "role", "prism", "Member@prism.example", "billing").out
    assert flyusage("members", "remove", "prism", "member@prism.example").code == 0
    told = json.loads(flyusage("members", "list", "prism", "--json").out)
    assert [(one["email"], one["role"]) for one in told["members"]] == [("owner@prism.example", "owner")]
    said = flyusage("members", "remove", "prism", "owner@prism.example")
    assert (said.code, "keeps an owner" in said.err) == (1, True)
    assert "nobody's address in prism" in flyusage("members", "role", "prism", "x@y.example", "viewer").err


def test_people_are_invited_and_without_a_mail_server_the_link_is_printed(flyusage, cast: Cast) -> None:
    said = flyusage("members", "invite", "prism", "ada@x.example", "nonsense", "--role", "viewer")
    assert "ada@x.example joins here: http://127.0.0.1:8321/invitation?link=" in said.out
    assert said.code == 3  # one of the two is no address
    (first,) = json.loads(flyusage("members", "invite", "prism", "ada@x.example", "--json").out)
    assert (first["outcome"], first["link"]) == ("waiting", None)
    assert "viewer, invited" in flyusage("members", "list", "prism").out


def test_seats_are_agreed_shown_and_kept(flyusage, cast: Cast) -> None:
    assert "are not counted" in flyusage("members", "seats", "prism").out
    assert flyusage("members", "seats", "prism", "--included", "1").code == 1
    assert "is no amount" in flyusage("members", "seats", "prism", "--included", "1", "--price", "ten").err
    told = json.loads(flyusage("members", "seats", "prism", "--included", "1", "--price", "10", "--json").out)
    assert told == {"used": 1, "included": 1, "paid": 0, "price": "$10.00"}
    said = flyusage("members", "invite", "prism", "ada@x.example", "--role", "admin")
    assert (said.code, "1 seat is missing" in said.err) == (1, True)


def test_an_organization_is_made_once(flyusage, cast: Cast) -> None:
    assert "nova is there." in flyusage("orgs", "create", "nova", "--name", "Nova", "--owner", "owner@rival.example").out
    assert json.loads(flyusage("orgs", "create", "vega", "--json").out)["slug"] == "vega"
    assert "another organization's slug" in flyusage("orgs", "create", "nova").err
    assert "No account has the address" in flyusage("orgs", "create", "lyra", "--owner", "x@y.example").err


def test_people_are_limited_to_apps_by_name(flyusage, cast: Cast) -> None:
    ingest([started("m", "2026-10-01T00:00:00Z", app="web"), started("n", "2026-10-01T00:00:00Z", app="api")])
    assert (
        "member@prism.example sees api, web of prism."
        in flyusage("members", "apps", "prism", "member@prism.example", "--app", "web", "--app", "api").out
    )
    assert "Name the apps" in flyusage("members", "apps", "prism", "member@prism.example").err
    assert "no app 'nil' here" in flyusage("members", "apps", "prism", "member@prism.example", "--app", "nil").err
    assert "role owner sees every app" in flyusage("members", "apps", "prism", "owner@prism.example", "--app", "web").err
    flyusage("members", "invite", "prism", "ada@x.example", "--app", "web")
    told = json.loads(flyusage("members", "list", "prism", "--json").out)
    assert [(one["email"], one["apps"]) for one in told["members"]] == [
        ("member@prism.example", ["api", "web"]),
        ("owner@prism.example", None),
    ]
    assert told["invitations"][0]["apps"] == ["web"]
    made = json.loads(flyusage("tokens", "create", "prism", "--name", "ci", "--scope", "usage.read", "--app", "web", "--json").out)
    assert made["apps"] == ["web"]
    assert json.loads(flyusage("tokens", "list", "prism", "--json").out)[0]["apps"] == ["web"]
    assert "Nothing but their membership" in flyusage("members", "remove", "prism", "member@prism.example", "--preview").out
    assert "sees every app" in flyusage("members", "apps", "prism", "member@prism.example", "--all").out
