"""What is told of here, as SCIM resources: users and groups, with those attributes that are of use, and no others.

A directory may send more (phone numbers, titles, managers): it is left out without an error, and kept nowhere. Comparisons and
schemas come from scim2-models; the document that a directory reads of these is made from the classes below.
"""

from typing import Annotated, Any, ClassVar

from pydantic import EmailStr, Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    External,
    Filter,
    Meta,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from flyusage import mail
from flyusage.orgs.scim_groups import Group as KeptGroup
from flyusage.orgs.scim_users import Kept, Told

MOST_RESULTS = 1_000  # of one page


class Name(ComplexAttribute):
    """The parts of somebody's name."""

    formatted: str | None = None
    """The whole name, as it is written."""

    family_name: str | None = None
    """The family name."""

    given_name: str | None = None
    """The given name."""


class Email(ComplexAttribute):
    """A mail address."""

    value: Annotated[EmailStr | None, Required.true] = None
    """The address. The primary one, else the first, is where somebody's account is found or made."""

    type: str | None = None
    """What it is for, such as work."""

    primary: bool | None = None
    """Whether it is the one to use."""


class UserGroup(ComplexAttribute):
    """A group that somebody is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The group's id."""

    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The group's address."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The group's name."""


class User(Resource[Any]):
    """Somebody who belongs to the organization while they are active."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name that the directory knows somebody by."""

    name: Name | None = None
    """The parts of somebody's name."""

    display_name: str | None = None
    """What to call somebody."""

    active: bool | None = None
    """Whether they belong to the organization. False ends membership, open pages and tokens at once."""

    emails: Annotated[list[Email] | None, Required.true] = None
    """Mail addresses. A userName that is an address stands for one where there is none."""

    groups: Annotated[list[UserGroup] | None, Mutability.read_only] = None
    """The groups that somebody is in; changed at the groups."""

    Emails: ClassVar[type[ComplexAttribute]] = Email


class Member(ComplexAttribute):
    """Somebody in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The user's id."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The user's address."""


class Group(Resource[Any]):
    """A group of the directory. What role it gives is chosen at the organization's provisioning page."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """The group's name."""

    members: list[Member] | None = None
    """Who is in it: users, no groups."""


TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,  # as Microsoft Entra sends it
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,  # a first address of a kind, as Microsoft Entra adds it
)

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MOST_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=True),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A SCIM token, flyscim_…, made on the organization's provisioning page.",
            spec_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc6750"),
            primary=True,
        )
    ],
)

PROVIDER = ScimProvider(
    [User, Group],
    [ResourceType.from_resource(User), ResourceType.from_resource(Group)],
    CONFIG,
    TOLERANT,
)


def told_of(resource: User) -> Told:
    """Somebody as the directory tells of them, for `scim_users`."""
    emails = sorted(resource.emails or [], key=lambda one: not one.primary)
    name = resource.name
    parts = [name.given_name, name.family_name] if name else []
    called = resource.display_name or (name and name.formatted) or " ".join(one for one in parts if one) or resource.user_name or ""
    left_out = {"id", "meta", "groups", "schemas"}
    return Told(
        user_name=resource.user_name or "",
        emails=tuple(str(one.value) for one in emails if one.value),
        name=_printable(called) or "Somebody",
        external_id=resource.external_id,
        is_active=resource.active is not False,
        attributes={key: value for key, value in resource.model_dump(scim_ctx=None).items() if key not in left_out},
    )


def _printable(called: str) -> str:
    """A name as it may stand in mails that invite others: no link is made of it."""
    found = "".join(one for one in called if one.isprintable()).strip()[:200]
    return "" if mail.reads_as_link(found) else found


def user_resource(kept: Kept) -> User:
    """Somebody as they are given back."""
    made = User.model_validate(kept.attributes, scim_ctx=None)
    made.id = kept.id
    made.groups = [UserGroup(value=one, ref=Reference(f"Groups/{one}"), display=name) for one, name in kept.groups] or None
    made.meta = _meta("User", kept)
    return made


def group_resource(kept: KeptGroup) -> Group:
    """A group as it is given back."""
    members = [Member(value=one, ref=Reference(f"Users/{one}")) for one in kept.members]
    made = Group(id=kept.id, display_name=kept.display_name, external_id=kept.external_id, members=members or None)
    made.meta = _meta("Group", kept)
    return made


def _meta(kind: str, kept: Kept | KeptGroup) -> Meta:
    return Meta(resource_type=kind, created=kept.created_at, last_modified=kept.modified_at, version=f'W/"{kept.version}"')
