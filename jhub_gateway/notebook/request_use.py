"""Which requests somebody makes, and which a page makes by itself."""

from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from tornado.web import RequestHandler

from jhub_gateway.notebook.use import UseWatch

Log = Callable[[RequestHandler], None]

_ASKING = ("GET", "HEAD", "OPTIONS")


class RequestUse:
    """Tells the watch of the requests to a server, whose Tornado settings these are.

    A request that changes something is use, unless a page sent it that says itself when somebody
    is there: JupyterLab saves what a kernel prints, and its extensions ask by POST as well.
    """

    def __init__(self, settings: MutableMapping[str, Any], watch: UseWatch) -> None:
        self._settings, self._watch = settings, watch
        self._telling: set[str] = set()
        self._log: Log | None = None
        self._explained = self._find_activity()

    def look(self) -> None:
        """Tell the watch of what was used without a request that has ended, as by a websocket."""
        self._listen()
        activity = self._find_activity()
        if activity != self._explained:
            self._explained = activity
            self._watch.note_use()

    def note_telling(self, handler: RequestHandler) -> None:
        """Take it that pages like the one that sent this say themselves when somebody is there."""
        if page := self._find_page(handler):
            self._telling.add(page)

    def _listen(self) -> None:
        # JupyterHub's extension sets its own after ours was loaded.
        log = self._settings.get("log_function")
        if log is not None and log is not self._log:
            self._log = self._settings["log_function"] = partial(self._note, log)

    def _note(self, log: Log, handler: RequestHandler) -> None:
        self._explained = self._find_activity()
        if self._is_use(handler):
            self._watch.note_use()
        log(handler)

    def _is_use(self, handler: RequestHandler) -> bool:
        try:
            if not handler.current_user:
                return False
        except Exception:
            # As in the log of Jupyter: some handlers know nobody.
            return False
        if handler.request.method in _ASKING:
            # A page that somebody opened with a click
            return handler.request.headers.get("Sec-Fetch-User") == "?1"
        return self._find_page(handler) not in self._telling

    def _find_page(self, handler: RequestHandler) -> str:
        """Return the kind of page that sent a request, such as "lab"; "" if that isn't known."""
        base = str(self._settings["base_url"])
        try:
            path = urlsplit(handler.request.headers.get("Referer", "")).path
        except ValueError:
            return ""
        return path.removeprefix(base).partition("/")[0] if path.startswith(base) else ""

    def _find_activity(self) -> tuple[Any, ...]:
        # What handlers and extensions of Jupyter say is activity, but for what terminals print
        times = self._settings.get("last_activity_times", {})
        return (self._settings.get("api_last_activity"), max(times.values(), default=None))
