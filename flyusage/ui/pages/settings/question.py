"""What the settings page asks the database and does there. Blocks; call it off the event loop."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.alerts import offboarding
from flyusage.invoices import seats
from flyusage.invoices.dissolving import delete_organization
from flyusage.orgs import memberships, organizations, queries, rules
from flyusage.orgs.errors import MemberUnknown, OrganizationUnknown
from flyusage.orgs.permissions import Permission
from flyusage.pricing.agreements import billing_profile_of, set_billing_profile
from flyusage.pricing.tax import BillingProfile
from flyusage.ui import present
from flyusage.ui.pages.settings.rows import Profile, Screen
from flyusage.ui.session import OpenOrganization, open_organization

MOST_EMAILS = 20
MOST_LINES = 4


def ask(slug: str) -> Screen | None:
    """The page; None where there is no such organization."""
    org = open_organization(slug)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        deleted = organizations.deleted_at(session, org.id)
        owns = Permission.ORGANIZATION_DELETE in org.permissions
        role = None if org.is_visited else org.by.role
        shown = Screen(slug=org.slug, name=org.name, owns=owns, role=role or "", can_leave=role is not None)
        if deleted is not None:
            return replace(shown, deleted=f"{present.day_text(deleted + organizations.UNDO, year=True)}", can_leave=False)
        can_bill = Permission.BILLING_EDIT in org.permissions
        return replace(
            shown,
            former=_former(session, org),
            profile=_profile(billing_profile_of(session, org.id)) if can_bill else Profile(),
            can_edit=Permission.ORGANIZATION_EDIT in org.permissions,
            can_bill=can_bill,
            requires_second_factor=rules.requires_second_factor(session, org.id),
        )


def rename(slug: str, name: str) -> None:
    """Raises as `organizations.rename`."""
    org = _open(slug, Permission.ORGANIZATION_EDIT)
    with db.transaction(org.id, apps=org.apps) as session:
        organizations.rename(session, org.id, name, by=org.by)


def change_slug(slug: str, wanted: str) -> str:
    """The slug from now on. Raises as `organizations.change_slug`."""
    org = _open(slug, Permission.ORGANIZATION_EDIT)
    with db.transaction(org.id, apps=org.apps) as session:
        organizations.change_slug(session, org.id, wanted, by=org.by)
        return session.scalar(sa.text("SELECT slug FROM organization WHERE id = :org"), {"org": org.id}) or slug


def bill_to(slug: str, form: Profile) -> None:
    """Make invoices out to what the form says, from the next one on. Raises as `set_billing_profile`."""
    org = _open(slug, Permission.BILLING_EDIT)
    with db.transaction(org.id, apps=org.apps) as session:
        before = billing_profile_of(session, org.id) or BillingProfile("", (), "", "", "")
        wanted = replace(
            before,
            legal_name=form.legal_name,
            address_lines=tuple(_lines(form.address)[:MOST_LINES]),
            postcode=form.postcode,
            city=form.city,
            country=form.country.upper(),
            vat_number=form.vat_number or None,
            purchase_order=form.purchase_order or None,
            emails=tuple(dict.fromkeys(_lines(form.emails.replace(",", "\n"))[:MOST_EMAILS])),
        )
        set_billing_profile(session, org.id, wanted, by=org.by)


def require_second_factor(slug: str, *, is_required: bool) -> None:
    """Ask every member for a second factor, or lift that. Raises as `rules.require_second_factor`."""
    org = _open(slug, Permission.ORGANIZATION_EDIT)
    with db.transaction(org.id, apps=org.apps) as session:
        rules.require_second_factor(session, org.id, is_required=is_required, by=org.by)


def leave(slug: str) -> None:
    """Raises as `memberships.leave`."""
    org = _open(slug)
    offboarding.leave(org.id, by=org.by)


def transfer(slug: str, email: str) -> None:
    """Make the member with this address owner in the reader's place. Raises as `memberships.transfer`, and NoSeatLeft."""
    org = _open(slug, Permission.ORGANIZATION_DELETE)
    wanted = email.strip().lower()
    with db.transaction(org.id, apps=org.apps) as session, seats.kept(session, org.id, by=org.by):
        found = next((one for one in queries.people(session, org.id, search=wanted).rows if one.email == wanted), None)
        if found is None:
            raise MemberUnknown("Nobody here has that address. Invite them first, or check the members page.")
        memberships.transfer(session, org.id, found.user_id, by=org.by)


def delete(slug: str) -> datetime:
    """Until when it can be undone. Raises as `delete_organization`."""
    org = _open(slug, Permission.ORGANIZATION_DELETE)
    with db.transaction(org.id, apps=org.apps) as session:
        return delete_organization(session, org.id, by=org.by)


def undo_deletion(slug: str) -> None:
    """Raises as `organizations.undo_deletion`."""
    org = _open(slug, Permission.ORGANIZATION_DELETE)
    with db.transaction(org.id, apps=org.apps) as session:
        organizations.undo_deletion(session, org.id, by=org.by)


def _open(slug: str, needs: Permission | None = None) -> OpenOrganization:
    org = open_organization(slug, needs)
    if org is None:
        raise OrganizationUnknown("There is no organization under this address, or you no longer belong to it.")
    return org


def _former(session: Session, org: OpenOrganization) -> list[str]:
    return list(session.scalars(sa.text("SELECT slug FROM former_slug WHERE org_id = :org ORDER BY slug"), {"org": org.id}))


def _profile(found: BillingProfile | None) -> Profile:
    if found is None:
        return Profile()
    return Profile(
        legal_name=found.legal_name,
        address="\n".join(found.address_lines),
        postcode=found.postcode,
        city=found.city,
        country=found.country,
        vat_number=found.vat_number or "",
        purchase_order=found.purchase_order or "",
        emails="\n".join(found.emails),
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
