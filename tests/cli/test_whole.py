"""Two that write one file at once leave one of the two, whole."""

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
