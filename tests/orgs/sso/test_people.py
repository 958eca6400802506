"""Whom a provider's word lets in, and as what; which addresses it speaks for; and who may still use a password."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import dns.rcode
import nameserver
import pytest
import sqlalchemy as sa
from cast import Cast
from hypothesis import given
from hypothesis import strategies as st
from nameserver import Nameserver
from sqlmodel import Session

from flyusage import clock, config, db
from flyusage.auth import accounts, second_factor, sessions
from flyusage.auth.how import How
from flyusage.auth.oidc import Person
from flyusage.auth.sessions import reader_of
from flyusage.orgs import api_tokens, invitations, provisioning, scim_tokens, scim_users
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, TokenRefused
from flyusage.orgs.models import Role
from flyusage.orgs.queries import role_of
from flyusage.orgs.scim_users import Told
from flyusage.orgs.sso import connections, domains, flows, people
from flyusage.orgs.sso.connections import GIVEN, Connection, Wanted
from flyusage.orgs.sso.errors import DnsSilent, DomainTaken, FlowSpent, SingleSignOnNeeded, SsoInvalid, SsoRefused
from flyusage.ui import reader
from flyusage.ui import session as seam

ISSUER = "https://login.example"
BY = system("tests")
ANN = Person(ISSUER, "1", "ann@prism.example", True, "Ann", (), False, "", ())


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nameserver]:
    """The name server that domains are proved by."""
    with nameserver.running() as started:
        monkeypatch.setenv("FLYUSAGE_DNS_SERVERS", started.address)
        config.settings.cache_clear()
        yield started
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def held(cast: Cast) -> Connection:
    """Prism's connection, with its domain proved; who comes uninvited is a viewer."""
    with db.transaction(cast.prism.id) as session:
        made = connections.save(session, cast.prism.id, Wanted(ISSUER, "client", "secret", default_role="viewer"), by=BY)
        domains.claim(session, cast.prism.id, "prism.example", by=BY)
        session.execute(sa.text("UPDATE sso_domain SET verified_at = now()"))
    return made


def admit(held: Connection, person: Person) -> people.Admitted:
    with db.platform_transaction() as session:
        return people.admit(session, held, person)


def told(org_id: int) -> Sequence[str]:
    with db.transaction(org_id) as session:
        return session.scalars(sa.text("SELECT action FROM audit_event ORDER BY id")).all()


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "unknown"])), st.dictionaries(st.sampled_from("abcd"), st.sampled_from(list(Role))))
def test_the_role_is_the_most_powerful_of_the_groups_and_never_owner(mine: list[str], mapped: dict[str, Role]) -> None:
    role = people.role_given(mine, mapped)
    possible = [mapped[one] for one in mine if one in mapped and mapped[one] is not Role.OWNER]
    assert (role is None) == (possible == [])
    assert role is not Role.OWNER
    assert all(GIVEN.index(role) <= GIVEN.index(one) for one in possible if role is not None)


def test_a_person_is_issuer_and_subject_whatever_their_address_becomes(held: Connection) -> None:
    first = admit(held, ANN)
    assert (first.role, first.is_new_member) == (Role.VIEWER, True)
    moved = admit(held, replace(ANN, email="owner@prism.example", is_email_verified=False))
    assert (moved.user_id, moved.is_new_member) == (first.user_id, False)
    for other in (replace(ANN, subject="2"), replace(ANN, subject="2", email=" ANN@prism.example ".strip().lower())):
        with pytest.raises(SsoRefused, match="another person at your provider"):
            admit(held, other)
    with db.platform_transaction() as session:
        assert people.unlink(session, held.org_id, first.user_id, by="system:cli")
    assert admit(held, replace(ANN, subject="2")).user_id == first.user_id
    assert [one for one in told(held.org_id) if one in ("sso.link", "members.join", "sso.unlink")] == [
        "sso.link", "members.join", "sso.unlink", "sso.link",
    ]  # fmt: skip


