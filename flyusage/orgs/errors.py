"""What can go wrong around organizations and their people."""

from flyusage.errors import FlyusageError


class OrganizationUnknown(FlyusageError):
    """No organization has that slug."""

    code = "org_unknown"
    status = 404


class NotPermitted(FlyusageError):
    """The member's role does not hold the permission."""

    code = "not_permitted"
    status = 403


class StaffGrantUnknown(FlyusageError):
    """The account does not hold that role."""

    code = "staff_grant_unknown"
    status = 404


class AppUnknown(FlyusageError):
    """The organization has no such app, or it is not the asker's to see."""

    code = "app_unknown"
    status = 404


class GrantRefused(FlyusageError):
    """Nobody can be limited to apps like this."""

    code = "grant_refused"
    status = 422


class TokenRefused(FlyusageError):
    """What was shown as an API token is none, or none any more."""

    code = "token_refused"
    status = 401


class TokenUnknown(FlyusageError):
    """The organization has no such token."""

    code = "token_unknown"
    status = 404


class TokenInvalid(FlyusageError):
    """A token that cannot be made as asked."""

    code = "token_invalid"
    status = 422


class TerminalSignInOver(FlyusageError):
    """A command shows a code that fetches no token, or none any more."""

    code = "terminal_sign_in_over"
    status = 403


class MemberUnknown(FlyusageError):
    """Nobody in the organization has that id or address."""

    code = "member_unknown"
    status = 404


class LastOwner(FlyusageError):
    """An organization has an owner at every moment."""

    code = "last_owner"
    status = 409


class RoleUnknown(FlyusageError):
    """A text that names none of the roles."""

    code = "role_unknown"
    status = 422


class InvitationSpent(FlyusageError):
    """An invitation that was accepted or revoked, has run out, or never was."""

    code = "invitation_spent"
    status = 410


class InvitationForAnother(FlyusageError):
    """The invitation was sent to another address."""

    code = "invitation_for_another"
    status = 403


class TooManyInvitations(FlyusageError):
    """More addresses at once than one form may invite."""

    code = "too_many_invitations"
    status = 422


class ListTooLong(FlyusageError):
    """A pasted text is longer than any list of people that is read: what is cut off would count as people who leave."""

    code = "list_too_long"
    status = 422


class RosterChanged(FlyusageError):
    """A list cannot be applied as it was confirmed."""

    code = "roster_changed"
    status = 409


class SlugInvalid(FlyusageError):
    """A text that cannot be an organization's slug."""

    code = "slug_invalid"
    status = 422


class SlugTaken(FlyusageError):
    """Another organization has the slug, or once had it."""

    code = "slug_taken"
    status = 409


class NameInvalid(FlyusageError):
    """A text that cannot be an organization's name."""

    code = "name_invalid"
    status = 422


class DeletionFinal(FlyusageError):
    """The time in which a deletion can be undone is over."""

    code = "deletion_final"
    status = 410


class KeyUsedOtherwise(FlyusageError):
    """An idempotency key that stands for another request."""

    code = "idempotency_key_reused"
    status = 422


class ScimUnknown(FlyusageError):
    """The organization's directory has told of no such user or group."""

    code = "scim_unknown"
    status = 404


class ScimTaken(FlyusageError):
    """The directory has told of somebody of that name or address already."""

    code = "scim_taken"
    status = 409


class ScimInvalid(FlyusageError):
    """Somebody or a group that cannot be, as the directory tells of them."""

    code = "scim_invalid"
    status = 400


class ScimChanged(FlyusageError):
    """What is to be changed is another version by now."""

    code = "scim_changed"
    status = 412
