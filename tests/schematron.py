"""Schematron's rules, as a stylesheet, in a process of their own: `python schematron.py RULES.xslt` answers XML with its report.

Saxon is a virtual machine inside of the process that uses it. Let go of in whatever order Python's collector comes to, its objects ended a
test run at a random later moment, by exit code 99 and without a word.
"""

import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

SIZE = struct.Struct(">I")


@contextmanager
def reports(rules: Path) -> Iterator[Callable[[bytes], bytes]]:
    """What the rules report of an XML, as XML (SVRL), for as long as the block."""
    command = [sys.executable, __file__, str(rules)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, answers = process.stdin, process.stdout

        def report(xml: bytes) -> bytes:
            _send(to, xml)
            said = _received(answers)
            assert said is not None, "the rules' process has ended"
            return said

        yield report
        process.stdin.close()


def _send(file: BinaryIO, what: bytes) -> None:
    file.write(SIZE.pack(len(what)) + what)
    file.flush()


def _received(file: BinaryIO) -> bytes | None:
    head = file.read(SIZE.size)
    return file.read(SIZE.unpack(head)[0]) if head else None


def _answer(rules: str) -> None:
    from saxonche import PySaxonProcessor

    with PySaxonProcessor(license=False) as saxon:
        sheet = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=rules)
        while (xml := _received(sys.stdin.buffer)) is not None:
            _send(sys.stdout.buffer, sheet.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode())).encode())


if __name__ == "__main__":
    _answer(sys.argv[1])
