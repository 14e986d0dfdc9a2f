"""Putting together what says how the server is used."""

import asyncio
from typing import TYPE_CHECKING

from jhub_gateway.notebook.job_files import read_jobs
from jhub_gateway.notebook.jobs import find_job_directory
from jhub_gateway.notebook.kernel_use import KernelUse
from jhub_gateway.notebook.memory import MemoryWatch
from jhub_gateway.notebook.request_use import RequestUse
from jhub_gateway.notebook.stop_notice import StopNotice
from jhub_gateway.notebook.terminal_use import TerminalUse
from jhub_gateway.notebook.use import UseWatch
from jhub_gateway.notebook.use_handlers import UseParts, make_use_handlers
from jhub_gateway.notebook.use_key import take_key
from jhub_gateway.notebook.use_looks import Looks

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def add_use(app: "ServerApp", memory: MemoryWatch) -> None:
    """Let the server say how it is used to whoever has its key; without a key nobody looks."""
    settings = app.web_app.settings
    notice = StopNotice()
    watch = UseWatch(on_use=notice.note_use)
    requests = RequestUse(settings, watch)
    looks = _make_looks(app, watch, requests)
    parts = UseParts(take_key(), watch, notice, requests, looks, memory)
    app.web_app.add_handlers(".*$", make_use_handlers(settings["base_url"], parts))
    if parts.key:
        looks.keep_looking()


def _make_looks(app: "ServerApp", watch: UseWatch, requests: RequestUse) -> Looks:
    jobs = find_job_directory()

    async def look_at_jobs() -> None:
        # A disk that hangs must not stop the notebooks beside it.
        watch.note_busy("job", await asyncio.to_thread(read_jobs, jobs))

    kernels = KernelUse(app.kernel_manager, watch)
    terminals = TerminalUse(app.web_app.settings, watch)
    return Looks([requests.look, kernels.look, terminals.look, look_at_jobs], app.log)
