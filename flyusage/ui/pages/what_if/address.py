"""The what-if page's address: which range, under which prices, with which changes. Parsed, never trusted. Pure.

`?range=last-month&version=list@2027-01-01&move=gru:iad,fra:iad&resize=performance-8x:performance-4x&reserve=dfw:performance:144:20`
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from urllib.parse import quote, urlencode

from flyusage.pricing.rating import plain
from flyusage.pricing.simulate import Reserved

LONGEST, MOST = 100, 20
NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
KINDS = ("shared", "performance")
RANGE = ("range", "from", "to")
LAST_MONTH = "last-month"


@dataclass(frozen=True)
class Choice:
    """What the address chooses. `span` is the range as the explorer's address has it; no version is the prices as they are.

    `moves` and `resizes` are pairs from, to; `everyone` also compares all organizations, for staff.
    """

    span: tuple[tuple[str, str], ...] = ()
    version: str = ""
    moves: tuple[tuple[str, str], ...] = ()
    resizes: tuple[tuple[str, str], ...] = ()
    reservations: tuple[Reserved, ...] = ()
    everyone: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether anything is to be otherwise."""
        return bool(self.version or self.moves or self.resizes or self.reservations)

    def with_(self, **changes: object) -> "Choice":
        """Another choice."""
        return replace(self, **changes)


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    span = tuple((name, text) for name in RANGE if (text := _text(query.get(name))))
    return Choice(
        span=span if span != (("range", LAST_MONTH),) else (),
        version=_text(query.get("version")),
        moves=pairs_in(query.get("move")),
        resizes=pairs_in(query.get("resize")),
        reservations=tuple(one for text in _texts(query.get("reserve")) if (one := reserved_in(text)) is not None),
        everyone=query.get("everyone") == "1",
    )


def what_if_href(slug: str, choice: Choice) -> str:
    """The page's address for a choice; what is not chosen is left out."""
    asked = {
        **dict(choice.span),
        "version": choice.version,
        "move": ",".join(f"{source}:{target}" for source, target in choice.moves),
        "resize": ",".join(f"{source}:{target}" for source, target in choice.resizes),
        "reserve": ",".join(reserved_text(one) for one in choice.reservations),
        "everyone": "1" if choice.everyone else "",
    }
    query = urlencode({name: value for name, value in asked.items() if value}, safe=":,@")
    return f"/orgs/{quote(slug)}/what-if{'?' + query if query else ''}"


def pairs_in(given: object) -> tuple[tuple[str, str], ...]:
    """`gru:iad,fra:iad` as pairs, each source once; what is no pair is left out."""
    found: dict[str, str] = {}
    for text in _texts(given):
        source, _, target = text.partition(":")
        if NAME.fullmatch(source) and NAME.fullmatch(target) and source != target:
            found.setdefault(source, target)
    return tuple(found.items())


def reserved_in(text: str) -> Reserved | None:
    """`dfw:performance:144:20` as a reservation; None for anything else."""
    parts = text.split(":")
    if len(parts) != 4 or not NAME.fullmatch(parts[0]) or parts[1] not in KINDS or not all(AMOUNT.fullmatch(one) for one in parts[2:]):
        return None
    return Reserved(parts[0], parts[1], Fraction(parts[2]), Fraction(parts[3]))


def reserved_text(one: Reserved) -> str:
    """As the address and the command line have it."""
    return f"{one.region}:{one.cpu_kind}:{plain(one.upfront)}:{plain(one.monthly_credit)}"


def _text(given: object) -> str:
    return given.replace("\0", "").strip()[:LONGEST] if isinstance(given, str) else ""


def _texts(given: object) -> list[str]:
    return given.replace("\0", "").split(",")[:MOST] if isinstance(given, str) else []
