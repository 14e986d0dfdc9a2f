"""A spawner that remembers how its server ended, until the server starts again."""

from datetime import UTC, datetime
from typing import Any

from traitlets.config import LoggingConfigurable

from jhub_gateway.models import Reason


class EndedSpawner(LoggingConfigurable):
    """Keeps the end of a server in the hub's database, for its user's next page.

    Mix it in before a JupyterHub Spawner. What starts the server sets ``last_end`` to ``None``.
    """

    # "code" and "sentence" of the reason, "at" in ISO 8601, and the "profile" that it had.
    last_end: dict[str, str] | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the server is going already, though it may still run."""
        return False

    def get_state(self) -> dict[str, Any]:
        """Remember why the server ended last, until it starts again."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        if self.last_end:
            state["last_end"] = self.last_end
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`get_state` remembered."""
        super().load_state(state)  # type: ignore[misc]
        self.last_end = state.get("last_end")

    def remember_end(self, reason: Reason, profile: str) -> None:
        """Keep why the server has ended now; ``profile`` is the slug of its size, or empty."""
        self.last_end = {
            "code": reason.code,
            "sentence": reason.sentence,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": profile,
        }
