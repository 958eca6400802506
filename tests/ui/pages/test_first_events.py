"""What leads an organization to its first event, by what its reader may do."""

import json
import shlex
from datetime import UTC, datetime

import pytest

from flyusage.orgs.acting import Actor, member
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS
from flyusage.ui.pages.overview.first_events import first_events
from flyusage.ui.session import READING, OpenOrganization

ADDRESS = "https://usage.example.com"
NOW = datetime(2026, 11, 15, 12, 30, 5, tzinfo=UTC)


def shown_to(role: Role):
    return first_events(OpenOrganization(7, "nova", "Nova", False, PERMISSIONS[role], member(1, role)), ADDRESS, NOW)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.DEVELOPER])
def test_who_may_make_the_token_is_shown_a_request_of_an_hour_that_has_ended(role: Role):
    first = shown_to(role)
    assert first.kind == "send"
    words = shlex.split(first.request)
    assert words[:2] == ["curl", "https://usage.example.com/api/v1/events"]
    started, stopped = json.loads(words[-1])
    assert (started["type"], stopped["type"]) == ("flyusage.machine.started", "flyusage.machine.stopped")
    assert (started["time"], stopped["time"]) == ("2026-11-15T11:30:05Z", "2026-11-15T12:30:05Z")
    assert started["subject"] == stopped["subject"]
    assert started["id"] != stopped["id"]
    assert started["data"]["org"] == "nova"
    assert first.commands == ["flyusage login https://usage.example.com", "flyusage ingest events.ndjson"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BILLING])
def test_who_may_not_is_told_whom_to_ask(role: Role):
    assert (shown_to(role).kind, shown_to(role).request) == ("ask", "")


def test_staff_on_a_visit_are_offered_nothing_to_send():
    visit = OpenOrganization(7, "nova", "Nova", False, READING, Actor("staff:1", Role.VIEWER), is_visited=True)
    assert first_events(visit, ADDRESS, NOW).kind == "ask"


def test_whoever_runs_an_installation_without_accounts_is_shown_its_commands():
    assert first_events(OpenOrganization(7, "nova", "Nova", False, READING), ADDRESS, NOW).kind == "operate"


def test_what_an_address_holds_is_no_shell_of_its_own():
    org = OpenOrganization(7, "nova", "Nova", False, PERMISSIONS[Role.OWNER], member(1, Role.OWNER))
    assert shlex.split(first_events(org, "https://x.example$(date)", NOW).request)[1] == "https://x.example$(date)/api/v1/events"
