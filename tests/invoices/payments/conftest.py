"""localstripe once for all tests of a kind, each test with a proxy of its own in front of it."""

import os
from collections.abc import Iterator

import processor
import pytest

from flyusage import config


@pytest.fixture(scope="session", params=[True, False], ids=["idempotent", "forgetful"])
def both_stripes(request: pytest.FixtureRequest) -> Iterator[processor.Stripe]:
    """One that knows idempotency keys, as Stripe does, and one that does not, as localstripe by itself."""
    with processor.localstripe(is_idempotent=request.param) as stripe:
        yield stripe


@pytest.fixture(scope="session")
def one_stripe() -> Iterator[processor.Stripe]:
    with processor.localstripe(is_idempotent=True) as stripe:
        yield stripe


@pytest.fixture
def proxy(one_stripe: processor.Stripe) -> Iterator[processor.Proxy]:
    """The way to `one_stripe`, empty, which the settings point at."""
    one_stripe.forget()
    with processor.proxied(one_stripe) as proxy:
        kept = {name: os.environ.get(name) for name in SETTINGS}
        os.environ.update({"FLYUSAGE_STRIPE_API_KEY": processor.KEY, "FLYUSAGE_STRIPE_API_BASE": proxy.base})
        config.settings.cache_clear()
        yield proxy
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        config.settings.cache_clear()


SETTINGS = ("FLYUSAGE_STRIPE_API_KEY", "FLYUSAGE_STRIPE_API_BASE")
