"""What a process of flyusage has imported before a test asks for it (`forked.py`): the pages, the API, the command line."""

import gc
import importlib

import passwords_cost

from flyusage.cli.main import COMMANDS
from flyusage.ui import bundle

gc.disable()  # what an import makes stays
with bundle.serving():
    importlib.import_module("flyusage.asgi")
    importlib.import_module("flyusage.flyusage")
for command in COMMANDS.values():
    importlib.import_module(f"flyusage.cli.{command.partition(':')[0]}")
for late in ("zxcvbn", "zxcvbn.matching", "pytest"):  # when somebody chooses a password; what multiprocessing takes for the main module
    importlib.import_module(late)
passwords_cost.lower()
gc.freeze()  # forks share what is never looked at again
gc.enable()
