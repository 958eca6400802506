"""How often a provider is asked, whoever has us ask it: by many at once, by nonsense, and when it fails."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from publishing import loopback, serving  # noqa: F401 a fixture

from flyusage.auth import providers
from flyusage.auth.errors import ProviderUnreachable
from flyusage.auth.providers import Provider

PATH = "/.well-known/openid-configuration"
KEY, STRANGE = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}) for kid in "ab")
MANY = 12


class Counted(dict[str, object]):
    """What a server answers; counts what it is asked, and keeps everybody waiting until `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.open = Counter[str](), threading.Event()

    def get(self, path: str, default: object = None) -> object:
        self.asked[path] += 1
        assert self.open.wait(10)
        return super().get(path, default)


@pytest.fixture
def published() -> Iterator[tuple[str, Counted]]:
    """A provider that answers slowly until it is let, and its address."""
    answers = Counted()
    with serving(answers) as base:
        answers[PATH] = {
            "issuer": base,
            **{f"{name}_endpoint": f"{base}/{name}" for name in ("authorization", "token")},
            "jwks_uri": f"{base}/keys",
        }
        answers["/keys"] = {"keys": [KEY.as_dict(private=False)]}
        yield base, answers


def test_who_comes_while_a_provider_is_asked_gets_what_it_answers(published: tuple[str, Counted]) -> None:
    issuer, answers = published
    with ThreadPoolExecutor(MANY) as threads:
        found = [threads.submit(providers.discover, issuer) for _ in range(MANY)]
        answers.open.set()
        assert {one.result().issuer for one in found} == {issuer}
    assert answers.asked == {PATH: 1}


def test_what_failed_stands_for_a_while_unless_its_owner_looks(published: tuple[str, Counted], monkeypatch: pytest.MonkeyPatch) -> None:
    issuer, answers = published
    answers.open.set()
    described = answers.pop(PATH)
    for _ in range(MANY):
        with pytest.raises(ProviderUnreachable, match="answered 404"):
            providers.discover(issuer)
    assert answers.asked == {PATH: 1}
    answers[PATH] = described
    assert providers.discover(issuer, anew=True).issuer == issuer
    providers.forget(issuer)
    del answers[PATH]
    for asked in (3, 4):
        with pytest.raises(ProviderUnreachable):
            providers.discover(issuer)
        assert answers.asked[PATH] == asked
        monkeypatch.setattr(providers, "_failed", {})  # the while is over


def nonsense(provider: Provider) -> None:
    """Something that was never signed there, by a key that it never had."""
    providers.decoded(provider, jwt.encode({"alg": "RS256", "kid": "b"}, {"iss": provider.issuer}, STRANGE))


@pytest.mark.parametrize("do_keys_fail", [False, True])
def test_nonsense_has_the_keys_read_once_however_much_of_it_comes(published: tuple[str, Counted], do_keys_fail: bool) -> None:
    issuer, answers = published
    answers.open.set()
    provider = providers.discover(issuer)
    if do_keys_fail:
        del answers["/keys"]
    with ThreadPoolExecutor(MANY) as threads:
        for one in [threads.submit(nonsense, provider) for _ in range(3 * MANY)]:
            with pytest.raises(ProviderUnreachable if do_keys_fail else (JoseError, ValueError)):
                one.result()
    assert answers.asked["/keys"] == 1


def test_the_keys_that_are_known_hold_while_they_cannot_be_read_anew(
    published: tuple[str, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, answers = published
    answers.open.set()
    provider = providers.discover(issuer)
    signed = jwt.encode({"alg": "RS256", "kid": "a"}, {"iss": issuer}, KEY)
    assert providers.decoded(provider, signed).claims == {"iss": issuer}
    del answers["/keys"]
    monkeypatch.setattr(providers, "ASKED_AGAIN_S", 0)
    with pytest.raises(ProviderUnreachable):
        nonsense(provider)
    assert providers.decoded(provider, signed).claims == {"iss": issuer}
