"""Where the SCIM protocol reads and writes: one organization's users and groups, in its own transactions, as its directory.

Every operation is one transaction: what is told, the membership that follows, seats and audit commit together or not at all.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import sqlalchemy as sa
from scim2_models import (
    InvalidValueException,
    NotFoundException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
)
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator, ValuePath
from scim2_server.storage import ScimStorage, SearchPage
from sqlmodel import Session

from flyusage import db
from flyusage.alerts import offboarding
from flyusage.api.scim.resources import Group, User, group_resource, told_of, user_resource
from flyusage.invoices import seats
from flyusage.orgs import scim_groups, scim_users
from flyusage.orgs.errors import ScimUnknown
from flyusage.orgs.provisioning import Welcome
from flyusage.orgs.scim_tokens import Bearer
from flyusage.orgs.scim_users import Kept

LONGEST_TEXT = 1_000
FURTHEST = 10**9  # a page may begin anywhere; the database counts no further than so far
NARROWED = {"userName": "user_name", "externalId": "external_id", "id": "id"}  # what an index answers
HELD = ("username", "name", "displayname", "emails")  # what stands as it was told among what is kept of somebody
FINDING = (CompareOperator.eq, CompareOperator.co, CompareOperator.sw, CompareOperator.ew)
PLAIN = re.compile(r"[A-Za-z0-9@._+-]+")  # characters that stand for themselves in JSON


class Storage(ScimStorage):
    """What `bearer` may read and write. `welcomes` are those to write to once an operation is done."""

    def __init__(self, bearer: Bearer) -> None:
        self.bearer = bearer
        self.welcomes: list[Welcome] = []
        self._session: Session | None = None

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One transaction of the organization's."""
        with db.transaction(self.bearer.org_id, apps=None) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,  # noqa: ARG002 what is left out saves nothing here
    ) -> Resource[Any]:
        """One of them. Raises NotFoundException."""
        try:
            if _is_user(resource_type):
                return user_resource(scim_users.user(self._open, self.bearer.org_id, resource_id))
            return group_resource(scim_groups.group(self._open, self.bearer.org_id, resource_id))
        except ScimUnknown as error:
            raise NotFoundException(detail=error.sentence) from error

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,  # noqa: ARG002 of cursors, which are not claimed
    ) -> SearchPage:
        """Those of these types that the filter matches, sorted, a page of them. Without filter and order the database pages."""
        start, count = min(search_request.start_index_0 or 0, FURTHEST), search_request.count
        if search_request.filter is None and search_request.sort_by is None and len(resource_types) == 1:
            return self._page(resource_types[0], start, count)
        holding = _held(search_request.filter.ast) if search_request.filter is not None else ""
        found = [one for kind in resource_types for one in self._all(kind, _narrowed(search_request), holding)]
        if (wanted := search_request.filter) is not None:
            found = [one for one in found if wanted.match(one)]
        if search_request.sort_by is not None:
            keyed = [(search_request.sort_value(one), one) for one in found]
            is_descending = search_request.sort_order == SearchRequest.SortOrder.descending
            keyed.sort(key=lambda pair: (pair[0] is None, "" if pair[0] is None else pair[0], pair[1].id), reverse=is_descending)
            found = [one for _, one in keyed]
        return SearchPage(len(found), found[start : None if count is None else start + count])

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:  # noqa: ARG002 the resource tells
        """Keep it, and do what follows. Raises what the verbs do."""
        _refuse_unfit(resource)
        org, by = self.bearer.org_id, self.bearer.by
        with seats.kept(self._open, org, by=by):
            if isinstance(resource, User):
                if resource.active is None:
                    resource = resource.model_copy(update={"active": True})
                kept, welcome = scim_users.add(self._open, org, told_of(cast("User", resource)), by=by)
                self._greet(welcome)
                return user_resource(kept)
            told = cast("Group", resource)
            name, external_id = told.display_name or "", told.external_id
            return group_resource(scim_groups.add(self._open, org, name, external_id=external_id, members=_members(told), by=by))

    def update(
        self,
        resource_type: ResourceType,  # noqa: ARG002 the resource tells
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Keep what it is now, and do what follows. Raises what the verbs do."""
        _refuse_unfit(resource)
        org, by, version = self.bearer.org_id, self.bearer.by, _number(expected_version)
        with seats.kept(self._open, org, by=by):
            if isinstance(resource, User):
                before = scim_users.user(self._open, org, resource.id or "")
                if before.is_active and resource.active is False:
                    self._stop_mails(before)
                kept, welcome = scim_users.change(self._open, org, resource.id or "", told_of(resource), by=by, version=version)
                self._greet(welcome)
                return user_resource(kept)
            told, before = cast("Group", resource), scim_groups.group(self._open, org, resource.id or "")
            wanted = scim_groups.Group(
                id=before.id,
                display_name=told.display_name or "",
                external_id=told.external_id,
                role=before.role,
                version=before.version,
                created_at=before.created_at,
                modified_at=before.modified_at,
                members=tuple(_members(told)),
            )
            return group_resource(scim_groups.change(self._open, org, wanted, by=by, version=version))

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        """Keep it no more, and do what follows. Raises what the verbs do."""
        remove = scim_users.remove if _is_user(resource_type) else scim_groups.remove
        with seats.kept(self._open, self.bearer.org_id, by=self.bearer.by):
            if _is_user(resource_type):
                self._stop_mails(scim_users.user(self._open, self.bearer.org_id, resource_id))
            remove(self._open, self.bearer.org_id, resource_id, by=self.bearer.by, version=_number(expected_version))

    @property
    def _open(self) -> Session:
        assert self._session is not None, "the protocol opens an operation around what it asks"
        return self._session

    def _stop_mails(self, leaving: Kept) -> None:
        """No budget writes any more to whom the directory is about to take out; one that told nobody else tells an owner."""
        asked = sa.text("SELECT user_id FROM addresses_of_organization() WHERE email = :email")
        member = self._open.scalar(asked, {"email": leaving.email})
        if member is not None:
            offboarding.hand_over_unasked(self._open, self.bearer.org_id, member, by=self.bearer.by)

    def _greet(self, welcome: Welcome | None) -> None:
        if welcome is not None:
            self.welcomes.append(welcome)

    def _page(self, kind: ResourceType, start: int, count: int | None) -> SearchPage:
        org = self.bearer.org_id
        if _is_user(kind):
            rows = scim_users.users(self._open, org, limit=count, offset=start)
            return SearchPage(scim_users.count(self._open, org), [user_resource(one) for one in rows])
        rows = scim_groups.groups(self._open, org, limit=count, offset=start)
        return SearchPage(scim_groups.count(self._open, org), [group_resource(one) for one in rows])

    def _all(self, kind: ResourceType, equal: dict[str, str], holding: str) -> list[Resource[Any]]:
        org = self.bearer.org_id
        if _is_user(kind):
            return [user_resource(one) for one in scim_users.users(self._open, org, equal=equal, holding=holding)]
        narrowed = {key: value for key, value in equal.items() if key != "user_name"}
        return [group_resource(one) for one in scim_groups.groups(self._open, org, equal=narrowed)]


def _narrowed(request: SearchRequest[Any]) -> dict[str, str]:
    """What of a filter an index answers: a single `eq` of one of those attributes, as directories ask before they write."""
    node = request.filter.ast if request.filter is not None else None
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or not isinstance(node.value, str):
        return {}
    name = str(node.attr_path).rpartition(":")[2].casefold()
    column = next((column for attribute, column in NARROWED.items() if attribute.casefold() == name), None)
    return {column: node.value} if column else {}


def _held(node: Any) -> str:
    """A text, the longest, that somebody's attributes must hold for the filter to match; empty where none must.

    Ten thousand people are as many resources to make and to ask; the database passes most of them over by it.
    """
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_:
        return max(map(_held, node.terms), key=len, default="")
    if isinstance(node, ValuePath) and node.attr_path.attr.casefold() in HELD:
        return _texts_of(node.val_filter)
    return _texts_of(node) if isinstance(node, Comparison) and node.attr_path.attr.casefold() in HELD else ""


def _texts_of(node: Any) -> str:
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_:
        return max(map(_texts_of, node.terms), key=len, default="")
    if not isinstance(node, Comparison) or node.op not in FINDING or not isinstance(node.value, str) or not PLAIN.fullmatch(node.value):
        return ""
    return node.value.lower()


def _members(group: Group) -> list[str]:
    """The users' ids, by value or else by address."""
    return [found for one in group.members or [] if (found := one.value or (str(one.ref).rpartition("/")[2] if one.ref else ""))]


def _number(version: str | None) -> int | None:
    digits = (version or "").removeprefix('W/"').removesuffix('"')
    return int(digits) if digits.isdecimal() else None


def _is_user(kind: ResourceType) -> bool:
    return kind.name == "User"


def _refuse_unfit(resource: Resource[Any]) -> None:
    """Texts that the database cannot hold, or nobody needs."""
    for text in _texts(resource.model_dump(scim_ctx=None)):
        if "\0" in text or len(text) > LONGEST_TEXT:
            raise InvalidValueException(detail=f"A text holds a NUL character, or more than {LONGEST_TEXT:,} characters.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
