"""Who may do what: one enum of permissions, one table of roles."""

from enum import StrEnum

from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role


class Permission(StrEnum):
    """One thing a member may do in their organization. Named `subject.verb`, as in the audit."""

    USAGE_READ = "usage.read"
    USAGE_EXPORT = "usage.export"
    MACHINES_READ = "machines.read"
    COST_CENTRES_EDIT = "cost_centres.edit"
    EVENTS_WRITE = "events.write"
    PRICES_READ = "prices.read"
    INVOICES_READ = "invoices.read"
    INVOICES_PAY = "invoices.pay"
    BILLING_EDIT = "billing.edit"
    BUDGETS_EDIT = "budgets.edit"
    VIEWS_SAVE = "views.save"
    VIEWS_SHARE = "views.share"
    DELIVERIES_MANAGE = "deliveries.manage"
    TOKENS_MANAGE = "tokens.manage"
    AUDIT_READ = "audit.read"
    MEMBERS_READ = "members.read"
    MEMBERS_MANAGE = "members.manage"
    ORGANIZATION_EDIT = "organization.edit"
    SIGN_IN_MANAGE = "sign_in.manage"
    ORGANIZATION_DELETE = "organization.delete"


_EVERYBODY = frozenset(
    {Permission.USAGE_READ, Permission.USAGE_EXPORT, Permission.PRICES_READ, Permission.MEMBERS_READ, Permission.VIEWS_SAVE}
)
_VIEWER = _EVERYBODY | {Permission.MACHINES_READ}
_DEVELOPER = _VIEWER | {Permission.EVENTS_WRITE, Permission.TOKENS_MANAGE, Permission.BUDGETS_EDIT, Permission.VIEWS_SHARE}
_BILLING = _EVERYBODY | {  # money, and usage as it is billed: no single machine
    Permission.INVOICES_READ,
    Permission.INVOICES_PAY,
    Permission.BILLING_EDIT,
    Permission.BUDGETS_EDIT,
    Permission.VIEWS_SHARE,
    Permission.COST_CENTRES_EDIT,
    Permission.AUDIT_READ,
}
_ADMIN = _DEVELOPER | _BILLING | {Permission.MEMBERS_MANAGE, Permission.ORGANIZATION_EDIT, Permission.DELIVERIES_MANAGE}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _DEVELOPER,
    Role.BILLING: _BILLING,
    Role.ADMIN: _ADMIN,
    # A provider or a directory speaks for everybody, owners too: whoever sets one up could come in as an owner, or take one out.
    Role.OWNER: _ADMIN | {Permission.SIGN_IN_MANAGE, Permission.ORGANIZATION_DELETE},
}

LIMITABLE = (Role.DEVELOPER, Role.VIEWER)  # to some apps; every other role's work is about all of them


def within_apps(permissions: frozenset[Permission], apps: frozenset[int] | None) -> frozenset[Permission]:
    """What of `permissions` is left to whoever sees only `apps`: nothing that tells or changes what is the whole organization's."""
    return permissions if apps is None else permissions & _DEVELOPER


def may(role: Role, permission: Permission) -> bool:
    """Whether a member in `role` may do `permission`."""
    return permission in PERMISSIONS[role]


def require(role: Role, permission: Permission) -> None:
    """Raise NotPermitted, naming who may, unless `role` holds `permission`."""
    if not may(role, permission):
        able = ", ".join(other for other in Role if may(other, permission))
        raise NotPermitted(f"A {role} may not do {permission}. Ask somebody who may ({able}).")
