"""Two that write one file at once leave one of the two, whole."""

import os
from pathlib import Path

import pytest

from flyusage.cli.whole import beside


def test_of_two_at_once_each_is_whole_and_the_last_one_stays(tmp_path: Path) -> None:
    out = tmp_path / "month.csv"
    with beside(out) as first:
        first.write_text("first, begun")
        with beside(out, mode=0o600) as second:
            second.write_text("second")
            assert second.stat().st_mode & 0o077 == 0
        assert (out.read_text(), first.read_text()) == ("second", "first, begun")
        first.write_text("first")
    assert (out.read_text(), list(tmp_path.iterdir())) == ("first", [out])


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "month.csv"
    out.write_text("before")
    with pytest.raises(KeyError), beside(out) as part:
        part.write_text("half")
        raise KeyError
    assert (out.read_text(), list(tmp_path.iterdir())) == ("before", [out])
    for folder in (tmp_path, Path()):
        with pytest.raises(IsADirectoryError), beside(folder) as part:
            part.write_text("all")
    assert list(tmp_path.parent.glob("*.part")) == []


def test_what_a_killed_writer_left_is_removed_by_the_next_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    out, other = tmp_path / "month.csv", tmp_path / "year.csv.0123abcd.part"
    left = tmp_path / "month.csv.0123abcd.part"
    for path in (left, other):
        path.write_text("half")
        os.utime(path, (0, 0))
    with beside(out) as first:
        assert not left.exists()
        os.utime(first, (0, 0))
        with beside(out):
            assert first.exists()
    assert sorted(tmp_path.iterdir()) == [out, other]
