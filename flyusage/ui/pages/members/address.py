"""The members page's address: search, role and page of the list. Parsed, never trusted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from flyusage.orgs.models import Role
from flyusage.ui.addresses import page_in, text_in

LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Choice:
    """What the address chooses; `role` None is everybody."""

    find: str = ""
    role: Role | None = None
    page: int = 1

    def listing(self, **changes: object) -> "Choice":
        """Other people, from the first page on, unless `page` says otherwise."""
        return replace(self, **{"page": 1, **changes})


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    asked = dict(query)
    role = next((one for one in Role if one == asked.get("role")), None)
    return Choice(text_in(asked, "find", longest=LONGEST_SEARCH).replace("\0", ""), role, page_in(asked.get("page")))


def members_href(slug: str, choice: Choice) -> str:
    """The page's address for a choice; what is not chosen is left out."""
    asked = {"find": choice.find, "role": choice.role or "", "page": str(choice.page) if choice.page > 1 else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/orgs/{quote(slug)}/members{'?' + query if query else ''}"
