"""Rights that the hub lacks, found when it starts and not at each user's start."""

from collections.abc import Callable, Iterable
from typing import Any

from jhub_gateway.clients.kube import check_access, warning_if_unavailable
from jhub_gateway.errors import ConfigurationError

# helm-values/credentials-rbac.yaml says what each is for.
SECRET_VERBS = ("create", "get", "list", "patch", "delete")


def check_secret_access(spawner: Any) -> None:
    """Raise ConfigurationError if this hub can't keep credentials in the pods' namespace.

    Where the API server does not answer, the log says what was not checked.
    """
    with warning_if_unavailable(spawner.log, "The hub's rights on secrets"):
        if problem := find_access_problem(spawner.namespace, check_access):
            raise ConfigurationError(problem)


def find_access_problem(
    namespace: str, check: Callable[[str, Iterable[str], str], list[str]]
) -> str | None:
    """Return a sentence that names what the hub may not do and what to apply, or None.

    ``check`` returns those of the verbs that are missing in a namespace for a resource.
    """
    missing = check(namespace, SECRET_VERBS, "secrets")
    if not missing:
        return None
    return (
        f"GatewaySpawner.credential_files needs a Secret per user, and the hub may not "
        f"{', '.join(missing)} secrets in the namespace {namespace!r}: apply "
        "helm-values/credentials-rbac.yaml there, with the verbs that are missing, or set it to "
        "false"
    )
