"""A directory provisions an organization: the RFCs' own tester, and what must follow for members, seats, sessions and the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from asking_api import served
from cast import Cast
from mailserver import Mailserver
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from flyusage import config, db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.api.scim import routes, storage
from flyusage.api.scim.resources import user_resource
from flyusage.auth import sessions
from flyusage.orgs import api_tokens, audit, invitations, organizations, provisioning, scim_tokens
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, RoleUnknown, TokenRefused
from flyusage.orgs.models import Role

USER, GROUP = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"


def secret_of(org_id: int) -> str:
    with db.transaction(org_id) as session:
        return scim_tokens.create(session, org_id, "directory", by=system("tests"))[1]


@contextmanager
def directory(secret: str) -> Iterator[httpx.Client]:
    with (
        served(routes.routes) as address,
        httpx.Client(base_url=f"{address}/scim/v2", headers={"authorization": f"Bearer {secret}"}) as made,
    ):
        yield made


def test_the_rfcs_tester_finds_nothing_amiss(cast: Cast):
    with directory(secret_of(cast.prism.id)) as client:
        results = check_server(SyncSCIMClient(client))
    amiss = [f"{one.title}: {one.reason}" for one in results if one.status not in (Status.SUCCESS, Status.COMPLIANT)]
    assert amiss == []
    assert len(results) > 50


def person(name: str, **more) -> dict:
    return {"schemas": [USER], "userName": name, "emails": [{"value": name, "primary": True}], **more}


def group(name: str, *members: str) -> dict:
    return {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members]}


def patch(*operations: dict) -> dict:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def add(client: httpx.Client, name: str, **more) -> dict:
    answered = client.post("Users", json=person(name, **more))
    assert answered.status_code == 201, answered.text
    return answered.json()


def people(cast: Cast) -> dict[str, str]:
    with db.transaction(cast.prism.id) as session:
        return {row.email: row.role for row in session.execute(sa.text("SELECT email, role FROM people_of_organization(NULL)"))}


def told(cast: Cast) -> list[tuple[str, str, dict]]:
    with db.transaction(cast.prism.id) as session:
        return [(one.actor, one.action, dict(one.detail)) for one in audit.entries(session, cast.prism.id)]


@pytest.fixture
def client(cast: Cast) -> Iterator[httpx.Client]:
    with directory(secret_of(cast.prism.id)) as made:
        yield made


def test_somebody_new_belongs_here_at_once_and_no_more_when_they_are_inactive(cast: Cast, client: httpx.Client):
    made = add(client, "Ada@Prism.Example", externalId="00u1", displayName="Ada", title="left out")
    assert "title" not in made
    assert people(cast)["ada@prism.example"] == "viewer"
    with db.platform_transaction() as session:
        user_id = session.scalar(sa.text("SELECT id FROM user_account WHERE email = 'ada@prism.example'"))
        cookie = sessions.start(session, user_id, address="192.0.2.1", device="a browser")
        token = api_tokens.create(session, cast.prism.id, name="ci", scopes=["usage.read"], by=system("tests"), user_id=user_id)
    gone = client.patch(f"Users/{made['id']}", json=patch({"op": "Replace", "path": "active", "value": False}))
    assert (gone.status_code, client.get(f"Users/{made['id']}").json()["active"]) == (204, False)
    assert "ada@prism.example" not in people(cast)
    with db.lookup_transaction() as session:
        assert sessions.reader_of(session, cookie) is None
        with pytest.raises(TokenRefused, match="does not belong"):
            api_tokens.bearer_of(session, token.secret)
    back = client.patch(f"Users/{made['id']}", json=patch({"op": "replace", "value": {"active": True, "displayName": "Ada L."}}))
    assert back.status_code == 204
    assert people(cast)["ada@prism.example"] == "viewer"
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT name FROM user_account WHERE id = :id"), {"id": user_id}) == "Ada L."
    assert client.delete(f"Users/{made['id']}").status_code == 204
    assert "ada@prism.example" not in people(cast)
    acted = [(actor.partition(":")[0], action) for actor, action, _ in told(cast)]
    assert ("scim", "members.provision") in acted
    assert acted.count(("scim", "members.remove")) == 2
    assert add(client, "ada@prism.example")["id"] != made["id"]  # the account was made for this organization: it comes back
    assert people(cast)["ada@prism.example"] == "viewer"


def test_an_account_of_somebody_else_is_invited_and_nothing_of_it_changes(cast: Cast, client: httpx.Client):
    answers = [add(client, "owner@rival.example", displayName="Mallory"), add(client, "nobody@rival.example", displayName="Mallory")]
    assert [sorted(one) for one in answers] == [sorted(answers[0])] * 2, "the answer tells whether there is an account"
    assert "owner@rival.example" not in people(cast)
    with db.transaction(cast.prism.id) as session:
        assert [(one.email, one.role) for one in invitations.waiting(session, cast.prism.id)] == [("owner@rival.example", "viewer")]
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT name FROM user_account WHERE email = 'owner@rival.example'")) == "Owner"
        session.execute(sa.text("UPDATE user_account SET name = 'Nora' WHERE email = 'nobody@rival.example'"))
        join = "INSERT INTO membership SELECT :rival, id, 'viewer', now() FROM user_account WHERE email = 'nobody@rival.example'"
        session.execute(sa.text(join), {"rival": cast.rival.id})
        cookie = sessions.start(
            session,
            session.scalar(sa.text("SELECT id FROM user_account WHERE email = 'nobody@rival.example'")),
            address="192.0.2.1",
            device="a browser",
        )
    assert client.put(f"Users/{answers[1]['id']}", json=person("nobody@rival.example", displayName="Eve")).json()["displayName"] == "Eve"
    for one in answers:
        assert client.delete(f"Users/{one['id']}").status_code == 204
    with db.platform_transaction() as session:  # who belongs elsewhere by now keeps name and session
        assert session.scalar(sa.text("SELECT name FROM user_account WHERE email = 'nobody@rival.example'")) == "Nora"
        assert sessions.reader_of(session, cookie) is not None
    with db.transaction(cast.prism.id) as session:
        assert invitations.waiting(session, cast.prism.id) == []


def test_the_last_owner_stays_and_a_directory_is_told_why(cast: Cast, client: httpx.Client):
    made = add(client, "owner@prism.example")
    assert people(cast)["owner@prism.example"] == "owner"
    for refused in (
        client.delete(f"Users/{made['id']}"),
        client.patch(f"Users/{made['id']}", json=patch({"op": "replace", "path": "active", "value": False})),
    ):
        assert refused.status_code == 409
        assert refused.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert "keeps an owner" in refused.json()["detail"]
    assert client.get(f"Users/{made['id']}").json()["active"] is True
    in_group = client.post("Groups", json=group("All", made["id"])).json()
    with db.transaction(cast.prism.id) as session:
        provisioning.map_group(session, cast.prism.id, in_group["id"], Role.VIEWER, by=member(cast.owner.user_id, Role.OWNER))
    assert people(cast)["owner@prism.example"] == "owner"


@pytest.mark.parametrize("how", ["inactive", "deleted"])
def test_budgets_write_no_more_to_whom_the_directory_takes_out(cast: Cast, client: httpx.Client, how: str):
    made = add(client, "ada@prism.example")
    with db.transaction(cast.prism.id) as session:
        budgets.create(session, cast.prism.id, Plan("All", 100, recipients=("ada@prism.example", "x@y.example")), by=system("tests"))
    renamed = client.patch(f"Users/{made['id']}", json=patch({"op": "replace", "path": "displayName", "value": "Ada L."}))
    assert renamed.status_code == 204
    with db.transaction(cast.prism.id) as session:
        assert budgets.budgets(session, cast.prism.id)[0].plan.recipients == ("ada@prism.example", "x@y.example")
    if how == "deleted":
        client.delete(f"Users/{made['id']}")
    else:
        client.patch(f"Users/{made['id']}", json=patch({"op": "replace", "path": "active", "value": False}))
    assert "ada@prism.example" not in people(cast)
    with db.transaction(cast.prism.id) as session:
        assert budgets.budgets(session, cast.prism.id)[0].plan.recipients == ("x@y.example",)


def test_whom_somebody_invited_to_some_apps_sees_no_more_by_the_directory(cast: Cast, client: httpx.Client):
    with db.platform_transaction() as session:
        app = session.scalar(sa.text("INSERT INTO app (org_id, name) VALUES (:org, 'web') RETURNING id"), {"org": cast.prism.id})
    with db.transaction(cast.prism.id) as session:
        both = ["ada@prism.example", "owner@rival.example"]
        invitations.invite(session, cast.prism.id, both, Role.DEVELOPER, by=system("tests"), apps=[app])
    ada, elsewhere = (add(client, one) for one in both)
    with db.transaction(cast.prism.id) as session:
        assert session.execute(sa.text("SELECT role, app_ids FROM membership WHERE app_ids IS NOT NULL")).all() == [("viewer", [app])]
        (waiting,) = invitations.waiting(session, cast.prism.id)
        assert (waiting.email, waiting.app_ids) == ("owner@rival.example", (app,))
    made = client.post("Groups", json=group("Money", ada["id"], elsewhere["id"])).json()
    for role, apps in ((Role.DEVELOPER, (app,)), (Role.BILLING, None)):
        with db.transaction(cast.prism.id) as session:
            provisioning.map_group(session, cast.prism.id, made["id"], role, by=member(cast.owner.user_id, Role.OWNER))
            (waiting,) = invitations.waiting(session, cast.prism.id)
        assert (waiting.role, waiting.app_ids) == (role, apps)


@pytest.mark.parametrize("how", ["inactive", "deleted"])
def test_who_comes_back_sees_the_apps_they_saw_and_no_more(cast: Cast, client: httpx.Client, how: str):
    with db.platform_transaction() as session:
        apps = session.scalars(
            sa.text("INSERT INTO app (org_id, name) VALUES (:o, 'web'), (:o, 'api') RETURNING id"), {"o": cast.prism.id}
        ).all()
    both = ["ada@prism.example", "owner@rival.example"]
    made = [add(client, one) for one in both]

    def granted() -> list[object]:
        """Ada's as a member, and the stranger's as their invitation says."""
        with db.transaction(cast.prism.id) as session:
            asked = "SELECT app_ids FROM membership m JOIN people_of_organization(NULL) p USING (user_id) WHERE p.email = :email"
            waiting = [list(one.app_ids or ()) or None for one in invitations.waiting(session, cast.prism.id) if one.email == both[1]]
            return [session.scalar(sa.text(asked), {"email": both[0]}), *waiting]

    assert granted() == [None, None]
    with db.transaction(cast.prism.id) as session:
        session.execute(sa.text("UPDATE membership SET app_ids = :apps WHERE role = 'viewer'"), {"apps": [apps[0]]})
        session.execute(sa.text("UPDATE invitation SET app_ids = :apps"), {"apps": [apps[1]]})
    for one in made:
        if how == "deleted":
            assert client.delete(f"Users/{one['id']}").status_code == 204
        else:
            client.patch(f"Users/{one['id']}", json=patch({"op": "replace", "path": "active", "value": False}))
    assert both[0] not in people(cast)
    for one, email in zip(made, both, strict=True):
        if how == "deleted":
            add(client, email)
        else:
            client.patch(f"Users/{one['id']}", json=patch({"op": "replace", "path": "active", "value": True}))
    assert granted() == [[apps[0]], [apps[1]]]


def test_what_is_not_offered_is_said_and_refused(client: httpx.Client):
    config = client.get("ServiceProviderConfig").json()
    assert config["bulk"]["supported"] is False
    for method, path in (("GET", "Me"), ("PATCH", "Me"), ("POST", "Bulk")):
        answer = client.request(method, path, json=None if method == "GET" else {})
        assert (path, answer.status_code) == (path, 501)
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_groups_give_roles_and_take_them(cast: Cast, client: httpx.Client):
    ada, bob = add(client, "ada@prism.example"), add(client, "bob@prism.example")
    made = client.post("Groups", json=group("Developers", ada["id"])).json()
    assert people(cast)["ada@prism.example"] == "viewer"
    owner = member(cast.owner.user_id, Role.OWNER)
    with db.transaction(cast.prism.id) as session:
        provisioning.map_group(session, cast.prism.id, made["id"], Role.DEVELOPER, by=owner)
        with pytest.raises(RoleUnknown):
            provisioning.map_group(session, cast.prism.id, made["id"], Role.OWNER, by=owner)
        with pytest.raises(NotPermitted):
            provisioning.map_group(session, cast.prism.id, made["id"], None, by=member(cast.member.user_id, Role.VIEWER))
    assert people(cast)["ada@prism.example"] == "developer"
    client.patch(f"Groups/{made['id']}", json=patch({"op": "Add", "path": "members", "value": [{"value": bob["id"]}]}))
    assert people(cast)["bob@prism.example"] == "developer"
    assert [one["value"] for one in client.get(f"Users/{bob['id']}").json()["groups"]] == [made["id"]]
    client.patch(f"Groups/{made['id']}", json=patch({"op": "Remove", "path": f'members[value eq "{bob["id"]}"]'}))
    assert people(cast)["bob@prism.example"] == "viewer"
    assert client.delete(f"Groups/{made['id']}").status_code == 204
    assert people(cast)["ada@prism.example"] == "viewer"
    assert client.post("Groups", json=group("Ghosts", "nobody")).status_code == 400


def test_no_seat_is_taken_that_is_neither_included_nor_paid(cast: Cast, client: httpx.Client):
    with db.platform_transaction() as session:
        session.execute(sa.text("INSERT INTO seat_plan VALUES (:org, 1, 9, 'USD')"), {"org": cast.prism.id})
    with db.transaction(cast.prism.id) as session:
        provisioning.choose_default_role(session, cast.prism.id, Role.DEVELOPER, by=member(cast.owner.user_id, Role.OWNER))
    refused = client.post("Users", json=person("ada@prism.example"))
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("1 seat is missing: 1 are included, 0 paid, 2 used. Add 1 at $9.00 a month")
    assert client.get("Users").json()["totalResults"] == 0
    assert "ada@prism.example" not in people(cast)


def test_users_are_filtered_sorted_paged_and_changed_by_version(cast: Cast, client: httpx.Client):
    made = {
        name: add(client, f"{name}@prism.example", externalId=name.upper(), displayName=name.title()) for name in ("cleo", "ada", "bob")
    }
    matching = {
        'userName eq "ADA@prism.example"': ["ada"],
        'externalId eq "BOB"': ["bob"],
        'externalId eq "bob"': [],
        'displayName eq "cleo"': ["cleo"],
        'emails[value eq "bob@prism.example"]': ["bob"],
        'emails.value sw "a" or displayName co "LE"': ["cleo", "ada"],
        'userName ew "prism.example" and not (externalId eq "ADA")': ["cleo", "bob"],
        "active eq false": [],
    }
    for wanted, names in matching.items():
        found = client.get("Users", params={"filter": wanted}).json()
        assert {one["id"] for one in found.get("Resources", [])} == {made[name]["id"] for name in names}, wanted
    page = client.get("Users", params={"sortBy": "userName", "sortOrder": "descending", "startIndex": 2, "count": 1}).json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert [one["userName"] for one in page["Resources"]] == ["bob@prism.example"]
    paged = [client.get("Users", params={"startIndex": start, "count": 2}).json()["Resources"] for start in (1, 3)]
    assert sorted(one["id"] for part in paged for one in part) == sorted(one["id"] for one in made.values())
    assert client.get("Users", params={"filter": "userName eq"}).json()["scimType"] == "invalidFilter"
    ada = made["ada"]
    version = {"if-match": ada["meta"]["version"]}
    assert client.get(f"Users/{ada['id']}", headers={"if-none-match": ada["meta"]["version"]}).status_code == 304
    change = patch({"op": "replace", "path": "displayName", "value": "A"})
    assert client.patch(f"Users/{ada['id']}", json=change, headers=version).status_code == 204
    assert client.put(f"Users/{ada['id']}", json=person("ada@prism.example"), headers=version).status_code == 412
    assert client.post("Users", json=person("Ada@prism.example")).json()["scimType"] == "uniqueness"
    assert client.post("Users", json=person("no address")).status_code == 400
    assert (
        client.post("Users", json={"schemas": [USER], "userName": "dan@prism.example"}).json()["emails"][0]["value"] == "dan@prism.example"
    )


def test_a_directory_reaches_its_own_organization_alone_and_only_while_its_token_works(cast: Cast, client: httpx.Client):
    made, ours = add(client, "ada@prism.example"), client.post("Groups", json=group("All")).json()
    theirs = {"authorization": f"Bearer {secret_of(cast.rival.id)}"}
    for path in (f"Users/{made['id']}", f"Groups/{ours['id']}"):
        for answered in (
            client.get(path, headers=theirs),
            client.delete(path, headers=theirs),
            client.put(path, json=person("x@rival.example") if "Users" in path else group("x"), headers=theirs),
        ):
            assert answered.status_code == 404
    assert client.get("Users", headers=theirs).json()["totalResults"] == 0
    assert client.post("Groups", json=group("Mine", made["id"]), headers=theirs).status_code == 400
    with db.platform_transaction() as session:
        api = api_tokens.create(session, cast.prism.id, name="ci", scopes=["members.read"], by=system("tests")).secret
    for shown in ("", "Basic Zm9v", f"Bearer {api}", "Bearer flyscim_x", f"Bearer {api_tokens.new_secret('flyscim_')}"):
        refused = client.get("Users", headers={"authorization": shown})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="SCIM"'
        assert refused.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    owner = member(cast.owner.user_id, Role.OWNER)
    with db.transaction(cast.prism.id) as session:
        organizations.delete(session, cast.prism.id, by=owner)
    refused = client.get("Users")
    assert (refused.status_code, "is deleted" in refused.json()["detail"]) == (401, True)
    with db.transaction(cast.prism.id) as session:
        organizations.undo_deletion(session, cast.prism.id, by=owner)
    with db.transaction(cast.prism.id) as session:
        token = scim_tokens.tokens(session, cast.prism.id)[0]
        assert token.used_at is not None
        scim_tokens.revoke(session, cast.prism.id, token.id, by=owner)
        with pytest.raises(NotPermitted):
            scim_tokens.create(session, cast.prism.id, "mine", by=member(cast.member.user_id, Role.VIEWER))
    assert "was revoked" in client.get("Users").json()["detail"]
    with db.platform_transaction() as session:
        assert str(client.headers["authorization"])[7:] not in str(session.execute(sa.text("SELECT * FROM scim_token")).all())


def test_what_is_no_body_is_an_error_and_too_much_is_not_read(cast: Cast, client: httpx.Client):
    for body in (b"", b"[]", b"null", b"{", b'{"schemas":[]}', b"\xff\xfe", b'{"userName": 1}'):
        assert client.post("Users", content=body, headers={"content-type": "application/scim+json"}).status_code == 400
    assert client.post("Users", content=b" " * 4_000_001).status_code == 413
    assert client.post("Users", json=person("ada@prism.example", displayName="x\0")).status_code == 400
    assert client.get("Users/x%00y").status_code == 404
    assert client.post("Bulk", json={}).status_code == 501
    assert client.put("Users", json={}).status_code == 405
    assert client.get("Machines").status_code == 404


def test_somebody_new_is_written_to(cast: Cast, client: httpx.Client, mailserver: Mailserver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", mailserver.url)
    config.settings.cache_clear()
    add(client, "ada@prism.example")
    add(client, "owner@rival.example")
    monkeypatch.undo()
    config.settings.cache_clear()
    assert [(one.to, message_from_bytes(one.content)["subject"]) for one in mailserver.got] == [
        (["ada@prism.example"], "Your account on flyusage, from Prism"),
        (["owner@rival.example"], "Join Prism on flyusage"),
    ]


def test_what_is_nested_without_end_is_refused_in_a_sentence(client: httpx.Client):
    for body in (b"[" * 100_000, b'{"schemas":' * 50_000, b'{"userName":"a@b.example","name":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_001):
        for path in ("Users", "Groups"):
            answered = client.post(path, content=body, headers={"content-type": "application/scim+json"})
            assert (answered.status_code, answered.json()["schemas"]) == (400, ["urn:ietf:params:scim:api:messages:2.0:Error"])
    deep = "not (" * 400 + 'userName eq "a"' + ")" * 400
    assert client.get("Users", params={"filter": deep}).status_code in (200, 400)


def test_the_words_of_real_directories_are_understood(cast: Cast, client: httpx.Client):
    ada, grace = (
        client.post("Users", json={"schemas": [USER], "userName": name, "active": True}).json()
        for name in ("ada@prism.example", "grace@prism.example")
    )
    where = f"Users/{ada['id']}"

    def changed(*operations: dict, to: str = where) -> dict:
        answered = client.patch(to, json=patch(*operations))
        assert answered.status_code in (200, 204), (operations, answered.text)
        return client.get(to).json()

    # Microsoft Entra: verbs with a capital, truth in a text, dotted paths, a filter in the path, each attribute an operation of its own.
    assert changed({"op": "Replace", "path": "active", "value": "False"})["active"] is False
    assert "ada@prism.example" not in people(cast)
    assert changed({"op": "Add", "path": "active", "value": "True"})["active"] is True
    assert changed({"op": "Add", "path": "name.givenName", "value": "Ada"}, {"op": "Add", "path": "name.familyName", "value": "L."})[
        "name"
    ] == {
        "givenName": "Ada",
        "familyName": "L.",
    }
    moved = changed({"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada.l@prism.example"})
    assert [one["value"] for one in moved["emails"]] == ["ada.l@prism.example"]
    assert "ada@prism.example" in people(cast)  # the account keeps the address it was made for
    first = {"op": "Add", "path": 'emails[type eq "home"].value', "value": "ada@home.example"}  # the first of its kind
    assert changed(first)["emails"][1] == {"type": "home", "value": "ada@home.example"}
    assert len(changed({"op": "Remove", "path": 'emails[type eq "home"]'})["emails"]) == 1
    # Okta: one value without a path; JumpCloud: names in any case.
    assert changed({"op": "replace", "value": {"active": False, "displayName": "A."}})["active"] is False
    assert changed({"op": "REPLACE", "path": "ACTIVE", "value": True})["active"] is True
    assert changed({"op": "replace", "value": {"UserName": "ada.l@prism.example"}})["userName"] == "ada.l@prism.example"
    assert changed({"op": "replace", "value": {"name.givenName": "Augusta"}})["name"]["givenName"] == "Augusta"
    assert "name" not in changed({"op": "remove", "path": "name"}) or not changed({"op": "remove", "path": "name"})["name"]
    # Groups: members given as a list, as one, and taken out by a filter or, as Entra does, by the value.
    staff = client.post("Groups", json=group("Staff")).json()
    team = f"Groups/{staff['id']}"

    def members(*operations: dict) -> set[str]:
        return {one["value"] for one in changed(*operations, to=team).get("members", [])}

    assert members({"op": "Add", "path": "members", "value": [{"value": ada["id"]}, {"value": grace["id"]}]}) == {ada["id"], grace["id"]}
    assert members({"op": "add", "path": "members", "value": [{"value": ada["id"]}]}) == {ada["id"], grace["id"]}  # once more
    assert members({"op": "remove", "path": f'members[value eq "{ada["id"]}"]'}) == {grace["id"]}
    assert members({"op": "Remove", "path": "members", "value": [{"value": grace["id"]}]}) == set()
    assert members({"op": "replace", "value": {"members": [{"value": grace["id"], "display": "Grace"}]}}) == {grace["id"]}
    assert members({"op": "remove", "path": "members"}) == set()
    assert changed({"op": "Replace", "value": {"id": staff["id"], "displayName": "All staff"}}, to=team)["displayName"] == "All staff"


FOUND = {
    'userName eq "ADA@prism.example"': 1, 'USERNAME Eq "ada@prism.example"': 1, 'emails.value co "PRISM"': 2, 'emails[value sw "ada"]': 1,
    'externalId eq "x1"': 1, 'active eq true and not (userName sw "grace")': 1, '(userName sw "ada" or userName sw "grace") and active eq true': 2,
    'userName pr': 2, 'displayName pr': 0, 'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada@prism.example"': 1,
    'emails[primary eq true and value eq "ADA@prism.example"]': 1, 'emails.value ew "PRISM.example" and userName ne "x"': 2,
    'emails.value eq "ada@prism.example" or userName sw "grace"': 2, 'not (emails.value eq "ada@prism.example")': 1,
    'meta.created gt "2001-01-01T00:00:00Z"': 2, 'userName eq "\\u0000"': 0, "active eq false": 0,
}  # fmt: skip


def test_directories_filter_and_page_as_they_like(client: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    add(client, "ada@prism.example", externalId="x1", active=True)
    add(client, "grace@prism.example", externalId="x2", active=True)
    assert {one: client.get("Users", params={"filter": one}).json().get("totalResults") for one in FOUND} == FOUND
    made = []
    monkeypatch.setattr(storage, "user_resource", lambda kept: made.append(kept.email) or user_resource(kept))
    client.get("Users", params={"filter": 'emails[primary eq true and value eq "ADA@prism.example"] and active eq true'})
    assert made == ["ada@prism.example"]  # the database passes everybody else over: of ten thousand, asking each takes ten seconds
    for nonsense in ("userName eq", "(", 'nobody eq "x"', "userName eq 'x'", 'userName xx "y"', '" or 1=1 --'):
        assert client.get("Users", params={"filter": nonsense}).status_code in (200, 400)
    for given, resources in (({"count": 0}, 0), ({"startIndex": 0}, 2), ({"startIndex": -5, "count": 1}, 1), ({"startIndex": 3}, 0),
                             ({"startIndex": 10**30}, 0), ({"count": 10**30}, 2),
                             ({"count": -1}, 0), ({"startIndex": 2, "count": 5}, 1)):  # fmt: skip
        listed = client.get("Users", params=given)
        assert listed.status_code == 200, (given, listed.text)
        assert (listed.json()["totalResults"], len(listed.json().get("Resources", []))) == (2, resources), given
    assert client.post("Users", json=person("ADA@PRISM.example")).status_code == 409
    assert client.get("Users", params={"count": "many"}).status_code == 400
