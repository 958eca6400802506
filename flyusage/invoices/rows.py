"""Many rows into a table by one statement: they travel as one JSON text, which costs a tenth of as many parameters."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, SQLModel

Rows = Sequence[Mapping[str, Any]]


def insert(session: Session, table: sa.Table, rows: Rows) -> None:
    """Add `rows`, which all have the same columns; a missing column takes its default."""
    if rows:
        session.execute(sa.text(_insert(table.name, tuple(rows[0]))), {"rows": encode(rows)})


def encode(value: Any) -> str:
    """Compact JSON; decimals and fractions as text, so that no digit is lost."""
    return _encoder.encode(value).decode()


def source(table: sa.Table, columns: Sequence[str], bind: str = "rows") -> str:
    """`json_to_recordset` of a bound JSON text, as SQL for a FROM, with the types of the table's columns."""
    types = ", ".join(f"{name} {_type(table.name, name)}" for name in columns)
    return f"json_to_recordset(CAST(:{bind} AS json)) AS row ({types})"


def exact_text(value: object) -> str:
    """A fraction without loss: a decimal where it ends (`9.5`), else `1/3`. `Fraction` reads both."""
    if not isinstance(value, Fraction):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    numerator, denominator = value.as_integer_ratio()
    if denominator == 1:
        return str(numerator)
    places, factor = _ending(denominator)
    if not factor:
        return f"{numerator}/{denominator}"
    digits = str(abs(numerator) * factor).rjust(places + 1, "0")
    return f"{'-' if numerator < 0 else ''}{digits[:-places]}.{digits[-places:]}"


@lru_cache(10_000)  # what a close divides by comes again and again
def _ending(denominator: int) -> tuple[int, int]:
    """How many decimals a fraction over `denominator` has, and what its numerator is multiplied by to be them; 0 where they never end."""
    rest, twos = _without(denominator, 2)
    rest, fives = _without(rest, 5)
    places = max(twos, fives)
    return (places, 10**places // denominator) if rest == 1 else (0, 0)


def _without(number: int, prime: int) -> tuple[int, int]:
    """`number` divided by `prime` as often as it can be, and how often that was."""
    times = 0
    while number % prime == 0:
        number, times = number // prime, times + 1
    return number, times


_encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=exact_text)


@cache
def _insert(table_name: str, columns: tuple[str, ...]) -> str:
    table, named = SQLModel.metadata.tables[table_name], ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table_name} ({named}) SELECT {named} FROM {source(table, columns)}"


@cache
def _type(table_name: str, column: str) -> str:
    return f"{SQLModel.metadata.tables[table_name].c[column].type.compile(dialect=postgresql.dialect())}"
