"""What stops with a member, and who takes it over, in the transaction that removes them."""

import pytest
from cast import Cast, add_person

from flyusage import db
from flyusage.alerts import budgets, offboarding
from flyusage.alerts.budgets import Plan
from flyusage.orgs import api_tokens, audit, memberships
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import LastOwner, MemberUnknown, NotPermitted
from flyusage.orgs.models import Role

BY = system("tests")


def test_what_stops_is_told_and_an_heir_takes_over(cast: Cast):
    org = cast.prism.id
    with db.platform_transaction() as session:
        leaver, heir = (add_person(session, f"{name}@prism.example", cast.prism, Role.DEVELOPER) for name in ("leaver", "heir"))
    hers = member(leaver.user_id, Role.DEVELOPER)
    with db.transaction(org) as session:
        for name, user_id in (("used", leaver.user_id), ("never", leaver.user_id), ("ours", None), ("ended", leaver.user_id)):
            last = api_tokens.create(session, org, name=name, scopes=["usage.read"], by=hers, user_id=user_id)
        api_tokens.revoke(session, org, last.token.id, by=hers)
        for name, told in (("both", (leaver.email, heir.email)), ("hers", (leaver.email, "x@y.example")), ("other", ("x@y.example",))):
            budgets.create(session, org, Plan(name, 100, recipients=told), by=BY)
    with db.platform_transaction() as session:
        used = next(one for one in api_tokens.tokens(session, org) if one.name == "used")
        session.connection().exec_driver_sql("UPDATE api_token SET used_at = now() WHERE id = %s", (used.id,))
    with db.transaction(org) as session:
        found = offboarding.stops(session, org, leaver.user_id)
        assert [one.name for one in found.tokens] == ["used", "never"]
        assert [one.plan.name for one in found.budgets] == ["both", "hers"]
        assert [one.name for one in found.kept_tokens] == ["ours"]
        assert offboarding.stops(session, org, heir.user_id).tokens == ()
        for refused, taking in ((NotPermitted, heir.user_id), (MemberUnknown, leaver.user_id), (MemberUnknown, cast.outsider.user_id)):
            by: Actor = hers if refused is NotPermitted else BY
            with pytest.raises(refused):
                offboarding.hand_over(session, org, [leaver.user_id], taking, by=by)
    with pytest.raises(LastOwner), db.transaction(org) as session:  # and then nothing is handed over either
        offboarding.hand_over(session, org, [leaver.user_id, cast.owner.user_id], heir.user_id, by=BY)
        memberships.change(session, org, {leaver.user_id: None, cast.owner.user_id: None}, by=BY)
    with db.transaction(org) as session:
        assert len(offboarding.stops(session, org, leaver.user_id).budgets) == 2
        assert offboarding.hand_over(session, org, [leaver.user_id], heir.user_id, by=BY) == 2
        memberships.change(session, org, {leaver.user_id: None}, by=BY)
        told = {one.plan.name: one.plan.recipients for one in budgets.budgets(session, org)}
        assert told == {"both": (heir.email,), "hers": ("x@y.example", heir.email), "other": ("x@y.example",)}
        (change,) = [one.detail for one in audit.entries(session, org) if one.action == "budget.change" and one.detail["name"] == "hers"]
        assert (change["before"], change["after"]) == (
            {"recipients": [leaver.email, "x@y.example"]}, {"recipients": ["x@y.example", heir.email]},
        )  # fmt: skip
        with pytest.raises(MemberUnknown):
            offboarding.stops(session, org, leaver.user_id)


def test_of_whom_nobody_said_who_takes_over_an_owner_does_where_else_nobody_were_told(cast: Cast):
    org = cast.prism.id
    with db.platform_transaction() as session:
        leaver = add_person(session, "leaver@prism.example", cast.prism, Role.VIEWER)
        add_person(session, "later@prism.example", cast.prism, Role.OWNER)
    with db.transaction(org) as session:
        for name, told in (("alone", (leaver.email,)), ("both", (leaver.email, "x@y.example")), ("none", ())):
            budgets.create(session, org, Plan(name, 100, recipients=told), by=BY)
    offboarding.leave(org, by=member(leaver.user_id, Role.VIEWER))
    with db.transaction(org) as session:
        told = {one.plan.name: one.plan.recipients for one in budgets.budgets(session, org)}
        assert told == {"alone": (cast.owner.email,), "both": ("x@y.example",), "none": ()}
        (change,) = [one for one in audit.entries(session, org) if one.action == "budget.change" and one.detail["name"] == "alone"]
        assert change.actor == f"user:{leaver.user_id}"
