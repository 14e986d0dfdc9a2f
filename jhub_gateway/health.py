"""What the hub answers those who ask for its health: how old what it sees of the cluster is."""

from jupyterhub.handlers.pages import HealthCheckHandler

from jhub_gateway.watches.ages import watch_ages


class WatchHealthHandler(HealthCheckHandler):
    """Answers 200 whatever the ages are: a restart of the hub mends no API server.

    Anybody may ask, as probes do, so it tells of ages alone.
    """

    def get(self) -> None:
        """``{"watches": {"pods": {"age_seconds": 1.2}}}``; empty while nothing is watched."""
        ages = watch_ages().items()
        self.write({"watches": {kind: {"age_seconds": round(age, 1)} for kind, age in ages}})

    head = get


# An authenticator's handlers come before JupyterHub's own, which answer nothing here.
HEALTH_HANDLERS = [(r"/health$", WatchHealthHandler), (r"/api/health$", WatchHealthHandler)]
