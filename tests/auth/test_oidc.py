"""The protocol's checks: tokens of a key that is known here, published by a small server; and a real provider's way there and back."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import provider
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from provider import CLIENT_ID, CLIENT_SECRET, OidcProvider
from publishing import loopback, serving  # noqa: F401 a fixture

from flyusage import clock
from flyusage.auth import oidc, outgoing, providers
from flyusage.auth.errors import ProviderRefused, ProviderUnreachable
from flyusage.auth.oidc import Client
from flyusage.auth.providers import Provider

NOW = 1_800_000_000
BACK = "http://127.0.0.1:8321/auth/sso/callback"
KEY = RSAKey.generate_key(2048, {"kid": "a", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "a", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="module")
def published() -> Iterator[Provider]:
    with serving({"/keys": {"keys": [KEY.as_dict(private=False), {"kty": "oct", "k": "c2VjcmV0", "kid": "h"}]}}) as base:
        yield Provider(base, f"{base}/authorize", f"{base}/token", f"{base}/keys", None, True, True)


def claims(issuer: str, **other: object) -> dict[str, object]:
    made = {"iss": issuer, "sub": "s-1", "aud": CLIENT_ID, "exp": NOW + 300, "iat": NOW, "nonce": "n-1"} | other
    return {name: value for name, value in made.items() if value is not None}


def checked(published: Provider, token: str) -> dict[str, object]:
    client = Client(published.issuer, CLIENT_ID, CLIENT_SECRET, BACK)
    with clock.freeze(datetime.fromtimestamp(NOW, UTC)):
        return oidc.checked_token(client, published, token, "", "n-1")


def signed(content: dict[str, object], key: RSAKey = KEY, alg: str = "RS256") -> str:
    return jwt.encode({"alg": alg, "kid": "a"}, content, key, algorithms=[alg])


WRONG = {
    "another issuer": {"iss": "https://evil.example"},
    "another's audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "two audiences and no azp": {"aud": [CLIENT_ID, "somebody-else"]},
    "azp is another": {"azp": "somebody-else"},
    "another nonce": {"nonce": "n-2"},
    "no nonce": {"nonce": None},
    "over": {"exp": NOW - 61},
    "no end": {"exp": None},
    "not yet": {"iat": NOW + 3600},
    "not before": {"nbf": NOW + 3600},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject too long": {"sub": "s" * 256},
    "a subject that is a number": {"sub": 7},
    "a subject that is a list": {"sub": ["s-1"]},
    "a subject with a NUL": {"sub": "s\0"},
    "a time in words": {"exp": "later"},
    "a nonce that is a number": {"nonce": 1},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_token_that_is_not_for_us_of_now_is_refused(published: Provider, what: str) -> None:
    with pytest.raises(ProviderRefused, match="does not hold"):
        checked(published, signed(claims(published.issuer, **WRONG[what])))


def test_one_that_is_holds_also_a_minute_off_and_for_several_audiences(published: Provider) -> None:
    for fine in ({}, {"exp": NOW - 20}, {"iat": NOW + 30, "nbf": NOW + 30}, {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}):
        assert checked(published, signed(claims(published.issuer, **fine)))["sub"] == "s-1"


def forged(content: dict[str, object], alg: str, secret: bytes, kid: str = "a") -> str:
    """Made by hand: no library lends itself to it."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": alg, "kid": kid}, content)]
    mac = hmac.digest(secret, b".".join(parts), "sha256") if alg == "HS256" else b""
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


FORGED: dict[str, Callable[[dict[str, object]], str]] = {
    "none": lambda content: forged(content, "none", b""),
    "HS256 by the client's secret": lambda content: forged(content, "HS256", CLIENT_SECRET.encode()),
    "HS256 by the public key": lambda content: forged(content, "HS256", KEY.as_pem(private=False)),
    "HS256 by a published key": lambda content: forged(content, "HS256", b"secret", "h"),
    "another key": lambda content: signed(content, OTHER),
    "cut": lambda content: signed(content)[:-4],
    "its signature left out": lambda content: signed(content).rpartition(".")[0] + ".",
    "nonsense": lambda _: "a.b.c",
    "nothing": lambda _: "",
}  # fmt: skip


@pytest.mark.parametrize("how", FORGED)
def test_a_signature_that_is_not_the_providers_is_refused(published: Provider, how: str) -> None:
    with pytest.raises(ProviderRefused, match="does not hold"):
        checked(published, FORGED[how](claims(published.issuer)))


def word(issuer: str, **other: object) -> dict[str, object]:
    """A logout token's claims: OpenID Connect Back-Channel Logout 1.0, 2.4."""
    made = {
        "iss": issuer,
        "sub": "s-1",
        "aud": CLIENT_ID,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "j-1",
        "events": {oidc.LOGGED_OUT: {}},
    } | other
    return {name: value for name, value in made.items() if value is not None}


