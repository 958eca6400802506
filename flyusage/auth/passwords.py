"""Passwords: whether one is strong enough, and whether it is somebody's. Argon2id by pwdlib's recommended cost."""

import re
from functools import cache

from pwdlib import PasswordHash

from flyusage.auth.breached import is_breached
from flyusage.auth.errors import PasswordBreached, PasswordTooWeak

SHORTEST = 10
LONGEST = 256  # what is longer costs the server time, not the guesser
SHORTEST_WORD = 4  # of a name, that a password may not be made of
STRONG_ENOUGH = 3  # zxcvbn's "safely unguessable" against online and moderately against offline guessing


def hash_of(password: str, *, known: tuple[str, ...] = ()) -> str:
    """What to keep of a new password. `known` are words a guesser would begin with (name, address). Raises PasswordTooWeak."""
    _refuse_weak(password, known)
    return _hasher().hash(password)


def verify(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Whether `password` is the one, and a new hash to keep where the cost of the old one is no longer today's.

    Takes as long for somebody who has no password: whether there is an account cannot be measured.
    """
    if kept is None or len(password) > LONGEST:
        _hasher().verify(password[:LONGEST], _nobodys())
        return False, None
    return _hasher().verify_and_update(password, kept)


def _refuse_weak(password: str, known: tuple[str, ...]) -> None:
    if len(password) < SHORTEST:
        raise PasswordTooWeak(f"A password needs {SHORTEST} characters or more. Four unrelated words make a good one.")
    if len(password) > LONGEST:
        raise PasswordTooWeak(f"A password may have {LONGEST} characters at most.")
    if is_breached(password):
        raise PasswordBreached("This password is known from a breach, and guessers try those first. Four unrelated words make a good one.")
    from zxcvbn import zxcvbn  # its word lists take a quarter of a second to load, and only new passwords need them

    words = [word for one in known for word in (one, *re.split(r"[^\w]+", one)) if len(word) >= SHORTEST_WORD]
    left = password.lower()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word.lower(), "")
    if left != password.lower() and sum(map(str.isalnum, left)) < SHORTEST:
        raise PasswordTooWeak("This password is made of your name or address. Four unrelated words make a good one.")
    judged = zxcvbn(password, user_inputs=[*words, "flyusage"], max_length=LONGEST)
    if judged["score"] < STRONG_ENOUGH:
        why = judged["feedback"]["warning"] or "It is easy to guess."
        raise PasswordTooWeak(f"This password would be guessed: {why.rstrip('.')}. Four unrelated words make a good one.")


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
