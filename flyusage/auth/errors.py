"""What can go wrong when somebody proves who they are."""

from flyusage.errors import FlyusageError


class SignInRefused(FlyusageError):
    """The address and the password do not belong together. Says nothing about which of them is known.

    `user_id` is whose account it was tried at, for their organizations' audit, never for whoever tried.
    """

    code = "sign_in_refused"
    status = 401

    def __init__(self, sentence: str, user_id: int | None = None) -> None:
        super().__init__(sentence)
        self.user_id = user_id


class SignInNeeded(FlyusageError):
    """The page is for people who have signed in, and nobody has, or no longer."""

    code = "sign_in_needed"
    status = 401


class TooManyAttempts(FlyusageError):
    """Something was tried too often; `retry_after_s` says when it may be tried again."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class AccountDisabled(FlyusageError):
    """Whoever runs the installation has disabled the account. Told only to somebody who has proved that it is theirs."""

    code = "account_disabled"
    status = 403

    def __init__(self, sentence: str, user_id: int) -> None:
        super().__init__(sentence)
        self.user_id = user_id


class PasswordTooWeak(FlyusageError):
    """A password that would be guessed; the sentence says what makes a better one."""

    code = "password_too_weak"
    status = 422


class PasswordBreached(PasswordTooWeak):
    """A password that looks strong, and stands in the lists of breached ones that are tried first."""

    code = "password_breached"


class PasswordWrong(FlyusageError):
    """Whoever is signed in gave another password than the account's as their present one."""

    code = "password_wrong"
    status = 401


class LinkSpent(FlyusageError):
    """A link from a mail that was used, has run out, or was never sent."""

    code = "link_spent"
    status = 410


class SignUpClosed(FlyusageError):
    """The address makes no account by itself here; the sentence says who may, and whom to ask."""

    code = "sign_up_closed"
    status = 403


class AddressInvalid(FlyusageError):
    """A text that is no mail address."""

    code = "address_invalid"
    status = 422


class PersonNameInvalid(FlyusageError):
    """A name that no person can have here."""

    code = "name_invalid"
    status = 422


class UserKnown(FlyusageError):
    """The address has an account already."""

    code = "user_known"
    status = 409


class UserUnknown(FlyusageError):
    """No account has the address."""

    code = "user_unknown"
    status = 404


class SecondFactorAsked(FlyusageError):
    """The password was right, and the account has a second factor: `secret` is for the cookie by which its code is asked for."""

    code = "second_factor_asked"
    status = 401

    def __init__(self, secret: str) -> None:
        super().__init__("Enter the code of your authenticator app to finish signing in.")
        self.secret = secret


class SecondFactorNeeded(FlyusageError):
    """What is asked for is for people with a second factor, and the account has none yet."""

    code = "second_factor_needed"
    status = 403


class SecondFactorIsOn(FlyusageError):
    """There is one already."""

    code = "second_factor_is_on"
    status = 409


class CodeWrong(FlyusageError):
    """A code of an app, or a recovery code, that is not the one, or was used."""

    code = "code_wrong"
    status = 401


class SignInOver(FlyusageError):
    """A sign-in that waited too long for its second factor."""

    code = "sign_in_over"
    status = 410


class VaultLocked(FlyusageError):
    """What was encrypted cannot be read with the keys there are."""

    code = "vault_locked"
    status = 503


class ProviderUnreachable(FlyusageError):
    """An identity provider does not answer, or not as the standard asks, or may not be asked."""

    code = "provider_unreachable"
    status = 502


class ProviderRefused(FlyusageError):
    """What came back from an identity provider proves nobody: the sentence says what was wrong with it."""

    code = "provider_refused"
    status = 401


class PasskeyRefused(FlyusageError):
    """What a passkey signed is not what it was asked to, or it is none of the account's."""

    code = "passkey_refused"
    status = 401


class PasskeyMissing(FlyusageError):
    """The account has no such passkey, or none."""

    code = "passkey_missing"
    status = 404


class PasskeyInvalid(FlyusageError):
    """A passkey that cannot be added as asked."""

    code = "passkey_invalid"
    status = 422
