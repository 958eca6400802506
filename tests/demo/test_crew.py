"""What the demo's threads do when the one that leads them is told to end."""

import threading
from collections.abc import Iterable, Iterator

import pytest
import sqlalchemy as sa

from flyusage import db
from flyusage.demo.crew import crew, made_ahead


class Told(BaseException):
    """Stands for Ctrl-C, which ends the leading thread wherever it is."""


def test_work_is_broken_off_and_rolled_back_where_its_leader_is_told_to_end(database: object) -> None:
    is_writing = threading.Barrier(3)

    def write_for_an_hour(name: str) -> None:
        with db.platform_transaction() as session:
            session.execute(sa.text("INSERT INTO ingest_run (name, started_at) VALUES (:name, now())"), {"name": name})
            is_writing.wait()
            session.execute(sa.text("SELECT pg_sleep(3600)"))

    with pytest.raises(Told), crew(2, name="writer") as submit:
        working = [submit(write_for_an_hour, name) for name in ("one", "other")]
        waiting = submit(write_for_an_hour, "never begun")
        is_writing.wait()
        raise Told
    assert [type(one.exception()) for one in working] == [db.DatabaseUnreachable] * 2
    assert waiting.cancelled()
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM ingest_run")) == 0


def test_work_that_is_led_to_its_end_is_kept(database: object) -> None:
    with crew(2, name="writer") as submit:
        assert [submit(pow, 2, exponent).result() for exponent in (3, 4)] == [8, 16]


def test_the_next_piece_is_made_while_one_is_used() -> None:
    is_used, made = threading.Event(), []

    def make(units: Iterable[int]) -> Iterator[int]:
        for unit in units:
            assert unit < 2 or is_used.is_set()
            made.append(unit)
            yield 10 * unit

    pieces = []
    for piece in made_ahead(range(4), make):
        is_used.set()
        pieces.append(piece)
    assert (pieces, made) == ([0, 10, 20, 30], [0, 1, 2, 3])


def test_no_further_unit_is_begun_once_it_is_left() -> None:
    begun = []
    is_first_made = threading.Event()

    def make(units: Iterable[int]) -> Iterator[list[int]]:
        for unit in units:  # all of them are one piece, as a batch is of many units
            begun.append(unit)
            if unit == 1:
                yield [unit]
            is_first_made.wait()

    pieces = made_ahead(range(1, 1_000_000), make)
    assert next(pieces) == [1]
    is_first_made.set()
    pieces.close()  # type: ignore[attr-defined]
    assert len(begun) < 1_000_000
