"""The audit, printed. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flyusage.orgs.audit import AuditEntry
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.account import browser_name
from flyusage.ui.pages.audit.address import Choice, audit_href, first_page
from flyusage.ui.pages.audit.rows import EntryRow, Option, Screen
from flyusage.ui.pages.audit.words import words_of

PAGE_LENGTH = 50
LONGEST_DETAIL = 400
SYSTEMS = {
    "cli": "The command line", "command": "The command line", "ingest": "Ingest", "loopback": "A local reader", "sign-in": "Sign-in",
    "stripe": "The payment processor",
}  # fmt: skip
PAPERS = {"invoice": "Invoice", "credit_note": "Credit note"}
DIRECTORY = {"scim": "SCIM token", "scim_user": "Somebody of the directory", "scim_group": "A group of the directory"}


@dataclass(frozen=True)
class Found:
    """A page of entries and what is said beside it: names of members by id, the chain's length and head hash."""

    entries: Sequence[AuditEntry]
    has_more: bool
    names: Mapping[int, str]
    actors: Sequence[str]
    actions: Sequence[str]
    count: int
    head: str


def screen(slug: str, choice: Choice, found: Found) -> Screen:
    """Everything the page shows."""
    newest = first_page(choice)
    last = found.entries[-1].id if found.entries else None
    return Screen(
        rows=[_row(one, found.names) for one in found.entries],
        actors=_options(found.actors, choice.actor, lambda actor: who(actor, found.names)),
        actions=_options(found.actions, choice.action, words_of),
        actor=choice.actor,
        action=choice.action,
        since=choice.since.isoformat() if choice.since else "",
        until=choice.until.isoformat() if choice.until else "",
        key=audit_href(slug, newest),
        is_filtered=choice.is_filtered,
        first_href=audit_href(slug, newest) if choice.before is not None else "",
        next_href=audit_href(slug, Choice(choice.actor, choice.action, choice.since, choice.until, last)) if found.has_more else "",
        csv_href=audit_href(slug, newest, ".csv"),
        json_href=audit_href(slug, Choice(), ".jsonl"),
        clear_href=audit_href(slug, Choice()),
        chain=f"{present.plural(found.count, 'entry', 'entries')} in one chain" if found.count else "",
        head=found.head,
        **_empty(found, choice),
    )


def who(actor: str, names: Mapping[int, str]) -> str:
    """An actor or a subject of the audit, as people call them."""
    kind, _, name = actor.partition(":")
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else None
    if kind in ("user", "staff") and number is not None:
        known = names.get(number)
        if kind == "staff":
            return f"{visible(known)} (flyusage staff)" if known else "flyusage staff"
        return visible(known) if known else f"Somebody who is no member now ({visible(actor)})"
    if kind in DIRECTORY:
        return f"{DIRECTORY[kind]} {visible(name)}".strip() if kind == "scim" else DIRECTORY[kind]
    return SYSTEMS.get(name, visible(name or actor)) if kind == "system" else visible(actor)


def detail_text(detail: Mapping[str, object]) -> str:
    """What an entry holds beside, in a line: `role: viewer → admin · email: ada@example.com`."""
    rest = dict(detail)
    parts = []
    if "from" in rest and "to" in rest:
        parts.append(f"{_value(rest.pop('from'))} → {_value(rest.pop('to'))}")
    for name, value in rest.items():
        if name == "device":
            parts.append(browser_name(str(value)))
        elif isinstance(value, dict) and {"from", "to"} == set(value):
            parts.append(f"{name}: {_value(value['from'])} → {_value(value['to'])}")
        else:
            parts.append(f"{name.replace('_', ' ')}: {_value(value)}")
    if not parts:
        return ""
    said = " · ".join(parts)
    return visible(said if len(said) <= LONGEST_DETAIL else said[:LONGEST_DETAIL] + "…")


def _value(value: object) -> str:
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):  # of names, or of what belongs together: an app, its month, its cost centre
        return ", ".join(" ".join(map(_value, one)) if isinstance(one, list) else _value(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(one: AuditEntry, names: Mapping[int, str]) -> EntryRow:
    return EntryRow(
        id=str(one.id),
        at=f"{present.moment_text(one.at)}:{one.at:%S}",
        moment=one.at.isoformat(),
        who=who(one.actor, names),
        action=words_of(one.action),
        name=visible(one.action),
        subject=_subject(one, names),
        detail=detail_text(one.detail),
        address=visible(one.address) if one.address else "",
    )


def _subject(one: AuditEntry, names: Mapping[int, str]) -> str:
    if one.subject == one.actor:  # what somebody does with their own account is told by who they are
        return ""
    kind, _, name = one.subject.partition(":")
    if kind == "user" or kind in DIRECTORY:
        return who(one.subject, names)
    if kind in PAPERS and isinstance(one.detail.get("number"), str):  # by the number that stands on it
        return f"{PAPERS[kind]} {visible(one.detail['number'])}"
    return visible(f"{kind.replace('_', ' ')} {name}".strip())


def _options(values: Sequence[str], chosen: str, words: Callable[[str], str]) -> list[Option]:
    return [Option(value, words(value)) for value in (values if not chosen or chosen in values else [*values, chosen])]


def _empty(found: Found, choice: Choice) -> dict[str, str]:
    if found.entries:
        return {}
    if choice.is_filtered or choice.before is not None:
        return {"empty_title": "No entry matches", "empty_next": "Widen the days, or choose anybody and anything."}
    return {
        "empty_title": "Nothing has been recorded yet",
        "empty_next": "Sign-ins, downloads and every change of money, people and settings appear here, and stay.",
    }
