"""Why a credential cannot be had. Each message says what to do next, and holds nothing secret."""


class CredentialError(Exception):
    """Base class: a credential of the gateway cannot be had."""


class NoCredentials(CredentialError):
    """There are no credentials here: not a server of the gateway, or one that has none."""


class CredentialsUnreadable(CredentialError):
    """What the gateway wrote cannot be understood or opened."""


class UnknownCredential(CredentialError, LookupError):
    """There is no credential of this name; the message lists those that there are."""


class NoToken(CredentialError):
    """The credential is there and has no bearer token; the message names its files."""


class CredentialExpired(CredentialError):
    """The credential has expired and the gateway is renewing it: trying again later helps."""


class CredentialEnded(CredentialError):
    """The credential is gone for good: only a new login, or what the message says, helps.

    ``login_url`` is where a new login starts; the empty text where the gateway names none.
    """

    def __init__(self, message: str, login_url: str = "") -> None:
        super().__init__(message)
        self.login_url = login_url
