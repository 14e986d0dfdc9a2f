"""Whether this server has the credentials that a notebook wants. Standard library alone."""

from collections.abc import Sequence

from jhub_gateway.notebook.credential_errors import NoCredentials
from jhub_gateway.notebook.credential_list import credentials


class Offer:
    """What was looked for and what of it is missing. True if nothing is; shown as a sentence."""

    def __init__(self, names: Sequence[str], missing: Sequence[str], is_gateway: bool) -> None:
        self.names = tuple(names)
        self.missing = tuple(missing)
        self._is_gateway = is_gateway

    def __bool__(self) -> bool:
        return not self.missing

    def __repr__(self) -> str:
        if not self.missing:
            return f"The gateway's credentials are here: {', '.join(self.names)}."
        if not self._is_gateway:
            return (
                "This is no server of a gateway, so there are no credentials here. The notebook "
                "runs without, and shows what it can."
            )
        return (
            f"Your gateway gives you no credential {' and no '.join(self.missing)}. The notebook "
            "runs without, and shows what it can. If you think that you should have it, ask the "
            "gateway's support."
        )


def look_for(*names: str) -> Offer:
    """Return whether there are credentials of these names, whatever their state.

    One that has ended counts as there: using it says what to do. Raises CredentialsUnreadable.
    """
    try:
        found = credentials()
    except NoCredentials:
        return Offer(names, names, is_gateway=False)
    return Offer(names, [name for name in names if name not in found], is_gateway=True)