def test_an_unverified_or_foreign_address_links_to_nobody(cast: Cast, held: Connection) -> None:
    for wrong, said in (
        (replace(ANN, email="owner@prism.example", is_email_verified=False), "does not say that owner@prism.example is verified"),
        (replace(ANN, email="owner@rival.example"), "not of a domain"),
        (replace(ANN, email="owner@sub.prism.example"), "not of a domain"),
        (replace(ANN, email="owner@prism.example@evil.example"), "did not say your mail address"),
        (replace(ANN, email=""), "did not say your mail address"),
    ):
        with pytest.raises(SsoRefused, match=said):
            admit(held, wrong)
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM sso_identity")) == 0
        assert accounts.find(session, "ann@prism.example") is None
        session.execute(sa.text("UPDATE sso_domain SET verified_at = NULL"))
    with pytest.raises(SsoRefused, match="Ask Owner \\(owner@prism.example\\) to verify prism.example"):
        admit(held, ANN)


def test_groups_decide_at_each_sign_in_and_owners_stay(cast: Cast, held: Connection) -> None:
    with db.transaction(held.org_id) as session:
        for name, role in (("crew", Role.DEVELOPER), ("money", Role.BILLING)):
            connections.map_group(session, held.org_id, name, role, by=BY)
        with pytest.raises(SsoInvalid, match="No group makes an owner"):
            connections.map_group(session, held.org_id, "chiefs", Role.OWNER, by=BY)
    roles = [admit(held, replace(ANN, groups=groups)).role for groups in (("money", "crew"), ("money",), ("visitors",), ("crew",))]
    assert roles == [Role.DEVELOPER, Role.BILLING, Role.VIEWER, Role.DEVELOPER]
    owner = replace(ANN, subject="o", email="owner@prism.example", groups=("money",))
    assert admit(held, owner).role is Role.OWNER
    with db.transaction(held.org_id) as session:
        closed = connections.save(session, held.org_id, Wanted(ISSUER, "client"), by=BY)
    for wrong, said in (
        (replace(ANN, groups=()), "None of your groups"),
        (replace(ANN, subject="n", email="new@prism.example"), "not invited"),
    ):
        with pytest.raises(SsoRefused, match=said):
            admit(closed, wrong)
    with db.platform_transaction() as session:
        assert role_of(session, held.org_id, admit(held, replace(ANN, groups=("crew",))).user_id) is Role.DEVELOPER


def with_factor(session: Session, user_id: int, email: str) -> None:
    second_factor.begin(session, user_id, email)
    session.execute(sa.text("UPDATE second_factor SET confirmed_at = :now WHERE user_id = :user"), {"now": clock.now(), "user": user_id})


def test_the_rule_signs_passwords_out_and_leaves_one_owner_another_way(cast: Cast, held: Connection) -> None:
    org_id, owner = held.org_id, member(cast.owner.user_id, Role.OWNER)
    with db.platform_transaction() as session:
        outside = sessions.start(session, cast.outsider.user_id, address="::1", device="")
        secrets = [sessions.start(session, one.user_id, address="::1", device="") for one in (cast.owner, cast.member)]
        by_provider = sessions.start(session, cast.member.user_id, address="::1", device="", how=How("sso", org_id))
    for missing, mend in (
        ("Try the provider first", lambda session: connections.worked(session, org_id)),
        ("Name an owner", lambda _: None),
    ):
        with db.platform_transaction() as session, pytest.raises(SsoInvalid, match=missing):
            connections.enforce(session, org_id, by=owner)
        with db.platform_transaction() as session:
            mend(session)
    with db.transaction(org_id) as session:
        for who, said in (
            (cast.member.user_id, "Only an owner of"),
            (cast.outsider.user_id, "Only an owner of"),
            (cast.owner.user_id, "second factor"),
        ):
            with pytest.raises(SsoInvalid, match=said):
                connections.name_break_glass(session, org_id, who, by=owner)
    with db.platform_transaction() as session:
        with_factor(session, cast.owner.user_id, cast.owner.email)
    with db.transaction(org_id) as session:
        connections.name_break_glass(session, org_id, cast.owner.user_id, by=owner)
    with db.platform_transaction() as session:
        assert connections.enforce(session, org_id, by=owner) == 1
    with db.lookup_transaction() as session:
        assert [reader_of(session, one) is not None for one in (outside, *secrets, by_provider)] == [True, True, False, True]
    with db.platform_transaction() as session:
        assert connections.require_password_allowed(session, cast.owner.user_id)
        assert not connections.require_password_allowed(session, cast.outsider.user_id)
        with pytest.raises(SingleSignOnNeeded, match="Prism signs its people in"):
            connections.require_password_allowed(session, cast.member.user_id)
        second_factor.switch_off(session, cast.owner.user_id)  # then the password is no way past
        with pytest.raises(SingleSignOnNeeded):
            connections.require_password_allowed(session, cast.owner.user_id)
        with pytest.raises(SsoInvalid, match="Lift that rule"):
            domains.give_up(session, org_id, "prism.example", by=owner)
        with pytest.raises(SsoInvalid, match="Lift that rule"):
            connections.save(session, org_id, Wanted("https://other.example", "client", "x"), by=owner)
        assert connections.switch(session, org_id, is_off=True, by=BY)
        assert not connections.require_password_allowed(session, cast.member.user_id)
    assert {"sso.enforce", "sso.name_break_glass", "sso.break_glass", "sso.switch_off"} <= set(told(org_id))
    with db.lookup_transaction() as session:
        assert reader_of(session, by_provider) is None


