"""docs/cli.md has every command with every option; to renew it: FLYUSAGE_TEST_RELEASE=1 pytest tests/cli/test_reference.py"""

import os
from collections.abc import Iterator
from pathlib import Path

import typer

from flyusage.cli.main import app

IS_RELEASING = "FLYUSAGE_TEST_RELEASE" in os.environ
REFERENCE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """# The command line, command by command

`flyusage COMMAND --help` says the same. `--json` prints JSON wherever it stands; exit codes are 0 for done, 1 for what a person can act on (one
sentence says what), 2 for a wrong usage, 3 where some of many were refused. `flyusage --install-completion` teaches your shell the commands.
"""


def reference() -> str:
    return HEAD + "".join(_told(typer.main.get_command(app), "flyusage"))


def _told(command, path: str) -> Iterator[str]:
    if command.hidden:
        return
    if hasattr(command, "commands"):
        yield f"\n## {path}\n\n{_text(command.help)}\n" if path != "flyusage" else ""
        for name in sorted(command.commands):
            yield from _told(command.commands[name], f"{path} {name}")
        return
    level = "###" if path.count(" ") > 1 else "##"
    shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    named = " ".join(one.metavar or one.name.upper() for one in arguments)
    yield f"\n{level} {path} {named}".rstrip() + f"\n\n{_text(command.help)}\n"
    if shown:
        yield "\n"
    for one in shown:
        name = (
            f"`{one.metavar or one.name.upper()}`"
            if one in arguments
            else ", ".join(f"`{opt}`" for opt in (*one.opts, *one.secondary_opts))
        )
        yield f"- {name}: {_text(one.help)}".rstrip(": ") + "\n"


def _text(text: str | None) -> str:
    return (text or "").strip()


def test_the_reference_is_complete() -> None:
    if IS_RELEASING:
        REFERENCE.write_text(reference())
    assert REFERENCE.read_text() == reference()


def test_the_shell_is_told_what_there_is(flyusage) -> None:
    assert "complete -o default" in flyusage("--show-completion", "bash").out
