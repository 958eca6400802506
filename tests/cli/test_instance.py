from pathlib import Path

import pytest

from flyusage.cli import instance
from flyusage.cli.instance import AlreadyRunning


def test_a_second_server_is_told_where_the_first_answers(tmp_path: Path):
    with instance.only(tmp_path) as first:
        with pytest.raises(AlreadyRunning, match="and still starting"), instance.only(tmp_path):
            pass
        first.announce("http://127.0.0.1:8321")
        with (
            pytest.raises(AlreadyRunning, match=f"already running from {tmp_path}, at http://127.0.0.1:8321. Use that one"),
            instance.only(tmp_path),
        ):
            pass
        assert instance.is_running(tmp_path)
    assert not instance.is_running(tmp_path)


def test_what_a_killed_server_left_holds_nobody_up(tmp_path: Path):
    (tmp_path / "serve.lock").write_text("http://127.0.0.1:8321")
    assert not instance.is_running(tmp_path)
    with instance.only(tmp_path):
        assert (tmp_path / "serve.lock").read_text() == ""


def test_a_folder_that_never_served_is_left_untouched(tmp_path: Path):
    assert not instance.is_running(tmp_path)
    assert list(tmp_path.iterdir()) == []