def test_owners_alone_say_how_people_come_in(cast: Cast, held: Connection) -> None:
    """A provider or a directory speaks for everybody: an admin who set one up could come in as an owner, or take one out."""
    admin, outsider = member(cast.member.user_id, Role.ADMIN), member(cast.outsider.user_id, Role.OWNER)  # whatever they say they are
    deeds = (
        lambda session, who: connections.save(session, held.org_id, Wanted(ISSUER, "mine", "x"), by=who),
        lambda session, who: connections.map_group(session, held.org_id, "x", Role.ADMIN, by=who),
        lambda session, who: connections.enforce(session, held.org_id, by=who),
        lambda session, who: connections.name_break_glass(session, held.org_id, cast.owner.user_id, by=who),
        lambda session, who: domains.claim(session, held.org_id, "x.example", by=who),
        lambda session, who: provisioning.map_group(session, held.org_id, "1", Role.ADMIN, by=who),
        lambda session, who: scim_tokens.create(session, held.org_id, "okta", by=who),
    )
    for standing in ("viewer", "admin"):
        with db.platform_transaction() as session:
            session.execute(
                sa.text("UPDATE membership SET role = :role WHERE user_id = :user"), {"role": standing, "user": cast.member.user_id}
            )
        for who in (admin, outsider):
            for deed in deeds:
                with db.platform_transaction() as session, pytest.raises(NotPermitted):
                    deed(session, who)


def test_the_clients_secret_is_sealed_to_its_organization_and_never_told(cast: Cast, held: Connection) -> None:
    with db.transaction(held.org_id) as session:
        assert connections.client(session, held, "https://x.example").client_secret == "secret"
        box = session.scalar(sa.text("SELECT sealed_secret FROM sso_connection"))
        assert b"secret" not in bytes(box)
        kept = connections.save(session, held.org_id, Wanted(ISSUER, "client", groups_claim="roles", default_role="viewer"), by=BY)
        assert connections.client(session, kept, "").client_secret == "secret"
        assert "secret" not in repr(connections.client(session, kept, ""))
        details = session.scalars(sa.text("SELECT detail FROM audit_event WHERE action LIKE 'sso.%' ORDER BY id")).all()
    assert details[0]["client_secret"] == "renewed"
    assert details[1] == {"groups_claim": "roles"}


def test_a_providers_second_factor_counts_for_its_own_organization_alone(cast: Cast, held: Connection) -> None:
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE organization SET requires_second_factor = true"))
        session.execute(
            sa.text("INSERT INTO membership VALUES (:org, :user, 'viewer', now())"), {"org": cast.rival.id, "user": cast.member.user_id}
        )
        factor, none = (
            sessions.start(session, cast.member.user_id, address="::1", device="", how=How("sso", cast.prism.id, is_there))
            for is_there in (True, False)
        )
    for secret, opened in ((factor, {"prism"}), (none, set())):
        reader._secret.set(secret)
        assert {one.slug for one in seam.open_organizations() if one.permissions} == opened
    reader._secret.set("")


