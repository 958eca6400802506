"""A process beside another: gone with it, and not before it."""

import os
import subprocess
import sys
import textwrap

# A parent that closes the pipe but lives on for a while, as one that is being killed does on a busy machine. It waits until the child
# watches: one that began only after its parent's death would rightly call its next parent, the system's, the one it has.
PARENT = textwrap.dedent("""
    import os, sys, time
    from flyusage.cli import child
    watching, told = os.pipe()
    beside = child.subprocess.Popen(
        [sys.executable, "-c", sys.argv[1], str(told)], stdin=child.PIPE, start_new_session=True, pass_fds=[told]
    )
    assert os.read(watching, 1) == b"w"
    beside.stdin.close()
    time.sleep(0.5)
    print("parent ends", flush=True)
""")
CHILD = textwrap.dedent("""
    import os, sys, threading
    from flyusage.cli import child
    parent, stop = os.getppid(), threading.Event()
    child.leave_with_parent(stop)
    os.write(int(sys.argv[1]), b"w")
    assert stop.wait(20)
    print("child is alone" if os.getppid() != parent else "child left early", flush=True)
""")


def test_a_child_leaves_once_its_parent_is_dead_and_not_while_it_dies():
    said = subprocess.run(
        [sys.executable, "-c", PARENT, CHILD], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    assert said.stdout.splitlines() == ["parent ends", "child is alone"], said.stderr
