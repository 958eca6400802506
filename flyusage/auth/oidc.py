"""OpenID Connect, as a client: the way to a provider, and what came back, checked. Where it is and how it signs: `providers.py`.

The code flow with PKCE (S256), state and nonce (OpenID Connect Core 1.0, RFC 7636), the issuer in the answer (RFC 9207), asymmetric
signatures only. Nonce and verifier are made from a secret that the browser keeps, so that nobody else can finish what it began.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from httpx import HTTPStatusError, Response
from joserfc.errors import JoseError

from flyusage import clock
from flyusage.auth import outgoing, providers
from flyusage.auth.errors import ProviderRefused, ProviderUnreachable
from flyusage.auth.providers import Provider

SKEW_S = 60  # how far a provider's clock may be off
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, 2
SCOPE = "openid email profile"
MOST_GROUPS = 1000
SIGNED_DOTS = 2  # in what is signed
LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"  # OpenID Connect Back-Channel Logout 1.0, 2.4
LOGOUT_S = 300  # how long after it was made a logout token is taken


@dataclass(frozen=True)
class Client:
    """What an organization is to its provider. `redirect_uri` is ours, from the configured address."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    groups_claim: str = "groups"
    factor_acr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """Who the provider says has signed in there: `issuer` and `subject` name them, nothing else does.

    `email` is in lower case, and empty where there is none. `is_email_verified` only where the provider says so. `has_factor`
    where `amr` holds "mfa" (RFC 8176) or `acr` one of the values that the organization named.
    """

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
    groups: tuple[str, ...]
    has_factor: bool
    acr: str
    amr: tuple[str, ...]


def way_there(client: Client, *, state: str, secret: str, hint: str = "") -> str:
    """The address at the provider to which a browser goes to sign in. `hint` is the address that was typed. Raises ProviderUnreachable."""
    provider = providers.discover(client.issuer)
    wanted = SCOPE + (" groups" if client.groups_claim == "groups" and "groups" in provider.scopes else "")
    more = {"login_hint": hint} if hint else {}
    if client.factor_acr:
        more["acr_values"] = " ".join(client.factor_acr)
    made, _ = _oauth(client, provider, wanted).create_authorization_url(
        provider.authorization_endpoint, state=state, nonce=_nonce(secret, state), code_verifier=_verifier(secret, state), **more
    )
    return made


def person(client: Client, *, code: str, state: str, secret: str, issuer_given: str | None) -> Person:
    """Who came back with `code`; `issuer_given` is the answer's `iss`. Raises ProviderRefused, ProviderUnreachable."""
    provider = providers.discover(client.issuer)
    if issuer_given is None and provider.names_issuer:
        raise ProviderRefused("The answer does not say which provider it comes from, though that provider always does.")
    if issuer_given is not None and issuer_given != provider.issuer:
        raise ProviderRefused("The answer comes from another provider than the one that was asked.")
    token = _exchanged(client, provider, code, _verifier(secret, state))
    claims = checked_token(client, provider, str(token.get("id_token") or ""), str(token.get("access_token") or ""), _nonce(secret, state))
    return _person(client, {**_more(client, provider, claims, token), **claims}, claims)


def way_out(client: Client, *, back: str, hint: str) -> str | None:
    """The address at the provider where a browser signs out of it too, and comes `back` from; None where it offers none.

    By our client's id (OpenID Connect RP-Initiated Logout 1.0, 2): no ID token is kept for that day. Raises ProviderUnreachable.
    """
    there = providers.discover(client.issuer).end_session_endpoint
    if there is None:
        return None
    query = urlencode({"client_id": client.client_id, "post_logout_redirect_uri": back, "logout_hint": hint})
    return f"{there}{'&' if '?' in there else '?'}{query}"


def addressed(logout_token: str) -> tuple[str, tuple[str, ...]]:
    """Which issuer a logout token says it is of, and for which clients, unchecked: whose keys to check it by. Raises ProviderRefused."""
    try:
        told = json.loads(base64.urlsafe_b64decode(logout_token.split(".")[1] + "=="))
        audience = told["aud"]
        issuer, clients = told["iss"], tuple(audience if isinstance(audience, list) else [audience])
    except (ValueError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise ProviderRefused("That is no logout token.") from error
    if not all(map(_is_name, (issuer, *clients))):
        raise ProviderRefused("That is no logout token.")
    return issuer, clients


def signed_out(client: Client, logout_token: str) -> tuple[str, str]:
    """Whom (subject) the provider says has signed out there, and what names this word of it (`jti`), to be taken once.

    OpenID Connect Back-Channel Logout 1.0, 2.6: signed by the provider, for us, of now, an event and no sign-in. Raises ProviderRefused,
    ProviderUnreachable.
    """
    provider = providers.discover(client.issuer)
    try:
        told = providers.decoded(provider, logout_token).claims
        audience, now = told["aud"], clock.now().timestamp()
        is_for_us = client.client_id in (audience if isinstance(audience, list) else [audience])
        is_now = now - LOGOUT_S < told["iat"] < now + SKEW_S and now - SKEW_S < told.get("exp", now)
        is_event = isinstance(told["events"].get(LOGGED_OUT), dict) and "nonce" not in told
        subject, name = told["sub"], told["jti"]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderRefused(f"That logout token does not hold: {_said(error)}.") from error
    if told.get("iss") != provider.issuer or not (is_for_us and is_now and is_event and _is_name(subject) and _is_name(name)):
        raise ProviderRefused("That logout token is not for us, not of now, or no logout token.")
    return subject, name


def _is_name(given: object) -> TypeGuard[str]:
    """Whether it is a text that could name something here: what a provider's JSON holds besides (NUL, half a pair) no database takes."""
    return isinstance(given, str) and given.isprintable()


def checked_token(client: Client, provider: Provider, id_token: str, access_token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that is the provider's, for us, of now, and the answer to this very question. Raises ProviderRefused."""
    try:
        decoded = providers.decoded(provider, id_token)
        token = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"essential": True, "value": provider.issuer}, "aud": {"essential": True, "value": client.client_id}},
            {"nonce": nonce, "client_id": client.client_id, "access_token": access_token or None},
        )
        token.validate(now=int(clock.now().timestamp()), leeway=SKEW_S)
    except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
        raise ProviderRefused(f"What the provider signed does not hold: {_said(error)}.") from error
    subject = token["sub"]
    if (
        not _is_name(subject)
        or not 0 < len(subject) <= LONGEST_SUBJECT
        or not hmac.compare_digest(str(token["nonce"]).encode(), nonce.encode())
    ):
        raise ProviderRefused("What the provider signed does not hold: sub.")
    return dict(token)