def test_a_way_back_is_good_once_for_ten_minutes_and_told_to_who_began(cast: Cast) -> None:
    with db.platform_transaction() as session:
        begun, late = (flows.begin(session, cast.prism.id, "test", onward="/", started_by=cast.owner.user_id) for _ in range(2))
        with pytest.raises(FlowSpent):
            flows.spend(session, begun.state, late.secret)
        assert flows.spend(session, begun.state, begun.secret).started_by == cast.owner.user_id
        flows.tell(session, begun.state, {"role": "viewer"})
        with pytest.raises(FlowSpent):
            flows.spend(session, begun.state, begun.secret)
        assert flows.told(session, begun.state, "test", started_by=cast.owner.user_id) == {"role": "viewer"}
        assert flows.told(session, begun.state, "test", started_by=cast.member.user_id) == {}
        assert flows.told(session, begun.state, "sign_in") == {}
        with clock.freeze(clock.now() + flows.LASTS), pytest.raises(FlowSpent):
            flows.spend(session, late.state, late.secret)


def test_a_domain_is_proved_by_its_own_dns_for_one_organization_and_lost_with_its_record(cast: Cast, names: Nameserver) -> None:
    claimed = {}
    for tenant in (cast.prism, cast.rival):
        with db.transaction(tenant.id) as session:
            claimed[tenant.slug] = domains.claim(session, tenant.id, " Bücher.Example. ", by=BY)
    mine, theirs = claimed["prism"], claimed["rival"]
    assert (mine.domain, mine.record) == ("xn--bcher-kva.example", "_flyusage.xn--bcher-kva.example")
    assert mine.text != theirs.text
    assert not domains.check(cast.prism.id, mine.domain, by=BY)
    names.texts[mine.record] = ["v=spf1 -all", mine.text]
    assert domains.check(cast.prism.id, mine.domain, by=BY)
    assert not domains.check(cast.rival.id, mine.domain, by=BY)
    names.texts[mine.record].append(theirs.text)
    with pytest.raises(DomainTaken, match="its record is still there"):
        domains.check(cast.rival.id, mine.domain, by=BY)
    names.rcode = dns.rcode.SERVFAIL
    with pytest.raises(DnsSilent, match="Nothing is changed"):
        domains.check(cast.prism.id, mine.domain, by=BY)
    names.rcode = dns.rcode.NOERROR
    names.texts[mine.record].remove(mine.text)  # sold: whoever runs it now proves it, and the former owner loses it
    assert domains.check(cast.rival.id, mine.domain, by=BY)
    with db.platform_transaction() as session:
        assert connections.verified_domains(session, cast.prism.id) == []
        assert connections.verified_domains(session, cast.rival.id) == [mine.domain]
    assert told(cast.prism.id)[-1] == "sso_domain.lose"


@pytest.mark.parametrize(
    "written", ["", "example", "a..example", "-a.example", "exa mple.com", "example.com/x", "1.2.3.4", "a" * 64 + ".example", "\0.example"]
)
def test_what_is_no_domain_is_refused(written: str) -> None:
    with pytest.raises(SsoInvalid, match="is no domain"):
        domains.normal_domain(written)


def test_a_domain_of_other_letters_is_one_with_that_of_its_addresses(cast: Cast, held: Connection) -> None:
    with db.transaction(held.org_id) as session:
        assert domains.claim(session, held.org_id, "Bücher.Example", by=BY).domain == "xn--bcher-kva.example"
        session.execute(sa.text("UPDATE sso_domain SET verified_at = now()"))
    assert domains.normal_domain("straße.example") != "strasse.example"
    admit(held, replace(ANN, email="ann@bücher.example"))
    with db.platform_transaction() as session:
        for typed in ("ann@bücher.example", "Ann@XN--bcher-kva.example"):
            found = connections.lead_of(session, typed)
            assert found is not None and found.org_id == held.org_id
        assert accounts.known(session, "ann@BÜCHER.example").email == "ann@xn--bcher-kva.example"


def test_who_came_by_a_provider_that_is_another_now_is_signed_out(cast: Cast, held: Connection) -> None:
    user_id = admit(held, ANN).user_id
    with db.platform_transaction() as session:
        by_provider = sessions.start(session, user_id, address="", device="", how=How("sso", held.org_id))
        by_password = sessions.start(session, user_id, address="", device="")

    def are_in() -> list[bool]:
        with db.lookup_transaction() as session:
            return [reader_of(session, one) is not None for one in (by_provider, by_password)]

    for same in (Wanted(ISSUER, "client", default_role="viewer"), Wanted(ISSUER, "client", "a new secret", default_role="viewer")):
        with db.platform_transaction() as session:
            connections.save(session, held.org_id, same, by=BY)
        assert are_in() == [True, True]
    with db.platform_transaction() as session:
        connections.save(session, held.org_id, Wanted("https://new.example", "client", "secret"), by=BY)
    assert are_in() == [False, True]


