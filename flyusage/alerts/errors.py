"""What can go wrong around budgets, alerts and saved views."""

from flyusage.errors import FlyusageError

# Whatever the figures or names of one organization break, which is to leave the others alone; the database's own errors are everybody's.
ONE_ORGANIZATIONS = (FlyusageError, ValueError, ArithmeticError, LookupError)


class BudgetInvalid(FlyusageError):
    """A budget cannot be as it was asked for."""

    code = "budget_invalid"
    status = 422


class BudgetUnknown(FlyusageError):
    """The organization has no such budget."""

    code = "budget_unknown"
    status = 404


class EndpointInvalid(FlyusageError):
    """An endpoint cannot be as it was asked for."""

    code = "endpoint_invalid"
    status = 422


class EndpointUnknown(FlyusageError):
    """The organization has no such endpoint, or no such delivery."""

    code = "endpoint_unknown"
    status = 404


class ViewInvalid(FlyusageError):
    """A saved view cannot be as it was asked for."""

    code = "view_invalid"
    status = 422


class ViewUnknown(FlyusageError):
    """The organization has no such saved view, or none for its reader."""

    code = "view_unknown"
    status = 404


class MailLinkInvalid(FlyusageError):
    """A mail's link that is not whole, or not ours."""

    code = "mail_link_invalid"
    status = 404
