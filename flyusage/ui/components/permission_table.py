"""What each role may do: the one table of `orgs.permissions`, as it is, in words."""

import reflex as rx

from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission

WORDS = {
    Permission.USAGE_READ: "See usage and list cost by region, app and size",
    Permission.MACHINES_READ: "See single machines and what happened to them",
    Permission.USAGE_EXPORT: "Save usage as a file",
    Permission.COST_CENTRES_EDIT: "Assign apps to cost centres",
    Permission.EVENTS_WRITE: "Send usage events",
    Permission.PRICES_READ: "See prices and try what-ifs",
    Permission.INVOICES_READ: "See what is owed, invoices and billed cost",
    Permission.INVOICES_PAY: "Pay invoices",
    Permission.BILLING_EDIT: "Edit billing contacts, address and VAT number",
    Permission.BUDGETS_EDIT: "Set budgets",
    Permission.VIEWS_SAVE: "Save views of the explorer for oneself",
    Permission.VIEWS_SHARE: "Share saved views with the organization",
    Permission.DELIVERIES_MANAGE: "Say where alerts are sent",
    Permission.TOKENS_MANAGE: "Make API tokens, see and end one’s own",
    Permission.AUDIT_READ: "Read the audit log",
    Permission.MEMBERS_READ: "See who belongs to the organization",
    Permission.MEMBERS_MANAGE: "Invite, change and remove members; see and end everybody’s API tokens",
    Permission.ORGANIZATION_EDIT: "Rename the organization and change its address",
    Permission.SIGN_IN_MANAGE: "Set up single sign-on and provisioning",
    Permission.ORGANIZATION_DELETE: "Delete the organization",
}


def permission_table() -> rx.Component:
    """A card that opens: permissions down, roles across."""
    head = rx.el.tr(rx.el.th("May", scope="col"), *[rx.el.th(role.capitalize(), scope="col") for role in Role])
    return rx.el.details(
        rx.el.summary(rx.el.span("What each role may do", class_name="card-title"), class_name="card-summary"),
        rx.el.div(
            rx.el.table(rx.el.thead(head), rx.el.tbody(*map(_row, Permission)), class_name="table permission-table"),
            class_name="table-box",
            tab_index=0,
            role="region",
            aria_label="Permissions by role",
        ),
        class_name="card",
    )


def _row(permission: Permission) -> rx.Component:
    held = [permission in PERMISSIONS[role] for role in Role]
    cells = [
        rx.el.td(rx.el.span("yes", class_name="strong") if one else rx.el.span("–", aria_label="no", class_name="muted", role="img"))
        for one in held
    ]
    return rx.el.tr(rx.el.th(WORDS[permission], scope="row"), *cells)