def test_an_invitation_that_waits_gives_its_role_and_its_apps(cast: Cast, held: Connection) -> None:
    with db.platform_transaction() as session:
        session.execute(
            sa.text(
                """INSERT INTO invitation (org_id, email, role, secret_sha256, made_at, made_by, ends_at, app_ids)
                   VALUES (:org, 'ann@prism.example', 'developer', 'x', now(), 'system:tests', now() + interval '1 day', '{7}')"""
            ),
            {"org": held.org_id},
        )
    assert admit(held, ANN).role is Role.DEVELOPER
    with db.transaction(held.org_id) as session:
        assert session.scalars(sa.text("SELECT app_ids FROM membership WHERE role = 'developer'")).all() == [[7]]
        assert session.scalar(sa.text("SELECT accepted_at IS NOT NULL FROM invitation"))


def enforced(cast: Cast, org_id: int) -> None:
    """The rule is in force for the organization's proved domains, past which its owner gets."""
    with db.platform_transaction() as session:
        with_factor(session, cast.owner.user_id, cast.owner.email)
        connections.worked(session, org_id)
        connections.name_break_glass(session, org_id, cast.owner.user_id, by=member(cast.owner.user_id, Role.OWNER))
        connections.enforce(session, org_id, by=BY)


def test_a_domain_that_is_proved_under_the_rule_and_a_rule_that_is_switched_on_again_sign_passwords_out(
    cast: Cast, held: Connection, names: Nameserver
) -> None:
    enforced(cast, held.org_id)
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE sso_domain SET verified_at = NULL"))
        secret, outside = (sessions.start(session, one.user_id, address="::1", device="") for one in (cast.member, cast.outsider))
        claimed = domains.domains(session, held.org_id)[0]
    names.texts[claimed.record] = [claimed.text]
    assert domains.check(held.org_id, claimed.domain, by=BY)
    with db.lookup_transaction() as session:
        assert [reader_of(session, one) is not None for one in (secret, outside)] == [False, True]
    with db.platform_transaction() as session:
        connections.switch(session, held.org_id, is_off=True, by=BY)
        secret = sessions.start(session, cast.member.user_id, address="::1", device="")
    with db.platform_transaction() as session:
        connections.switch(session, held.org_id, is_off=False, by=BY)
        assert reader_of(session, secret) is None
        assert reader_of(session, outside) is not None


def test_two_organizations_that_prove_a_domain_at_once_do_not_both_have_it(cast: Cast, held: Connection) -> None:
    """One judges and waits for a row of its own, while the other claims the domain, is judged and done: nothing told the first of it."""
    domain = "both.example"
    with db.transaction(cast.rival.id) as session:
        theirs = domains.claim(session, cast.rival.id, domain, by=BY)
    proofs, outcome = [theirs.text], []

    def judge() -> None:
        with db.platform_transaction() as session:
            session.execute(sa.text("SET LOCAL lock_timeout = '20s'"))
            try:
                outcome.append(domains._judge(session, cast.rival.id, domain, proofs, BY))
            except DomainTaken as error:
                outcome.append(error)

    thread = threading.Thread(target=judge)
    with db.platform_transaction() as holding:
        connections.hold_domain(holding, domain)  # as another check of the domain does, and the row of it
        holding.execute(sa.text("SELECT 1 FROM sso_domain WHERE org_id = :org FOR UPDATE"), {"org": cast.rival.id})
        thread.start()
        _until_somebody_waits()
        with db.transaction(cast.prism.id) as session:
            mine = domains.claim(session, cast.prism.id, domain, by=BY)
        proofs.append(mine.text)
        holding.execute(
            sa.text("UPDATE sso_domain SET verified_at = now() WHERE org_id = :org AND domain = :domain"),
            {"org": cast.prism.id, "domain": domain},
        )
    thread.join(20)
    assert [type(one) for one in outcome] == [DomainTaken]
    with db.platform_transaction() as session:
        verified = sa.text("SELECT org_id FROM sso_domain WHERE domain = :domain AND verified_at IS NOT NULL")
        assert session.scalars(verified, {"domain": domain}).all() == [cast.prism.id]
        assert connections.lead_of(session, f"x@{domain}") is not None


