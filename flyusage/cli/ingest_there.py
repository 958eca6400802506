"""Events to another flyusage, through its API."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import typer

from flyusage.cli.output import print_json
from flyusage.cli.remote import Remote
from flyusage.logs import harmless

PIECE = 1 << 18
COUNTED = ("accepted", "duplicate", "refused")
MOST_TOLD = 20


def send_all(there: Remote, sources: Sequence[str], *, as_json: bool) -> int:
    """Send every input and say what became of it; how many lines were refused."""
    begun, whole, by_code, named = time.monotonic(), Counter(), Counter(), []
    for source in sources:
        told = _send(there, source)
        whole.update({name: told[name] for name in COUNTED})
        by_code.update(told["refused_by_code"])
        named += [{"source": source, **one} for one in told["refusals"]]
    seconds = time.monotonic() - begun
    if as_json:
        counts = {name: whole[name] for name in COUNTED}
        print_json({**counts, "refused_by_code": dict(sorted(by_code.items())), "seconds": round(seconds, 3), "refusals": named})
        return whole["refused"]
    typer.echo(f"{whole['accepted']:,} accepted, {whole['duplicate']:,} duplicate, {whole['refused']:,} refused in {seconds:.1f} s.")
    for code, count in by_code.most_common():
        typer.echo(f"  {count:,} × {code}")
    for one in named[:MOST_TOLD]:
        typer.echo(harmless(f"{one['source']}, line {one['line']}: {one['detail']}"), err=True)
    if whole["refused"] > min(len(named), MOST_TOLD):
        typer.echo(f"and {whole['refused'] - min(len(named), MOST_TOLD):,} more refusals", err=True)
    return whole["refused"]


def _send(there: Remote, source: str) -> dict[str, Any]:
    if source == "-":
        return _post(there, sys.stdin.buffer)
    with Path(source).open("rb") as file:
        return _post(there, file)


def _post(there: Remote, file: IO[bytes]) -> dict[str, Any]:
    first = file.read(PIECE)
    packed = {"content-encoding": "gzip"} if first[:2] == b"\x1f\x8b" else {}
    return there.send("/events", _pieces(first, file), {"content-type": "application/x-ndjson", **packed})


def _pieces(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = file.read(PIECE)
