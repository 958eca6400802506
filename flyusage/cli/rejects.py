"""The file that keeps refused lines: line number, code, sentence, and the line as it came."""

import json
from pathlib import Path
from typing import IO

from flyusage.metering.errors import Refusal

SUFFIX = ".rejects.ndjson"


class RejectsFile:
    """Made with the first refusal. A disk that fills up stops this file, never the ingest: `warning` then says so."""

    def __init__(self, path: Path, input_name: str) -> None:
        self.path = path
        self.written = 0
        self.lost = 0
        self.warning: str | None = None
        self._input = input_name
        self._file: IO[bytes] | None = None

    def add(self, refusal: Refusal) -> None:
        """Keep one refusal."""
        if self.warning is None:
            row = {"input": self._input, "line": refusal.line, "code": refusal.code, "sentence": refusal.sentence,
                   "raw": refusal.raw.decode(errors="backslashreplace")}  # fmt: skip
            try:
                if self._file is None:
                    self._file = self.path.open("wb", buffering=0)  # each line is on its way before the next is refused
                self._write(json.dumps(row).encode() + b"\n")
            except OSError as error:
                self._fail(error)
        if self.warning is not None:
            self.lost += 1
        else:
            self.written += 1

    def close(self) -> None:
        """Finish the file; some file systems only now say that they are full."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)

    def sentence(self) -> str | None:
        """What to do when lines are missing from the file; None when all is well."""
        if self.warning is None:
            return None
        return (
            f"The rejects file {self.path} could not be written ({self.warning}); {self.lost:,} refused lines are missing from it. "
            "Every accepted event is in. Free space or choose another file with --rejects, and repeat the command: nothing counts twice."
        )

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _fail(self, error: OSError) -> None:
        self.warning = error.strerror or str(error)
