"""`flyusage demo`: something to look at with one command, invented or from a public trace."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Annotated, NoReturn

import typer

from flyusage import db
from flyusage.cli import child, hosting, progress
from flyusage.cli.serve import Host, Port
from flyusage.config import settings
from flyusage.demo import people, platform, trace
from flyusage.errors import FlyusageError
from flyusage.metering import compaction, rollups, statistics
from flyusage.metering.ingest import Ingest, IngestResult
from flyusage.orgs.queries import directory

TRACE_ORGANIZATION = "prism"
ADVANCE_SECONDS = 60
TITLE = "Inventing the demo platform"

Vms = Annotated[int, typer.Option(min=1, max=1_000_000, help="Machines that run at the end of the large company's history.")]
Months = Annotated[int, typer.Option(min=1, max=60, help="Months of history.")]
Seed = Annotated[int, typer.Option(help="The same seed invents the same history.")]


class DemoInterrupted(FlyusageError):
    """The process that fills the demo platform ended before there was something to look at."""

    code = "demo_interrupted"


def demo(
    vms: Vms = 10_000,
    months: Months = 14,
    seed: Seed = 7,
    trace_file: Annotated[Path | None, typer.Option("--trace", help="Load this public cluster trace instead of inventing.")] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Fill, then exit.")] = False,
    host: Host = None,
    port: Port = None,
) -> None:
    """Fill an empty installation with something to look at, and serve it. What is there already stays."""
    chosen = settings()
    where = host or chosen.host, port or chosen.port
    if no_serve:
        with hosting.database_ready():
            load_trace(trace_file) if trace_file else fill_here(vms, months, seed)
        return
    with hosting.claimed(*where) as held:
        if trace_file:
            load_trace(trace_file)
            password = _settle()
            hosting.run(held, *where, say=lambda address: _say(address, TRACE_ORGANIZATION, password))
            return
        _settle()  # before anything listens
        with _filling(vms, months, seed) as filling:
            password = _settle()
            hosting.run(held, *where, say=lambda address: _say(address, platform.LARGE[0], password), on_stop=filling.terminate)


def _settle() -> str | None:
    """The demonstration's people can sign in; the password they share, None where somebody else has an account already."""
    with db.platform_transaction() as session:
        return people.settle(session, settings().data_dir)


def fill_here(vms: int, months: int, seed: int) -> None:
    """Fill the platform with a progress bar."""
    with progress.shown(TITLE) as report:
        filled = platform.fill(vms=vms, months=months, seed=seed, progress=lambda step: report(*_words(step)))
    typer.echo(f"The demo platform is complete: {', '.join(filled.slugs)}. Start it with `flyusage demo`.")


def load_trace(path: Path) -> None:
    """Convert a public trace and take it in, as the organization `prism`. Loading it twice changes nothing."""
    lines = list(trace.convert(path))
    with progress.shown(f"Loading {path.name}") as report:

        def show(result: IngestResult) -> None:
            done = result.accepted + result.duplicate + result.refused
            report(0.9 * done / max(len(lines), 1), f"{done:,} events")

        result = Ingest().run(lines, name=path.name, progress=show)
        for org_id in sorted(result.org_ids):
            rollups.catch_up(org_id)
        statistics.refresh()
        compaction.compact()
        report(1, f"{len(lines):,} events")
    typer.echo(f"{result.accepted:,} accepted, {result.duplicate:,} duplicate, {result.refused:,} refused.")


def fill_beside(vms: Vms, months: Months, seed: Seed) -> None:
    """Fill beside the server, a line of JSON per step on standard output; then let the companies live on with the clock."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, _leave_once)
    child.leave_with_parent(stop)
    threading.Thread(target=lambda: stop.wait() and os.kill(os.getpid(), signal.SIGTERM), daemon=True).start()

    def tell(step: platform.Progress) -> None:
        share, words = _words(step)
        _tell_parent({"share": share, "words": words, "is_usable": step.is_usable})

    platform.fill(vms=vms, months=months, seed=seed, progress=tell)
    _tell_parent({"share": 1, "words": "", "is_usable": True})
    while not stop.wait(ADVANCE_SECONDS):
        platform.advance()


def _tell_parent(line: dict[str, object]) -> None:
    """A line of JSON to who started us. Where they are gone, so is our standard input, and its signal is what ends us: once, in order."""
    try:
        print(json.dumps(line), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        while True:
            time.sleep(0.1)  # not signal.pause: the signal may come to another thread


def _leave_once(signum: int, _frame: FrameType | None) -> NoReturn:
    """As the command line leaves, but being told again does not cut the leaving short."""
    signal.signal(signum, signal.SIG_IGN)
    raise SystemExit(128 + signum)


@contextmanager
def _filling(vms: int, months: int, seed: int) -> Iterator[subprocess.Popen[bytes]]:
    """The platform fills beside the block, which begins once there is something to look at. Raises DemoInterrupted."""
    arguments = ["fill-demo", f"--vms={vms}", f"--months={months}", f"--seed={seed}"]
    process = child.start(arguments, output=child.PIPE)
    assert process.stdout is not None
    is_usable = threading.Event()
    if _is_usable():
        is_usable.set()
    reader = threading.Thread(target=_follow, args=(process.stdout, is_usable), name="demo-progress", daemon=True)
    reader.start()
    try:
        while not is_usable.wait(0.2):
            if process.poll() is not None:
                raise DemoInterrupted(
                    "Inventing the demo platform stopped (its reason is above). What it did is kept; start again to go on."
                )
        yield process
    finally:
        child.stop(process)
        reader.join()


def _follow(lines: IO[bytes], is_usable: threading.Event) -> None:
    """Show the steps a filling process tells, until it is done or gone."""
    with ExitStack() as bar:
        report = None
        for line in lines:
            step = json.loads(line)
            if report is None and step["share"] < 1:  # nothing to show where everything was there
                report = bar.enter_context(progress.shown(TITLE))
            if report is not None:
                report(step["share"], step["words"])
            if step["is_usable"]:
                is_usable.set()
            if step["share"] >= 1:
                bar.close()
                report = None


def _is_usable() -> bool:
    """Whether an earlier run left the last 31 days, or everything."""
    with db.platform_transaction() as session:
        unfinished = {each.slug: each for each in platform.loading(session)}
        known = {entry.slug for entry in directory(session)}
    large = platform.LARGE[0]
    return large in known and (large not in unfinished or unfinished[large].complete_since is not None)


def _words(step: platform.Progress) -> tuple[float, str]:
    since = f", complete since {step.complete_since}" if step.complete_since else ""
    return step.share, f"{step.events:,} events{since}"


def _say(address: str, slug: str, password: str | None) -> None:
    doors = "".join(f"\n          {person.email:<24} {person.note}" for person in people.PEOPLE)
    enter = f"\n  Enter as one of these, by a click there or with the password {password}{doors}\n" if password else ""
    typer.echo(
        f"""
  flyusage is at {address}/orgs/{slug}
{enter}
  Try   {address}/orgs/{slug}/usage
        Click an area or a row to drill from continent to machine; Back returns.
        Press ? for the keys, / for filters, Ctrl-K to jump to any app, machine or region.
  Stop  Ctrl-C
"""
    )
    if _is_desktop():
        webbrowser.open(f"{address}/orgs/{slug}")


def _is_desktop() -> bool:
    """Whether somebody sits in front of this machine: a terminal on a desktop, not a server, a container or a pipeline."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
