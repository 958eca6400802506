"""`flyusage prices`: what things cost, and what they would."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flyusage import logs
from flyusage.cli.output import print_json, print_table
from flyusage.pricing.cases import Answered, answer_all, printable, read_cases
from flyusage.pricing.errors import CasesUnreadable
from flyusage.pricing.rating import plain

app = typer.Typer(help="See what things cost and try what they would.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("rate")
def rate(
    cases: Annotated[
        str, typer.Argument(metavar="CASES", help="A JSON file of cases, as pricing/README.md describes; - reads standard input.")
    ],
    with_working: Annotated[bool, typer.Option("--working", help="Print each case's working below it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rate the cases of a file: a price tried before it is a price. Exit code 1 if one has no answer or not the expected one."""
    answered = answer_all(read_cases(_read(cases)))
    if as_json:
        print_json([printable(one) for one in answered])
    else:
        _print(answered, with_working=with_working)
    if not all(one.is_good for one in answered):
        raise typer.Exit(1)


def _read(name: str) -> str:
    """Raises CasesUnreadable."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CasesUnreadable(f"{logs.harmless(name)} cannot be read: {reason}.") from error


def _print(answered: list[Answered], *, with_working: bool) -> None:
    if not answered:
        typer.echo("No cases.")
        return
    rows = [[one.id, one.kind, _said(one.answer), _said(one.expected), _verdict(one)] for one in answered]
    width = max((len(row[2]) for one, row in zip(answered, rows, strict=True) if isinstance(one.answer, str)), default=0)
    if with_working:
        for one, row in zip(answered, rows, strict=True):
            typer.echo(logs.harmless("  ".join(cell for cell in (row[0], row[1], row[2], row[4]) if cell)))
            for step in one.working:
                typer.echo(f"    {plain(step.amount):>18}  {logs.harmless(step.text)}")
    else:
        print_table(("id", "kind", "answer".rjust(width), "expected", ""), [[*row[:2], row[2].rjust(width), *row[3:]] for row in rows])
    wrong = sum(not one.is_good for one in answered)
    typer.echo(f"\n{len(answered):,} cases, {'all good' if not wrong else f'{wrong:,} not as they should be'}.")


def _said(answer: object) -> str:
    if isinstance(answer, dict):
        return ", ".join(f"{name} {value}" for name, value in answer.items())
    return "" if answer is None else str(answer)


def _verdict(one: Answered) -> str:
    if one.error is not None:
        return f"{one.error.code}: {one.error.sentence}"
    said = "" if one.matches is None else "as expected" if one.matches else "differs"
    return ", ".join(part for part in (said, f"ignored {', '.join(one.ignored)}" if one.ignored else "") if part)
