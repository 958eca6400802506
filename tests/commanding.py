"""The command line as a person meets it: arguments in; exit code, output and errors out."""

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from flyusage.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Flyusage = Callable[..., Said]


@pytest.fixture
def flyusage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Flyusage]:
    """`flyusage("db", "status")`, in this process."""
    kept = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["flyusage", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        sentence = f"{ended.value.code}\n" if isinstance(ended.value.code, str) else ""  # what Python prints at its end
        code = 1 if sentence else int(ended.value.code or 0)
        return Said(code, captured.out, captured.err + sentence)

    yield run
    for signum, handler in kept.items():
        signal.signal(signum, handler)