WRONG_WORDS = {
    "another issuer": {"iss": "https://evil.example"}, "another's": {"aud": "somebody-else"}, "no audience": {"aud": None}, "old": {"iat": NOW - 301},
    "of later": {"iat": NOW + 61}, "over": {"exp": NOW - 61}, "a sign-in": {"nonce": "n-1"}, "no event": {"events": None},
    "another event": {"events": {"x": {}}}, "a list of events": {"events": [oidc.LOGGED_OUT]}, "of nobody": {"sub": None},
    "without a name": {"jti": None}, "a time in words": {"iat": "now"},
}  # fmt: skip


@pytest.mark.parametrize("what", ["", *WRONG_WORDS, *FORGED])
def test_only_the_providers_own_word_of_now_signs_somebody_out(published: Provider, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "discover", lambda _issuer: published)
    client, made = Client(published.issuer, CLIENT_ID, "", BACK), word(published.issuer, **WRONG_WORDS.get(what, {}))
    token = FORGED[what](made) if what in FORGED else signed(made)
    with clock.freeze(datetime.fromtimestamp(NOW, UTC)):
        if not what:
            assert oidc.signed_out(client, token) == ("s-1", "j-1")
            assert oidc.addressed(token) == (published.issuer, (CLIENT_ID,))
            return
        with pytest.raises(ProviderRefused):
            oidc.signed_out(client, token)


@pytest.fixture(scope="module")
def idp() -> Iterator[OidcProvider]:
    with provider.running(BACK, method="client_secret_basic") as started:
        ada = {
            "email": "Ada@Acme.example",
            "email_verified": True,
            "groups": ["money"],
            "name": "Ada",
            "amr": ["pwd", "mfa"],
            "acr": "gold",
        }
        started.tell(ada=ada,
                     bob={"email": "bob@acme.example", "email_verified": False, "amr": ["pwd"]})  # fmt: skip
        yield started


def came(idp: OidcProvider, login: str, *, state: str = "st", secret: str = "se", **other: str) -> oidc.Person:
    client = Client(idp.issuer, CLIENT_ID, CLIENT_SECRET, BACK, factor_acr=("gold",) if login == "ada" else ())
    back = idp.sign_in(oidc.way_there(client, state=state, secret=secret), login)
    given = {"code": back.get("code") or "", "issuer_given": back.get("iss"), "state": state, "secret": secret} | other
    return oidc.person(client, **given)  # pyright: ignore[reportArgumentType]


def test_a_real_provider_says_who_came_and_how(idp: OidcProvider) -> None:
    ada, bob = came(idp, "ada"), came(idp, "bob")
    assert (ada.issuer, ada.subject, ada.email, ada.is_email_verified) == (idp.issuer, "ada", "ada@acme.example", True)
    assert (ada.name, ada.groups, ada.amr, ada.acr, ada.has_factor) == ("Ada", ("money",), ("pwd", "mfa"), "gold", True)
    assert (bob.is_email_verified, bob.groups, bob.has_factor) == (False, (), False)


def test_what_one_browser_began_no_other_finishes(idp: OidcProvider) -> None:
    for wrong in ({"secret": "another"}, {"state": "another"}):  # verifier and nonce are made of both
        with pytest.raises(ProviderRefused, match="does not take the code"):
            came(idp, "ada", state="st", secret="se")  # fine, to have a session there
            client = Client(idp.issuer, CLIENT_ID, CLIENT_SECRET, BACK)
            back = idp.sign_in(oidc.way_there(client, state="st", secret="se"), "ada")
            oidc.person(client, **({"code": back.get("code"), "state": "st", "secret": "se", "issuer_given": idp.issuer} | wrong))
    for issuer, said in ((None, "does not say which provider"), ("https://evil.example", "another provider")):
        with pytest.raises(ProviderRefused, match=said):
            came(idp, "ada", issuer_given=issuer)  # pyright: ignore[reportArgumentType]


