"""Findings that are kept: the newest, and no more of them than memory is worth."""

from flyusage.pricing.remembered import MOST_POINTS, Remembered


def asked(remembered: Remembered, key: str, found: object) -> bool:
    """Whether it had to be looked for."""
    looked: list[str] = []

    def find() -> object:
        looked.append(key)
        return found

    assert remembered.ask(key, find) == found
    return bool(looked)


def test_a_finding_is_looked_for_once_and_the_oldest_goes_first() -> None:
    remembered = Remembered(2)
    assert [asked(remembered, key, key) for key in "aab"] == [True, False, True]
    assert asked(remembered, "c", "c")
    assert [asked(remembered, key, key) for key in "bca"] == [False, False, True]


def test_without_room_nothing_is_kept() -> None:
    remembered = Remembered(0)
    assert [asked(remembered, "a", "a") for _ in range(2)] == [True, True]


def test_lines_are_kept_up_to_so_many_points() -> None:
    third, remembered = {1: [0.0] * (MOST_POINTS // 3)}, Remembered()
    assert [asked(remembered, key, third) for key in "abc"] == [True] * 3
    assert [asked(remembered, key, third) for key in "abc"] == [False] * 3
    assert asked(remembered, "d", third)
    assert [asked(remembered, key, third) for key in "bcd"] == [False] * 3
    assert asked(remembered, "a", third)
    whole = {1: [0.0] * (MOST_POINTS + 1)}
    assert [asked(remembered, "whole", whole) for _ in range(2)] == [True, True]
    assert not asked(remembered, "a", third)
