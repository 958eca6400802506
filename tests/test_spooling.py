"""Long downloads, of which nothing is held while they are sent."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyusage.spooling import IN_MEMORY, spooled


@given(st.lists(st.binary(max_size=50)))
def test_the_same_bytes_come(pieces: list[bytes]) -> None:
    assert b"".join(spooled(pieces)) == b"".join(pieces)


def test_what_it_is_read_from_is_let_go_before_the_first_byte() -> None:
    held = False

    def read() -> Iterator[bytes]:
        nonlocal held
        held = True
        for _ in range(3):
            yield b"x" * IN_MEMORY
        held = False

    sent = spooled(read())
    assert len(next(sent)) < IN_MEMORY
    assert not held
    assert sum(map(len, sent)) > 2 * IN_MEMORY


def test_what_goes_wrong_is_said_before_the_first_byte() -> None:
    def read() -> Iterator[bytes]:
        yield b"x" * IN_MEMORY
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        next(spooled(read()))
