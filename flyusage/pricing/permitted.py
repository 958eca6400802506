"""What a reader must be permitted to be shown a view: invoices for an invoice's cost, machines for anything told by machine."""

from flyusage.orgs.permissions import Permission
from flyusage.pricing.view import Dimension, View


def needed_for(view: View) -> tuple[Permission, ...]:
    """What `view` asks for beyond reading usage. Pure."""
    needed = [Permission.INVOICES_READ] if view.measure.is_invoiced else []
    if view.group_by is Dimension.MACHINE or any(one.dimension is Dimension.MACHINE for one in view.filters):
        needed.append(Permission.MACHINES_READ)
    return tuple(needed)