def _until_somebody_waits() -> None:
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(1000):
        with db.plain_connection() as connection:
            if connection.scalar(waiting):
                return
    pytest.fail("nobody waits for the domain")


def test_who_was_sent_to_a_provider_that_is_another_switched_off_or_of_a_deleted_organization_does_not_come_back(
    cast: Cast, held: Connection
) -> None:
    for meanwhile, said in (
        ("UPDATE organization SET deleted_at = now()", "switched off"),
        ("UPDATE sso_connection SET is_off = true", "switched off"),
        ("UPDATE sso_connection SET issuer = 'https://other.example'", "changed its provider"),
    ):
        with db.platform_transaction() as session:
            session.execute(sa.text(meanwhile))
            with pytest.raises(SsoRefused, match=said):
                people.admit(session, held, ANN)
            session.rollback()


def test_whom_the_directory_has_taken_out_does_not_come_back_uninvited(cast: Cast, held: Connection) -> None:
    first = admit(held, ANN)
    told_of = Told("ann@prism.example", ("ann@prism.example",), "Ann", None, is_active=True, attributes={})
    with db.transaction(held.org_id) as session:
        kept, _ = scim_users.add(session, held.org_id, told_of, by=BY)
        scim_users.change(session, held.org_id, kept.id, replace(told_of, is_active=False), by=BY)
    with pytest.raises(SsoRefused, match="directory says that you belong to it no more. Ask Owner"):
        admit(held, ANN)
    with db.transaction(held.org_id) as session:
        invitations.invite(session, held.org_id, ["ann@prism.example"], Role.VIEWER, by=BY)  # by somebody, since then
    assert admit(held, ANN) == people.Admitted(first.user_id, Role.VIEWER, is_new_member=True)


def test_a_former_providers_second_factor_opens_no_token(cast: Cast, held: Connection) -> None:
    def opens() -> bool:
        with db.lookup_transaction() as session:
            try:
                api_tokens.bearer_of(session, token.secret)
            except TokenRefused:
                return False
        return True

    user_id = admit(held, replace(ANN, has_factor=True)).user_id
    with db.platform_transaction() as session:
        token = api_tokens.create(session, held.org_id, name="ci", scopes=["usage.read"], by=BY, user_id=user_id)
        session.execute(sa.text("UPDATE organization SET requires_second_factor = true"))
    assert opens()
    with db.platform_transaction() as session:
        connections.switch(session, held.org_id, is_off=True, by=BY)
    assert not opens()
    with db.platform_transaction() as session:
        connections.switch(session, held.org_id, is_off=False, by=BY)
    admit(held, replace(ANN, has_factor=True))
    assert opens()
    with db.platform_transaction() as session:
        other = connections.save(session, held.org_id, Wanted("https://new.example", "client", "secret"), by=BY)
    assert not opens()
    admit(other, replace(ANN, issuer="https://new.example", has_factor=True))
    assert opens()


def test_whom_the_directory_forgot_sees_no_more_apps_than_before_when_the_provider_brings_them_back_first(
    cast: Cast, held: Connection
) -> None:
    first = admit(held, ANN)
    told_of = Told("ann@prism.example", ("ann@prism.example",), "Ann", None, is_active=True, attributes={})
    with db.transaction(held.org_id) as session:
        apps = list(session.scalars(sa.text("SELECT id FROM app WHERE org_id = :org ORDER BY id LIMIT 1"), {"org": held.org_id})) or [1]
        session.execute(sa.text("UPDATE membership SET app_ids = :apps WHERE user_id = :user"), {"apps": apps, "user": first.user_id})
        kept, _ = scim_users.add(session, held.org_id, told_of, by=BY)
        scim_users.remove(session, held.org_id, kept.id, by=BY)
    assert admit(held, ANN).is_new_member
    with db.transaction(held.org_id) as session:
        seen = session.scalar(sa.text("SELECT app_ids FROM membership WHERE user_id = :user"), {"user": first.user_id})
    assert seen == apps
