"""What verification reports."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One row that is not what the ledger says. `key` names it in words; None: there is no such row."""

    table: str
    key: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.table} {self.key}: expected {_said(self.expected)}, found {_said(self.found)}"


def differences(
    table: str, expected: Mapping[Any, object], found: Mapping[Any, object], name: Callable[[Any], str]
) -> Iterator[Difference]:
    """Rows of `expected` and `found`, by key, that are not equal."""
    if expected != found:
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                yield Difference(table, name(key), expected.get(key), found.get(key))


def _said(row: object) -> str:
    return "no such row" if row is None else str(row)
