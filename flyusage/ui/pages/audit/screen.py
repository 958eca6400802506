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

PAGE_LENGTH = 50
LONGEST_DETAIL = 400
SYSTEMS = {
    "cli": "The command line", "command": "The command line", "ingest": "Ingest", "loopback": "A local reader", "sign-in": "Sign-in",
    "stripe": "The payment processor",
}  # fmt: skip
DIRECTORY = {"scim": "SCIM token", "scim_user": "Somebody of the directory", "scim_group": "A group of the directory"}
ACTIONS = {
    "billing.edit": "Changed the billing profile",
    "cost_centres.edit": "Mapped apps to cost centres",
    "event.void": "Withdrew a usage event",
    "credit.grant": "Granted a credit",
    "invoice.question": "Asked about an invoice",
    "invoice.answer": "Answered about an invoice",
    "invoice.close_question": "Closed a question about an invoice",
    "organization.create": "Made the organization",
    "invoice.issue": "Issued an invoice",
    "credit_note.issue": "Issued a credit note",
    "invoice.export": "Downloaded an invoice",
    "audit.export": "Downloaded the audit",
    "usage.export": "Downloaded usage",
    "members.add": "Added a member",
    "session.start": "Signed in",
    "session.end": "Signed out",
    "session.end_all": "Signed out elsewhere",
    "session.refuse": "Was refused a sign-in",
    "password.set": "Set a new password",
    "account.disable": "Disabled the account",
    "account.enable": "Enabled the account again",
    "second_factor.enable": "Switched the second factor on",
    "second_factor.disable": "Switched the second factor off",
    "recovery_codes.renew": "Made new recovery codes",
    "recovery_code.use": "Used a recovery code",
    "passkey.add": "Added a passkey",
    "passkey.remove": "Removed a passkey",
    "passkey.rename": "Renamed a passkey",
    "provisioning.add": "Told of somebody (SCIM)",
    "provisioning.change": "Changed what it tells of somebody (SCIM)",
    "provisioning.remove": "Tells of somebody no more (SCIM)",
    "provisioning.add_group": "Told of a group (SCIM)",
    "provisioning.change_group": "Changed a group (SCIM)",
    "provisioning.remove_group": "Tells of a group no more (SCIM)",
    "provisioning.map_group": "Gave a directory's group a role",
    "provisioning.choose_default_role": "Chose the role of provisioned people",
    "members.change_role": "Changed a role",
    "members.remove": "Removed a member",
    "members.provision": "Provisioned a member",
    "scim_tokens.create": "Made a SCIM token",
    "scim_tokens.revoke": "Revoked a SCIM token",
    "organization.purge": "Emptied the deleted organization",
    "organization.open": "Opened the organization as staff",
    "second_factor.require": "Made the second factor a rule",
    "second_factor.release": "Lifted the rule of a second factor",
    "members.join": "Joined by single sign-on",
    "sso.set_up": "Set up single sign-on",
    "sso.change": "Changed single sign-on",
    "sso.remove": "Removed single sign-on",
    "sso.test": "Tried single sign-on",
    "sso.switch_off": "Switched single sign-on off",
    "sso.switch_on": "Switched single sign-on on",
    "sso.enforce": "Made single sign-on a rule",
    "sso.release": "Lifted the rule of single sign-on",
    "sso.name_break_glass": "Named who gets in past single sign-on",
    "sso.break_glass": "Gave a password past single sign-on",
    "sso.map_group": "Gave a group a role",
    "sso.unmap_group": "Took a group's role away",
    "sso.link": "Was linked to a person at the provider",
    "sso.unlink": "Undid a link to a person at the provider",
    "sso_domain.claim": "Claimed a domain",
    "sso_domain.verify": "Proved a domain",
    "sso_domain.lose": "Lost the proof of a domain",
    "sso_domain.give_up": "Gave up a domain",
}


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
        actions=_options(found.actions, choice.action, _words),
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
    if value is None or value == "":
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(one: AuditEntry, names: Mapping[int, str]) -> EntryRow:
    return EntryRow(
        id=str(one.id),
        at=f"{present.moment_text(one.at)}:{one.at:%S}",
        moment=one.at.isoformat(),
        who=who(one.actor, names),
        action=_words(one.action),
        name=visible(one.action),
        subject=_subject(one, names),
        detail=detail_text(one.detail),
        address=visible(one.address) if one.address else "",
    )


def _subject(one: AuditEntry, names: Mapping[int, str]) -> str:
    if one.subject == one.actor:  # what somebody does with their own account is told by who they are
        return ""
    kind = one.subject.partition(":")[0]
    return who(one.subject, names) if kind == "user" or kind in DIRECTORY else visible(one.subject)


def _words(action: str) -> str:
    return ACTIONS.get(action, visible(action))


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
