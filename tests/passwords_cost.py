"""What a password costs in tests: Argon2id at its least, not the sixth of a second that keeps guessers off.

Tests of the cost itself (`auth/test_passwords.py`, the time that a refusal takes) ask for the product's own: `real_cost`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from flyusage.auth import passwords

REAL = passwords._hasher
LEAST = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def lower() -> None:
    """For the rest of this process."""
    _hash_by(lambda: LEAST)


@contextmanager
def real() -> Iterator[None]:
    """The product's own cost inside the block."""
    _hash_by(REAL)
    yield
    lower()


def _hash_by(hasher) -> None:
    passwords._hasher = hasher
    passwords._nobodys.cache_clear()
