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
