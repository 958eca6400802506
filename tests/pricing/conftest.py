"""One ingested world for the tests that only read it."""

from collections.abc import Iterator

import pytest
from usage_world import NOW, World, make_world

from flyusage import clock


@pytest.fixture(scope="module")
def world(shared_database) -> Iterator[World]:
    """The platform of world.py, with the clock at its NOW."""
    made = make_world()
    with clock.freeze(NOW):
        yield made
