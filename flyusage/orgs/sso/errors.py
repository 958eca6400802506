"""What can go wrong around an organization's provider."""

from flyusage.errors import FlyusageError


class SsoRefused(FlyusageError):
    """Somebody whom the provider vouches for is not let in; the sentence says why, and whom to ask."""

    code = "sso_refused"
    status = 403


class SingleSignOnNeeded(FlyusageError):
    """The address's organization signs its people in by its own provider, and no other way."""

    code = "sso_needed"
    status = 403


class FlowSpent(FlyusageError):
    """A way back from a provider that was used, took too long, or began in another browser."""

    code = "sso_over"
    status = 410


class SsoUnknown(FlyusageError):
    """No organization signs that address in by a provider."""

    code = "sso_unknown"
    status = 404


class SsoInvalid(FlyusageError):
    """What somebody wants to set up cannot be."""

    code = "sso_invalid"
    status = 422


class DomainTaken(FlyusageError):
    """Another organization has proved that the domain is its own."""

    code = "domain_taken"
    status = 409


class DomainUnproved(FlyusageError):
    """The domain's DNS does not say what it should, or not yet."""

    code = "domain_unproved"
    status = 409


class DnsSilent(FlyusageError):
    """Nobody could be asked about a domain; nothing is changed by that."""

    code = "dns_silent"
    status = 503
