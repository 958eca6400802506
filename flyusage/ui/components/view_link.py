"""Links between the views of one page."""

import reflex as rx
from reflex.vars import Var


class ViewLink(rx.Component):
    """A link whose address is another view of the same page: that page's handlers load it, nothing else is rendered anew.

    To another page it leads as any link does.
    """

    library = "$/flyusage/views"
    tag = "ViewLink"
    href: Var[str]


def view_link(*content: rx.Component | str | Var, href: str | Var[str], **props: object) -> rx.Component:
    """A link to another view of this page."""
    return ViewLink.create(*content, href=href, **props)
