"""Where an OpenID provider is, and the keys that it signs by, as it publishes both: asked for, and kept for ten minutes.

Anybody can make us ask, and anybody can be a provider. So one at a time asks an address, who comes meanwhile gets what that one got,
and what failed is not tried again at once: neither we nor a provider are kept busy by whoever sends nonsense, or answers slowly.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from flyusage.auth import outgoing
from flyusage.auth.errors import ProviderUnreachable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
KEPT_S = 600  # how long a provider's description and keys are kept
ASKED_AGAIN_S = 10  # for keys, when a signature names one that is not known
FAILED_S = 20  # how long what an address failed with is answered without asking it
MOST_KNOWN = 1000  # providers: more than any installation has
MOST_KEYS = 100
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")

Told = TypeVar("Told")


@dataclass(frozen=True)
class Provider:
    """What a provider says about itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    names_issuer: bool  # in its answers (RFC 9207)
    takes_secret_in_form: bool
    end_session_endpoint: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass
class _Known:
    provider: Provider
    read_at: float
    keys: KeySet | None = None
    keys_at: float = 0.0


class _Turn:
    """Who asks an address. Gone when nobody does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_known: dict[str, _Known] = {}  # by issuer
_failed: dict[str, tuple[float, str]] = {}  # by address: until when, and the sentence
_turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()
_reading = threading.Lock()  # of the three above; held for no answer


def normal_issuer(written: str) -> str:
    """An issuer as it is kept and compared: to the letter, without white space. Raises ProviderUnreachable where it can be none."""
    issuer = outgoing.checked(written.strip())
    if urlsplit(issuer).query or urlsplit(issuer).fragment or "?" in issuer or "#" in issuer:
        raise ProviderUnreachable("An issuer's address has neither ? nor #. Copy it as the provider shows it.")
    return issuer.removesuffix("/.well-known/openid-configuration")


def discover(issuer: str, *, anew: bool = False) -> Provider:
    """What the provider says about itself, kept for ten minutes. Raises ProviderUnreachable."""
    if anew:
        forget(issuer)

    def kept() -> Provider | None:
        known = _known.get(issuer)
        return known.provider if known is not None and time.monotonic() - known.read_at < KEPT_S else None

    def ask() -> Provider:
        described = _provider(issuer, outgoing.get_json(issuer.rstrip("/") + "/.well-known/openid-configuration"))
        with _reading:
            if len(_known) > MOST_KNOWN:
                _known.clear()
            _known[issuer] = _Known(described, time.monotonic())
        return described

    return _asked_once(issuer, kept, ask)


def forget(issuer: str) -> None:
    """Ask the provider anew, keys too, the next time."""
    with _reading:
        known = _known.pop(issuer, None)
        for address in (issuer, known.provider.jwks_uri if known else issuer):
            _failed.pop(address, None)


def decoded(provider: Provider, token: str) -> jwt.Token:
    """What the provider signed: by the keys that are known, else by those of now, since providers change theirs.

    Raises JoseError, ValueError and ProviderUnreachable.
    """
    known = _keys(provider, KEPT_S)
    try:
        return _opened(token, known)
    except (JoseError, ValueError):
        newer = _keys(provider, ASKED_AGAIN_S)
        if newer is known:
            raise
    return _opened(token, newer)


def _opened(token: str, keys: KeySet) -> jwt.Token:
    try:
        return jwt.decode(token, keys, algorithms=list(ALGORITHMS))
    except RecursionError as error:  # brackets without end, which anybody can send
        raise ValueError("nested too deeply") from error


def _keys(provider: Provider, kept_s: float) -> KeySet:
    """The provider's public keys for signatures, as they were at most `kept_s` seconds ago. Raises ProviderUnreachable."""
    with _reading:
        known = _known.setdefault(provider.issuer, _Known(provider, time.monotonic()))

    def kept() -> KeySet | None:
        return known.keys if known.keys is not None and time.monotonic() - known.keys_at < kept_s else None

    def ask() -> KeySet:
        found = outgoing.get_json(provider.jwks_uri).get("keys")
        usable = [key for one in found[:MOST_KEYS] if _signs(one) for key in _readable(one)] if isinstance(found, list) else []
        if not usable:
            raise ProviderUnreachable("The provider publishes no key that a signature could be checked by.")
        known.keys, known.keys_at = KeySet(usable), time.monotonic()
        return known.keys

    return _asked_once(provider.jwks_uri, kept, ask)


def _asked_once(address: str, kept: Callable[[], Told | None], ask: Callable[[], Told]) -> Told:
    """What is kept, else what `ask` gives: who comes while another asks the same address waits and gets what that one got."""
    if (found := kept()) is not None:
        return found
    with _reading:
        turn = _turns.setdefault(address, _Turn())
    with turn.lock:
        if (found := kept()) is not None:
            return found
        until, sentence = _failed.get(address, (0.0, ""))
        if time.monotonic() < until:
            raise ProviderUnreachable(sentence)
        try:
            return ask()
        except ProviderUnreachable as error:
            with _reading:
                if len(_failed) > MOST_KNOWN:
                    _failed.clear()
                _failed[address] = (time.monotonic() + FAILED_S, error.sentence)
            raise


def _readable(key: dict[str, Any]) -> list[Key]:
    """The key, or nothing where it is of a kind that is not known here, which hides no other (RFC 7517, 5)."""
    try:
        return KeySet.import_key_set({"keys": [key]}).keys
    except (JoseError, ValueError, TypeError, KeyError):
        return []


def _signs(key: object) -> bool:
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig" and "d" not in key


def _provider(issuer: str, told: Mapping[str, Any]) -> Provider:
    if told.get("issuer") != issuer:
        raise ProviderUnreachable(
            f"The provider there calls itself {str(told.get('issuer'))[:200]}, not {issuer}. Copy the issuer as it writes it, to the letter."
        )
    addresses = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", *OPTIONAL):
        given = told.get(name)
        if isinstance(given, str):
            addresses[name] = outgoing.checked(given)
        elif name not in OPTIONAL:
            raise ProviderUnreachable(f"The provider does not say its {name}.")
    methods, scopes = told.get("token_endpoint_auth_methods_supported"), told.get("scopes_supported")
    return Provider(
        issuer=issuer,
        authorization_endpoint=addresses["authorization_endpoint"],
        token_endpoint=addresses["token_endpoint"],
        jwks_uri=addresses["jwks_uri"],
        userinfo_endpoint=addresses.get("userinfo_endpoint"),
        names_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        takes_secret_in_form=isinstance(methods, list) and "client_secret_post" in methods,
        end_session_endpoint=addresses.get("end_session_endpoint"),
        scopes=tuple(str(one) for one in scopes) if isinstance(scopes, list) else (),
    )
