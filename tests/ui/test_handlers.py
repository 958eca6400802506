"""What a browser may call: every handler of every State is known here with what it asks for, and nothing else of a State is public.

A hostile client can call any of these, without having loaded any page, with any arguments of any type. Each parses its
arguments and opens the organization anew (`session.open_organization`); `e2e/test_hostile_client.py` tries it with junk. Here they
are called with what they would take, as every role, as somebody of another organization, as a removed member and as nobody.
"""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import calling
import everybody
import pytest
import sqlalchemy as sa
from calling import Call, Form, states
from everybody import World

from flyusage import clock, db
from flyusage.auth.errors import SignInNeeded
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.orgs.staff import STAFF_PERMISSIONS, StaffPermission
from flyusage.ui.pages.cost_centres.rows import Screen as CentresScreen
from flyusage.ui.pages.members.question import Listed
from flyusage.ui.pages.members.rows import LeavingRow, RosterRow, SeatChoice
from flyusage.ui.pages.settings.rows import Screen as SettingsScreen
from flyusage.ui.pages.terminal import ScopeRow

if TYPE_CHECKING:
    from conftest import Begun

OWN = "own"  # the reader's own account, or whatever their role in an organization of theirs
DOOR = "door"  # for whoever is not signed in, too
TAB = "tab"  # what the tab itself shows, or where it goes: nothing is asked of the database
Need = Permission | StaffPermission | str

P, S = Permission, StaffPermission


def needs(need: Need, handlers: str) -> dict[str, Need]:
    return dict.fromkeys(handlers.split(), need)


HANDLERS: dict[str, dict[str, Need]] = {
    "Account": needs(OWN, "choose_mail load rename sign_out sign_out_others"),
    "Alerts": needs(P.USAGE_READ, "load") | needs(P.DELIVERIES_MANAGE, "add remove replay rotate test") | needs(TAB, "forget"),
    "AuditPage": needs(P.AUDIT_READ, "load") | needs(TAB, "choose"),
    "Billing": needs(P.INVOICES_READ, "load watch") | needs(TAB, "search"),
    "Budgets": needs(P.USAGE_READ, "load") | needs(P.BUDGETS_EDIT, "create end"),
    "CostCentres": needs(OWN, "choose_month load search turn")
    | needs(P.COST_CENTRES_EDIT, "assign take_in unassign")
    | needs(TAB, "choose choose_none choose_page"),
    "Door": needs(DOOR, "load"),
    "Explorer": needs(
        P.USAGE_READ,
        "brush choose_days edit_filter follow_point load open_filters prepare search_table search_values set_exclusion sort_by"
        " toggle_value turn_page watch",
    )
    | needs(TAB, "save_picture zoom_out"),
    "Frame": needs(OWN, "load watch"),
    "InvitationPage": needs(DOOR, "load"),
    "InvoicePage": needs(P.INVOICES_READ, "ask load"),
    "MachineList": needs(P.MACHINES_READ, "load watch") | needs(TAB, "search"),
    "MachinePage": needs(P.MACHINES_READ, "load watch"),
    "Members": needs(P.MEMBERS_READ, "load")
    | needs(
        P.MEMBERS_MANAGE,
        "add_seats apply ask_to_remove ask_to_remove_chosen change_chosen change_role compare give_back grant_apps invite remove resend revoke",
    )
    | needs(TAB, "add_none choose choose_apps choose_none search"),
    "OrganizationSettings": needs(OWN, "leave load")
    | needs(P.ORGANIZATION_EDIT, "change_slug rename require_second_factor")
    | needs(P.BILLING_EDIT, "bill_to")
    | needs(P.ORGANIZATION_DELETE, "delete transfer undo_deletion"),
    "Overview": needs(P.USAGE_READ, "load watch") | needs(TAB, "follow_region show_world"),
    "Palette": needs(P.USAGE_READ, "search"),
    "Presence": needs(OWN, "load watch"),
    "Prices": needs(P.PRICES_READ, "load") | needs(TAB, "choose_region search"),
    "ProvisioningPage": needs(P.SIGN_IN_MANAGE, "choose_default create load map_group revoke") | needs(TAB, "forget"),
    "SavedViews": needs(P.USAGE_READ, "load open_menu") | needs(P.VIEWS_SAVE, "delete pin rename save share"),
    "SecondFactorPage": needs(OWN, "add_passkey begin confirm load remove_passkey rename_passkey renew stop") | needs(TAB, "done"),
    "SignUpPage": needs(DOOR, "load load_link"),
    "SingleSignOn": needs(P.SIGN_IN_MANAGE, "check claim enforce give_up load map_group name_break_glass release remove save unmap_group"),
    "StaffBank": needs(S.READ, "load") | needs(S.PAYMENTS_ENTER, "enter") | needs(TAB, "search"),
    "StaffClose": needs(S.READ, "load") | needs(S.MONTHS_CLOSE, "close decide"),
    "StaffExperiments": needs(S.READ, "load") | needs(S.PRICES_EDIT, "end start"),
    "StaffInvoices": needs(S.READ, "load") | needs(S.INVOICES_CORRECT, "give_up issue plan void") | needs(TAB, "drop search"),
    "StaffPrices": needs(S.READ, "load") | needs(S.PRICES_EDIT, "discard draft publish scale"),
    "StaffQuestions": needs(S.READ, "load") | needs(S.QUESTIONS_ANSWER, "answer"),
    "StaffQueue": needs(S.READ, "load") | needs(S.MONTHS_CLOSE, "try_now"),
    "StaffRevenue": needs(S.READ, "load"),
    "StaffSeller": needs(S.READ, "load") | needs(S.SELLER_NAME, "name"),
    "StaffTerms": needs(S.READ, "load") | needs(S.TERMS_AGREE, "agree end take_back") | needs(TAB, "search"),
    "TerminalSignIn": needs(OWN, "choose load") | needs(P.TOKENS_MANAGE, "allow") | needs(TAB, "refuse"),
    "Tokens": needs(P.TOKENS_MANAGE, "create load revoke") | needs(TAB, "forget"),
    "Welcome": needs(OWN, "create load"),
    "WhatIfPage": needs(P.USAGE_READ, "load") | needs(TAB, "ask"),
}
REFLEX = {"setvar"}  # calls a state's own set_* handlers only
NEEDED = {f"{state}.{name}": need for state, of in HANDLERS.items() for name, need in of.items()}


