"""A process beside another: gone with it, and not before it."""

import os
import subprocess
import sys
import textwrap

# A parent that closes the pipe but lives on for a while, as one that is being killed does on a busy machine.
PARENT = textwrap.dedent("""
    import sys, time
    from flyusage.cli import child
    child.subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=child.PIPE, start_new_session=True).stdin.close()
    time.sleep(0.5)
    print("parent ends", flush=True)
""")
CHILD = textwrap.dedent("""
    import os, threading
    from flyusage.cli import child
    parent, stop = os.getppid(), threading.Event()
    child.leave_with_parent(stop)
    assert stop.wait(20)
    print("child is alone" if os.getppid() != parent else "child left early", flush=True)
""")


def test_a_child_leaves_once_its_parent_is_dead_and_not_while_it_dies():
    said = subprocess.run(
        [sys.executable, "-c", PARENT, CHILD], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert said.stdout.splitlines() == ["parent ends", "child is alone"], said.stderr
