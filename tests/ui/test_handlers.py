"""What a browser may call: every handler of every State is known here, and nothing else of a State is public.

A hostile client can call any of these, without having loaded any page, with any arguments of any type. Each parses its
arguments and opens the organization anew (`session.open_organization`); `e2e/test_hostile_client.py` tries it.
"""

import inspect
from collections.abc import Iterator

import reflex as rx

import flyusage.flyusage  # noqa: F401 declares every State

HANDLERS = {
    "Alerts": {"add", "forget", "load", "remove", "replay", "rotate", "test"},
    "Account": {"choose_mail", "load", "rename", "sign_out", "sign_out_others"},
    "AuditPage": {"choose", "load"},
    "Billing": {"load", "search", "watch"},
    "Budgets": {"create", "end", "load"},
    "CostCentres": {"assign", "choose", "choose_month", "choose_none", "choose_page", "load", "search", "take_in", "turn", "unassign"},
    "Door": {"load"},
    "Explorer": {
        "brush", "choose_days", "edit_filter", "follow_point", "load", "open_filters", "prepare", "save_picture",
        "search_table", "search_values", "set_exclusion", "sort_by", "toggle_value", "turn_page", "watch", "zoom_out",
    },
    "Frame": {"load", "watch"},
    "InvitationPage": {"load"},
    "InvoicePage": {"ask", "load"},
    "MachineList": {"load", "search", "watch"},
    "MachinePage": {"load", "watch"},
    "Members": {
        "add_none", "add_seats", "apply", "ask_to_remove", "change_chosen", "change_role", "choose", "choose_apps", "choose_none", "compare",
        "give_back", "grant_apps", "invite", "load", "remove", "remove_chosen", "resend", "revoke", "search",
    },
    "OrganizationSettings": {
        "bill_to", "change_slug", "delete", "leave", "load", "rename", "require_second_factor", "transfer", "undo_deletion",
    },
    "Overview": {"follow_region", "load", "show_world", "watch"},
    "Palette": {"search"},
    "Presence": {"load", "watch"},
    "Prices": {"choose_region", "load", "search"},
    "ProvisioningPage": {"choose_default", "create", "forget", "load", "map_group", "revoke"},
    "SavedViews": {"delete", "load", "open_menu", "pin", "rename", "save", "share"},
    "SignUpPage": {"load", "load_link"},
    "SecondFactorPage": {"add_passkey", "begin", "confirm", "done", "load", "remove_passkey", "rename_passkey", "renew", "stop"},
    "SingleSignOn": {
        "check", "claim", "enforce", "give_up", "load", "map_group", "name_break_glass", "release", "remove", "save", "unmap_group",
    },
    "StaffBank": {"enter", "load", "search"},
    "StaffClose": {"close", "decide", "load"},
    "StaffExperiments": {"end", "load", "start"},
    "StaffInvoices": {"drop", "give_up", "issue", "load", "plan", "search", "void"},
    "StaffPrices": {"discard", "draft", "load", "publish", "scale"},
    "StaffQuestions": {"answer", "load"},
    "StaffQueue": {"load", "try_now"},
    "StaffRevenue": {"load"},
    "StaffSeller": {"load", "name"},
    "StaffTerms": {"agree", "end", "load", "search", "take_back"},
    "TerminalSignIn": {"allow", "choose", "load", "refuse"},
    "Tokens": {"create", "forget", "load", "revoke"},
    "Welcome": {"create", "load"},
    "WhatIfPage": {"ask", "load"},
}  # fmt: skip
REFLEX = {"setvar"}  # calls a state's own set_* handlers only


def states(of: type[rx.State] = rx.State) -> Iterator[type[rx.State]]:
    for state in of.get_substates():
        if state.__module__.startswith("flyusage."):
            yield state
        yield from states(state)


def test_only_known_handlers_can_be_called() -> None:
    called = {state.__name__: set(state.event_handlers) - REFLEX for state in states()}
    assert called == HANDLERS


def test_nothing_public_of_a_state_is_left_undecorated() -> None:
    """Reflex makes a handler of every public function of a State, decorated or not."""
    for state in states():
        for name, member in vars(state).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                raise AssertionError(f"{state.__name__}.{name} is public but no handler; begin its name with _")


def test_no_state_lets_a_browser_set_its_fields() -> None:
    for state in states():
        fields = set(state.vars)
        assert {name for name in state.event_handlers if name.removeprefix("set_") in fields and name.startswith("set_")} == set()
