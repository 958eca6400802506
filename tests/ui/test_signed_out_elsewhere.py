"""What a provider itself says to the server: that somebody has signed out there. The keys are known here, published by a small server."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from background import run_async
from cast import Cast
from joserfc import jwt
from joserfc.jwk import RSAKey
from publishing import serving
from starlette.applications import Starlette

from flyusage import clock, config, db
from flyusage.auth import oidc, sessions
from flyusage.auth.how import How
from flyusage.auth.oidc import Person
from flyusage.orgs import audit
from flyusage.orgs.acting import system
from flyusage.orgs.sso import connections, people
from flyusage.orgs.sso.connections import Wanted
from flyusage.ui import single_sign_on

KEY = RSAKey.generate_key(2048, {"kid": "a", "use": "sig", "alg": "RS256"})


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("FLYUSAGE_SSO_PRIVATE_HOSTS", "127.0.0.1")
    config.settings.cache_clear()
    told: dict[str, object] = {"/keys": {"keys": [KEY.as_dict(private=False)]}}
    with serving(told) as base:
        places = {"authorization_endpoint": f"{base}/a", "token_endpoint": f"{base}/t", "jwks_uri": f"{base}/keys"}
        told["/.well-known/openid-configuration"] = {"issuer": base, **places}
        yield base
    monkeypatch.undo()
    config.settings.cache_clear()


def say(token: str) -> int:
    async def post() -> httpx.Response:
        carried = httpx.ASGITransport(app=Starlette(routes=single_sign_on.routes))
        async with httpx.AsyncClient(transport=carried, base_url="http://localhost") as client:
            return await client.post("/auth/sso/back-channel", data={"logout_token": token})

    answer = run_async(post())
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


def word(issuer: str, **other: Any) -> str:
    now = int(clock.now().timestamp())
    claims = {"iss": issuer, "sub": "1", "aud": "client", "iat": now, "exp": now + 60, "jti": "j", "events": {oidc.LOGGED_OUT: {}}} | other
    return jwt.encode({"alg": "RS256", "kid": "a"}, claims, KEY)


def test_a_providers_word_ends_what_its_person_began_there_once(cast: Cast, issuer: str) -> None:
    org, by = cast.prism.id, system("tests")
    with db.platform_transaction() as session:
        held = connections.save(session, org, Wanted(issuer, "client", "secret", default_role="viewer"), by=by)
    with db.transaction(org) as session:
        session.connection().exec_driver_sql(
            "INSERT INTO sso_domain (org_id, domain, token, claimed_at, verified_at) VALUES (%s, 'prism.example', 'x', now(), now())",
            (org,),
        )
    ids = {}
    with db.platform_transaction() as session:
        for subject, email in (("1", "ann@prism.example"), ("2", "bea@prism.example")):
            ids[subject] = people.admit(session, held, Person(issuer, subject, email, True, "", (), False, "", ())).user_id

    def begin(subject: str, how: How) -> str:
        with db.platform_transaction() as session:
            return sessions.start(session, ids[subject], address="", device="", how=how)

    def are_in(*secrets: str) -> list[bool]:
        with db.lookup_transaction() as session:
            return [sessions.reader_of(session, one) is not None for one in secrets]

    hers, by_password, another = begin("1", How("sso", org)), begin("1", How("password")), begin("2", How("sso", org))
    for refused in ("", "a.b.c", word("https://elsewhere.example"), word(issuer, aud="somebody-else"), word(issuer, nonce="n")):
        assert say(refused) == 400
    assert say(word(issuer, sub="unknown", jti="other")) == 200  # says nothing about who is known
    assert are_in(hers, by_password, another) == [True, True, True]
    token = word(issuer)
    assert say(token) == 200
    assert are_in(hers, by_password, another) == [False, True, True]
    again = begin("1", How("sso", org))
    assert say(token) == 400  # overheard, and said again
    assert are_in(again) == [True]
    with db.transaction(org) as session:
        (ended,) = [one for one in audit.entries(session, org) if one.action == "session.end_all"]
    assert (ended.actor, ended.subject) == ("system:sso", f"user:{ids['1']}")


@pytest.mark.parametrize(
    "claims",
    [
        '{"iss": "a\\u0000", "aud": "b"}',
        '{"iss": "a", "aud": "b\\u0000"}',
        '{"iss": "\\ud800", "aud": "b"}',
        f'{{"iss": "a", "aud": {"[" * 4000}{"]" * 4000}}}',
    ],
)
def test_what_no_text_here_could_be_is_no_logout_token(cast: Cast, claims: str) -> None:
    told = base64.urlsafe_b64encode(claims.encode()).decode()
    assert say(f"a.{told}.a") == 400


def test_nor_is_it_one_where_the_provider_signed_it(cast: Cast, issuer: str) -> None:
    with db.platform_transaction() as session:
        connections.save(session, cast.prism.id, Wanted(issuer, "client", "secret", default_role="viewer"), by=system("tests"))
    assert say(word(issuer, sub="a\0")) == 400


def test_a_word_that_was_taken_for_one_organization_before_the_process_died_is_taken_for_the_others(cast: Cast, issuer: str) -> None:
    with db.platform_transaction() as session:
        for org in (cast.prism.id, cast.rival.id):
            connections.save(session, org, Wanted(issuer, "client", "secret", default_role="viewer"), by=system("tests"))
    token = word(issuer)
    with pytest.MonkeyPatch.context() as patch:
        done: list[int] = []

        def dies(_session: Any, held: connections.Connection, _subject: str) -> int:
            if done:
                raise SystemExit
            done.append(held.org_id)
            return 0

        patch.setattr(people, "signed_out", dies)
        with pytest.raises(SystemExit):
            single_sign_on._sign_out_elsewhere(token, "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "signed_out", lambda _session, held, _subject: done.append(held.org_id))
        assert say(token) == 200
        assert say(token) == 400
    assert done == [cast.prism.id, cast.rival.id]