def test_only_known_handlers_can_be_called() -> None:
    known = {state.__name__: set(state.event_handlers) - REFLEX for state in states()}
    assert known == {state: set(of) for state, of in HANDLERS.items()}


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


FORM = Form(
    addresses="mallory@evil.example", role="admin", name="Mallory", slug="moved", email="admin@prism.example", heir="1",
    apps="", country="DE", postcode="10115", vat_number="", emails="", address="Lindenallee 1", city="Berlin", legal_name="Prism GmbH",
    dimension="app", values="web", percents="80", recipients="", expected="", cap="", amount="100", days="30", kind="webhook",
    url="https://hooks.example.com/prism", id="1", moves="", is_shared="1", is_pinned="", first_day="2026-10-01", last_day="2026-10-31",
    decision="release", key="prism 1", domain="evil.example", group="everybody", agree="discount", percent="10", day="2026-12-31",
    source="list@2024-11-01", book="list", position="1", note="Why?",
)  # fmt: skip
BY_NAME = {"role": "admin", "group_id": "1", "kind": "summary", "domain": "evil.example", "is_required": False, "query": "?by=app"}
BY_TYPE: dict[str, object] = {"int": 1, "bool": True, "str": "1"}


def calls(victim: int) -> dict[str, Call]:
    """What every handler is called with so that it does something for who may; `victim` is the id of a viewer of Prism."""
    screen = {"screen": SettingsScreen(slug="prism")}
    ticked = {"chosen": [1], "screen": CentresScreen(month="2026-10")}
    asking = f"/terminal?challenge={'c' * 43}&scopes=usage.read&machine=web"
    particular = {
        "CostCentres.assign": Call({"form": Form(centre="Everything")}, before=ticked),
        "CostCentres.unassign": Call(before=ticked),
        "CostCentres.take_in": Call({"form": Form(csv="app,cost_centre\nweb,Everything\n")}),
        "TerminalSignIn.load": Call(path=asking),
        "TerminalSignIn.choose": Call({"slug": "prism"}, path=asking),
        "TerminalSignIn.allow": Call(path=asking, before={"phase": "ask", "chosen": "prism", "scopes": [ScopeRow("usage.read", "")]}),
        "Members.change_role": Call({"user_id": victim, "role": "admin"}),
        "Members.grant_apps": Call({"choice": "1"}, before={"granting": victim}),
        "Members.ask_to_remove": Call({"user_id": victim}),
        "Members.remove": Call({"form": FORM}, before={"leaving": LeavingRow(ids=[victim])}),
        "Members.change_chosen": Call({"role": "billing"}, before={"chosen": [victim]}),
        "Members.ask_to_remove_chosen": Call(before={"chosen": [victim]}),
        "Members.add_seats": Call({"count": 1}, before={"short": SeatChoice(1, "", ""), "_pending": ([victim], Role.DEVELOPER)}),
        "Members.apply": Call({"form": Form(digest="x")}, before={"roster": RosterRow(digest="x"), "_list": Listed("owner@prism.example")}),
        "OrganizationSettings.leave": Call({"slug": "prism"}, before=screen),
        "OrganizationSettings.delete": Call({"slug": "prism"}, before=screen),
        "MachinePage.load": Call(path="/orgs/prism/machines/web-0"),
        "MachinePage.watch": Call(path="/orgs/prism/machines/web-0"),
        "Presence.watch": Call(path="/account", before={"_path": "/account"}),
        "StaffClose.close": Call({"confirmed": "2026-10"}),
        "StaffPrices.publish": Call({"confirmed": "list@2024-11-01"}),
        "StaffPrices.discard": Call({"confirmed": "list@2024-11-01"}),
        "StaffQueue.try_now": Call({"form": Form(key="1-1")}),
        "StaffInvoices.issue": Call(before={"_wanted": object()}),
        "Welcome.create": Call({"form": Form(name="Mallory", slug="mallory")}),
        "Tokens.create": Call({"form": {"name": "ci", "days": "30", "usage.read": "1"}}),
        "StaffTerms.agree": Call({"form": FORM}, path="/staff/terms?org=prism"),
    }
    return {handler: particular.get(handler) or Call(_arguments(handler)) for handler in NEEDED}


