import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from flyusage.cli import output
from flyusage.cli.output import moment, print_json, print_table, size


def test_columns_line_up_also_under_wide_letters(capsys: pytest.CaptureFixture[str]):
    print_table(("name", "machines", "since"), [("日本", 1234, None), ("x", 5, datetime(2026, 10, 1, tzinfo=UTC))])
    assert capsys.readouterr().out == (
        "name  machines  since\n"
        "日本     1,234  –\n"
        "x            5  2026-10-01 00:00:00Z\n"
    )  # fmt: skip


def test_json_keeps_every_digit_and_says_its_zone(capsys: pytest.CaptureFixture[str]):
    berlin = timezone(timedelta(hours=2))
    print_json({"cost": Decimal("0.000000779247"), "at": datetime(2026, 10, 1, 2, tzinfo=berlin), "month": date(2026, 10, 1)})
    assert json.loads(capsys.readouterr().out) == {"cost": "0.000000779247", "at": "2026-10-01T00:00:00Z", "month": "2026-10-01"}


def test_json_refuses_what_has_no_form():
    with pytest.raises(TypeError, match="complex has no JSON form"):
        print_json(1j)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 kB"), (999_999, "1000.0 kB"), (10**6, "1.0 MB"), (12_345_678_901, "12.3 GB"), (10**13, "10.0 TB")],
)
def test_bytes_are_told_in_powers_of_ten(count: int, text: str):
    assert size(count) == text


def test_a_moment_is_told_in_utc():
    assert moment(datetime(2026, 11, 1, 1, 45, tzinfo=timezone(timedelta(hours=2)))) == "2026-10-31 23:45:00Z"


def test_a_link_and_a_pipe_stay_what_they_are(tmp_path: Path) -> None:
    kept, link, pipe = tmp_path / "kept.pdf", tmp_path / "link.pdf", tmp_path / "pipe"
    kept.write_bytes(b"old")
    link.symlink_to(kept)
    with output.opened(link) as file:
        file.write(b"new")
    assert (link.is_symlink(), kept.read_bytes()) == (True, b"new")
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        with output.opened(pipe) as file:
            file.write(b"through")
        assert read.result(timeout=60) == b"through"
    assert pipe.is_fifo()
