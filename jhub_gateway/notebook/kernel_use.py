"""Which kernels work, and how many pages are connected to them."""

from collections import Counter
from typing import Any

from jupyter_core.utils import ensure_async
from traitlets import HasTraits

from jhub_gateway.notebook.use import UseWatch

# What asks a kernel how much memory it has, again and again, is neither work nor use.
_OWN_WORDS = ["usage_request", "usage_reply"]


class KernelUse:
    """Tells the watch of the kernels of a kernel manager.

    A kernel that turns busy, or is done, is use. What it prints is not.
    """

    def __init__(self, manager: Any, watch: UseWatch) -> None:
        self._manager, self._watch = manager, watch
        self._turns: Counter[str] = Counter()
        if manager.has_trait("untracked_message_types"):
            manager.untracked_message_types = [*manager.untracked_message_types, *_OWN_WORDS]

    async def look(self) -> None:
        """Tell the watch how the kernels are now."""
        kernels = await ensure_async(self._manager.list_kernels())
        for kernel in kernels:
            self._follow(kernel["id"])
        busy = [one["id"] for one in kernels if one["execution_state"] == "busy"]
        # A kernel that is busy again has another key: what it did before has come to an end.
        self._watch.note_busy("kernel", {(name, self._turns[name]): 0 for name in busy})
        connections = sum(kernel.get("connections") or 0 for kernel in kernels)
        self._watch.note_connections("kernel", connections)

    def _follow(self, name: str) -> None:
        kernel = self._manager.get_kernel(name)
        # A kernel at a gateway of kernels shows its state at each look alone.
        if isinstance(kernel, HasTraits) and kernel.has_trait("execution_state"):
            kernel.observe(self._on_change, "execution_state")  # once, however often it is said

    def _on_change(self, change: Any) -> None:
        if "busy" in (change["new"], change["old"]):
            self._turns[change["owner"].kernel_id] += 1
            self._watch.note_use()