def _arguments(handler: str) -> dict[str, object]:
    given = {}
    for one in calling.parameters_of(handler):
        given[one.name] = BY_NAME.get(one.name, BY_TYPE.get(getattr(one.annotation, "__name__", str(one.annotation)), FORM))
    return given


FILLING = (
    "Budgets.create", "Alerts.add", "SavedViews.save", "Tokens.create", "ProvisioningPage.create", "SingleSignOn.claim", "Members.invite",
    "OrganizationSettings.bill_to",
)  # fmt: skip


def world() -> World:
    """Everybody, and something of each kind that Prism's owner made with these very calls."""
    made = everybody.gathered()
    for handler in FILLING:
        before = _audited()
        assert calling.called(handler, calls(made.victim)[handler], made.secrets["owner"]) is None
        assert _audited() > before, handler
    return made


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    calling.let_states_be_called(monkeypatch)
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Need]:
    return everybody.noting_what_is_asked(monkeypatch)


ENDING = (  # what others need comes before them
    "remove", "revoke", "give_up", "end", "delete", "undo_deletion", "transfer",
)  # fmt: skip
EFFECTIVE = {
    "Account.choose_mail", "Alerts.remove", "Alerts.rotate", "Budgets.end", "Members.add_seats", "Members.change_chosen",
    "Members.change_role", "Members.remove", "Members.resend", "Members.revoke", "OrganizationSettings.bill_to",
    "OrganizationSettings.change_slug", "OrganizationSettings.delete", "OrganizationSettings.rename", "OrganizationSettings.transfer",
    "OrganizationSettings.undo_deletion", "ProvisioningPage.create", "ProvisioningPage.revoke", "SavedViews.delete", "SavedViews.pin",
    "SingleSignOn.give_up", "SingleSignOn.map_group", "Tokens.revoke",
}  # fmt: skip
AUDIT = {"audit_event", "audit_head", "audit_link", "staff_event"}  # a visit of the staff's is noted
WRONG: tuple[object, ...] = (None, -1, 10**400, "x" * 100_000, "\0", ["a", ["b"]], {"name": {"a": 1}, "id": ["1"], "key": 7})


