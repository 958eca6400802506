"""What of the explorer a reader may ask: an invoice's cost is for those who read invoices, machines for those who see machines."""

from flyusage.orgs.permissions import Permission
from flyusage.pricing.permitted import needed_for
from flyusage.pricing.view import Dimension, Measure, View
from flyusage.ui.session import OpenOrganization


def require_for(org: OpenOrganization, view: View) -> None:
    """Raise NotPermitted where the reader may not see what `view` shows."""
    for permission in needed_for(view):
        org.require(permission)


def permitted_dimensions(permissions: frozenset[Permission]) -> list[Dimension]:
    """What a reader may group by and filter on."""
    return [one for one in Dimension if one is not Dimension.MACHINE or Permission.MACHINES_READ in permissions]


def permitted_measures(permissions: frozenset[Permission]) -> list[Measure]:
    """What a reader may have shown."""
    return [one for one in Measure if not one.is_invoiced or Permission.INVOICES_READ in permissions]