def test_a_code_is_good_once_and_a_new_key_is_read_when_it_is_needed(idp: OidcProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(idp.issuer, CLIENT_ID, CLIENT_SECRET, BACK)
    back = idp.sign_in(oidc.way_there(client, state="st", secret="se"), "ada")
    given = {"code": back.get("code") or "", "state": "st", "secret": "se", "issuer_given": idp.issuer}
    assert oidc.person(client, **given).subject == "ada"
    with pytest.raises(ProviderRefused, match="does not take the code"):
        oidc.person(client, **given)
    idp.rotate("b")
    monkeypatch.setattr(providers, "ASKED_AGAIN_S", 1000)
    with pytest.raises(ProviderRefused, match="does not hold"):  # read a moment ago, not again
        came(idp, "ada")
    monkeypatch.setattr(providers, "ASKED_AGAIN_S", 0)
    assert came(idp, "ada").subject == "ada"


def test_a_clock_that_is_far_off_is_refused(idp: OidcProvider) -> None:
    with clock.freeze(clock.now() + timedelta(hours=1)), pytest.raises(ProviderRefused, match="does not hold"):
        came(idp, "ada")


DESCRIBED = {
    "authorization_endpoint": "https://login.example/a",
    "token_endpoint": "https://login.example/t",
    "jwks_uri": "https://login.example/k",
}


def test_who_calls_itself_something_else_or_leads_astray_is_no_provider() -> None:
    path = "/.well-known/openid-configuration"
    for described, said in (
        ({"issuer": "https://login.example", **DESCRIBED}, "calls itself https://login.example"),
        (b"<html>", "no JSON object"),
        (b" " * (outgoing.LARGEST_ANSWER + 1), "more than a provider has to say"),
    ):
        with serving({path: described}) as base, pytest.raises(ProviderUnreachable, match=said):
            providers.discover(base)
    with serving({}, moved="http://127.0.0.1:1/") as base, pytest.raises(ProviderUnreachable, match="answered 302"):
        providers.discover(base)  # nobody is followed elsewhere
    answers: dict[str, object] = {}
    with serving(answers) as base:
        for wrong, said in (
            ({"token_endpoint": "http://169.254.169.254/latest"}, "by https"),
            ({"jwks_uri": None}, "does not say its jwks_uri"),
        ):
            answers[path] = {"issuer": base, **DESCRIBED, **wrong}
            with pytest.raises(ProviderUnreachable, match=said):
                providers.discover(base, anew=True)


def test_a_key_that_nobody_here_can_read_does_not_hide_the_others() -> None:
    """RFC 7517, 5: keys of kinds that are not known, or that lack something, are passed over."""
    odd = [
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "o"},
        {"kty": "RSA", "kid": "r"},
        {"kty": "OKP", "crv": "X448", "x": "AA"},
        {"kty": "AKP"},
        7,
    ]
    with serving({"/keys": {"keys": [*odd, KEY.as_dict(private=False)]}}) as base:
        known = Provider(base, f"{base}/authorize", f"{base}/token", f"{base}/keys", None, True, True)
        assert checked(known, signed(claims(base)))["sub"] == "s-1"


ODD: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "a group as a text": ({"groups": "staff"}, {"groups": ("staff",)}),
    "groups that are no texts": ({"groups": [1, None, {"a": "b"}, "staff"]}, {"groups": ("staff",)}),
    "a group that no database takes": ({"groups": ["a\0b", "\ud800", "staff"]}, {"groups": ("staff",)}),
    "groups as an object": ({"groups": {"staff": True}}, {"groups": ()}),
    "nothing about the address": ({"email": "Ada@prism.example"}, {"email": "ada@prism.example", "is_email_verified": False}),
    "verified in a text, as Cognito says it": ({"email_verified": "true"}, {"is_email_verified": True}),
    "not verified in a text": ({"email_verified": "false"}, {"is_email_verified": False}),
    "verified as a number": ({"email_verified": 1}, {"is_email_verified": False}),
    "an address that is none": ({"email": ["ada@prism.example"], "email_verified": True}, {"email": ""}),
    "an address with a NUL": ({"email": "ada\0@prism.example"}, {"email": ""}),
    "a name that is none": ({"name": {"given": "Ada"}}, {"name": ""}),
    "a name with a NUL": ({"name": "Ada\0\ud800 L."}, {"name": "Ada L."}),
    "methods as a text": ({"amr": "mfa"}, {"has_factor": False}),
    "a class that is a list": ({"acr": ["mfa"]}, {"has_factor": False, "acr": ""}),
    "names of claims as a list": ({"_claim_names": ["groups"], "groups": ["staff"]}, {"groups": ("staff",)}),
}


@pytest.mark.parametrize("what", ODD)
def test_what_providers_say_oddly_is_read_or_passed_over(what: str) -> None:
    given, wanted = ODD[what]
    told = oidc._person(
        Client("https://id.example", CLIENT_ID, "", BACK, factor_acr=("mfa",)), {"sub": "s-1", **given}, {"sub": "s-1", **given}
    )
    assert {name: getattr(told, name) for name in wanted} == wanted


def test_a_person_in_a_signed_answer_is_the_providers_and_for_us(published: Provider) -> None:
    """OpenID Connect Core 1.0, 5.3.2: some sign what they tell beside the ID token."""
    client = Client(published.issuer, CLIENT_ID, CLIENT_SECRET, BACK)
    for told, is_taken in (
        (signed({"sub": "s-1", "email": "ada@prism.example", "iss": published.issuer, "aud": CLIENT_ID}), True),
        (signed({"sub": "s-1", "email": "ada@prism.example", "iss": published.issuer, "aud": [CLIENT_ID]}), True),
        (signed({"sub": "s-2", "iss": published.issuer, "aud": CLIENT_ID}), False),
        (signed({"sub": "s-1", "iss": published.issuer, "aud": "somebody-else"}), False),
        (signed({"sub": "s-1", "iss": "https://evil.example", "aud": CLIENT_ID}), False),
        (signed({"sub": "s-1", "iss": published.issuer, "aud": CLIENT_ID}, OTHER), False),
        ("no.token.", False),
    ):
        with serving({"/me": told.encode()}) as base:
            there = replace(published, userinfo_endpoint=f"{base}/me")
            if is_taken:
                assert oidc._more(client, there, {"sub": "s-1"}, {"access_token": "t"})["email"] == "ada@prism.example"
            else:
                with pytest.raises(ProviderRefused):
                    oidc._more(client, there, {"sub": "s-1"}, {"access_token": "t"})
