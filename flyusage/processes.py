"""Processes beside this one, for reckoning that a single processor would take long for. They end with the one that began them."""

import gc
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

GARBAGE_OBJECTS = 50_000  # made before anybody looks for cycles among them


def pool(count: int) -> ProcessPoolExecutor:
    """So many processes, each begun anew: a fork of threads and connections would share what cannot be shared."""
    return ProcessPoolExecutor(count, get_context("spawn"), initializer=_live_with_parent)


def processors(most: int) -> int:
    """How many processors this process may use, at most `most`."""
    return min(most, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _live_with_parent() -> None:
    """Signals of the terminal are the parent's to hear; when it is killed, this process goes too, and what it was at is not there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # thousands of lines a second are made and none is a cycle: looking for some took a tenth of the time
    gc.set_threshold(GARBAGE_OBJECTS, 20, 100)
    parent = parent_process()
    assert parent is not None

    def leave() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