def test_each_asks_for_what_it_declares_before_anything_else(begun: "Begun", asked: list[Need]) -> None:
    """And does what it is for, so that who may not do it has something to fail at below."""
    made, differing, effective = begun(world), {}, set()
    for handler in sorted(NEEDED, key=_turn):
        need, before = NEEDED[handler], _audited()
        asked.clear()
        calling.called(handler, calls(made.victim)[handler], made.secrets["owner"])
        if asked[:1] != ([] if need in (OWN, DOOR, TAB) else [need]):
            differing[handler] = asked[:1]
        effective |= {handler} if _audited() > before else set()
    assert differing == {}
    assert EFFECTIVE - effective == set()


def _turn(handler: str) -> tuple[int, bool, str]:
    state, _, name = handler.partition(".")
    return ENDING.index(name) if name in ENDING else -1, state == "OrganizationSettings", handler


def _audited() -> int:
    with db.platform_transaction() as session:
        return session.scalar(sa.text("SELECT count(*) FROM audit_event")) or 0


def test_what_is_of_no_role_is_ones_own_or_a_doors_or_the_tabs(begun: "Begun", monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun(world)
    told = {one: calling.called(one, calls(made.victim)[one], "") for one, need in NEEDED.items() if need in (OWN, DOOR)}
    said_on_the_page = {"OrganizationSettings.load", "Welcome.create"}
    said_on_the_page |= {f"CostCentres.{one}" for one in ("choose_month", "load", "search", "turn")}
    assert {one for one, refusal in told.items() if isinstance(refusal, SignInNeeded)} == {
        one for one in told if NEEDED[one] == OWN
    } - said_on_the_page
    assert {one for one, refusal in told.items() if refusal and NEEDED[one] == DOOR} == set()

    def refuse(*_given: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(db, "_scoped", refuse)
    for handler in (one for one, need in NEEDED.items() if need == TAB):
        assert calling.called(handler, calls(made.victim)[handler], made.secrets["owner"]) is None


def test_who_may_not_changes_nothing_whatever_they_call(begun: "Begun") -> None:
    """Members by role; the owner, of what is the staff's; and with every handler: another organization's owner, an owner who was taken
    out, the platform's staff, nobody, and a made-up session.
    """
    made, before = begun(world), everybody.digest()
    for who, secret in made.secrets.items():
        for handler, call in calls(made.victim).items():
            if not _may(who, NEEDED[handler]):
                calling.called(handler, call, secret)
        after = everybody.digest()
        changed = {table for table in before if before[table] != after[table]}
        assert changed <= (AUDIT if who in everybody.STAFF else set()), who
        before = after


def _may(who: str, need: Need) -> bool:
    """Whether somebody may do what needs that in Prism, or does it to themselves in Prism."""
    if who in PERMISSIONS:
        return need in (OWN, DOOR, TAB) or need in PERMISSIONS[Role(who)]
    return who in everybody.STAFF and need in STAFF_PERMISSIONS[everybody.STAFF[who]]


@pytest.mark.parametrize("who", ["viewer", "owner"])
def test_wrong_types_and_huge_texts_fail_no_call_of_who_is_signed_in(begun: "Begun", who: str) -> None:
    """Whatever is no sentence of ours would be an error in the server's log."""
    made, before, failed = begun(world), everybody.digest(), {}
    for handler in NEEDED:
        names = [one.name for one in calling.parameters_of(handler)]
        for given in WRONG if names else ():
            try:
                calling.called(handler, Call(dict.fromkeys(names, given)), made.secrets[who])
            except Exception as error:  # noqa: BLE001 every one of them is told at the end
                failed[handler, repr(given)[:20]] = repr(error)[:200]
    assert failed == {}
    if who == "viewer":
        after = everybody.digest()
        assert {table for table in before if before[table] != after[table]} <= {"second_factor"}  # her own, which she began