def _exchanged(client: Client, provider: Provider, code: str, verifier: str) -> Mapping[str, Any]:
    try:
        return _oauth(client, provider, SCOPE).fetch_token(
            provider.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
        )
    except AuthlibBaseError as error:
        raise ProviderRefused(f"The provider does not take the code: {_said(error)}.") from error
    except (HTTPStatusError, ValueError) as error:
        raise ProviderUnreachable("The provider's answer to the code cannot be read.") from error


def _more(client: Client, provider: Provider, claims: Mapping[str, Any], token: Mapping[str, Any]) -> dict[str, Any]:
    """What the provider tells of the person beside the ID token, where that leaves something out."""
    lacks = "email" not in claims or client.groups_claim not in claims
    if not lacks or provider.userinfo_endpoint is None or not token.get("access_token"):
        return {}
    found = _told(client, provider, outgoing.get(provider.userinfo_endpoint, {"authorization": f"Bearer {token['access_token']}"}))
    if found.get("sub") != claims["sub"]:
        raise ProviderRefused("The provider tells about another person than the one it signed for.")
    if "email" in claims:  # each address with its own word about it
        found.pop("email_verified", None)
        found.pop("xms_edov", None)
    return found


def _told(client: Client, provider: Provider, answer: bytes) -> dict[str, Any]:
    """What a provider tells of a person, plain or signed (OpenID Connect Core 1.0, 5.3.2). Raises ProviderRefused."""
    if answer[:1] == b"{" or answer.count(b".") != SIGNED_DOTS:
        return outgoing.as_json(answer)
    try:
        found = providers.decoded(provider, answer.decode().strip()).claims
    except (JoseError, ValueError) as error:
        raise ProviderRefused(f"What the provider tells of the person is not signed by it: {_said(error)}.") from error
    audience = found.get("aud")
    if found.get("iss") != provider.issuer or client.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise ProviderRefused("What the provider tells of the person is not for us.")
    return found


def _person(client: Client, told: Mapping[str, Any], signed: Mapping[str, Any]) -> Person:
    elsewhere = told.get("_claim_names")
    if isinstance(elsewhere, dict) and client.groups_claim in elsewhere:
        raise ProviderRefused(
            "The provider left the groups out because there are too many. Have it send those that are assigned to this application only."
        )
    groups, amr, acr = told.get(client.groups_claim), signed.get("amr"), signed.get("acr")
    methods = tuple(str(one) for one in amr) if isinstance(amr, list) else ()
    email, name = told.get("email"), told.get("name")
    return Person(
        issuer=client.issuer,
        subject=signed["sub"],
        email=email.strip().lower() if _is_name(email) else "",
        # Cognito says it in a text. Entra ID says xms_edov instead: that the address's domain belongs to the directory.
        is_email_verified=told.get("email_verified") is True
        or told.get("email_verified") == "true"
        or told.get("xms_edov") in (True, "1", "true"),
        name="".join(one for one in name if one.isprintable()) if isinstance(name, str) else "",
        groups=tuple(filter(_is_name, groups if isinstance(groups, list) else [groups]))[:MOST_GROUPS],
        has_factor="mfa" in methods or (isinstance(acr, str) and acr in client.factor_acr),
        acr=acr if isinstance(acr, str) else "",
        amr=methods,
    )


class _Session:
    """What Authlib posts by, through `outgoing`."""

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth) -> Response:
        form = {**data, "client_id": auth.client_id}
        sent = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        if auth.auth_method is ClientAuth.DEFAULT_AUTH_METHODS["client_secret_post"]:
            form["client_secret"] = auth.client_secret
        else:
            _, sent, _ = auth.prepare("POST", url, sent, "")
        return outgoing.send("POST", url, headers=sent, data=form)


def _oauth(client: Client, provider: Provider, scope: str) -> OAuth2Client:
    return OAuth2Client(
        _Session(),
        client_id=client.client_id,
        client_secret=client.client_secret,
        token_endpoint_auth_method="client_secret_post" if provider.takes_secret_in_form else "client_secret_basic",
        scope=scope,
        redirect_uri=client.redirect_uri,
        code_challenge_method="S256",
    )


def _nonce(secret: str, state: str) -> str:
    return _derived("nonce", secret, state)


def _verifier(secret: str, state: str) -> str:
    return _derived("verifier", secret, state)


def _derived(what: str, secret: str, state: str) -> str:
    made = hmac.digest(secret.encode(), f"{what}:{state}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _said(error: Exception) -> str:
    """What a library says of a failure, cut and without what could act on a terminal."""
    words = "".join(one for one in (str(error) or type(error).__name__) if one.isprintable())
    return words[:200].rstrip(".")
