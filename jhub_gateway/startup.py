"""What is done once, when the hub starts: bad configuration stops it there."""

from jupyterhub.app import JupyterHub

from jhub_gateway.announcements import add_announcements
from jhub_gateway.capacity_page import add_capacity_page
from jhub_gateway.counted_spawner import CountedSpawner
from jhub_gateway.cull_api import add_cull_api
from jhub_gateway.culled_spawner import CulledSpawner
from jhub_gateway.hub_pages import add_templates, add_variables
from jhub_gateway.keep_page import add_keep_page
from jhub_gateway.linked_spawner import LinkedSpawner
from jhub_gateway.memory_api import add_memory_api
from jhub_gateway.open_page import add_open_page
from jhub_gateway.profiled_spawner import ProfiledSpawner, check_spawner, prepare_once
from jhub_gateway.request_ids import trace_requests
from jhub_gateway.restart_page import add_restart_page

REFUSAL_SECONDS = 1


def check_hub(app: JupyterHub) -> None:
    """Check the settings of this hub's spawner. Changes nothing.

    Raises ConfigurationError, with a sentence that names the trait and its value.
    """
    if issubclass(app.spawner_class, ProfiledSpawner):
        check_spawner(app.spawner_class, app)


def prepare_hub(app: JupyterHub) -> None:
    """Check the settings of this hub's spawner, and prepare what its starts need.

    It also gives each request an id, which the logs and the API calls that it causes bear, and puts
    this project's pages in the place of some of JupyterHub's.

    :class:`~jhub_gateway.authenticator.GatewayAuthenticator` calls it when the hub starts. With
    another authenticator the same is done at the first start of a server, which is refused if
    the check fails, and so are all others.

    Raises ConfigurationError, with a sentence that names the trait and its value.
    """
    trace_requests(app)
    if issubclass(app.spawner_class, ProfiledSpawner):
        prepare_once(app.spawner_class, app)
        wait_for_refusals(app)
        add_templates(app)
        add_variables(app)
        add_restart_page(app)
        add_capacity_page(app)
        add_announcements(app)
    if issubclass(app.spawner_class, LinkedSpawner):
        add_open_page(app)
    if issubclass(app.spawner_class, CulledSpawner):
        add_cull_api(app)
        add_keep_page(app)
    if issubclass(app.spawner_class, CountedSpawner):
        add_memory_api(app)


def wait_for_refusals(app: JupyterHub) -> None:
    """Let each request for a start wait long enough to be answered with a refusal.

    Zero to JupyterHub sets ``slow_spawn_timeout`` to 0 seconds: a start that the user may not
    have would be answered 202, and the refusal seen only by who asks again.
    """
    if app.tornado_settings.get("slow_spawn_timeout", REFUSAL_SECONDS) < REFUSAL_SECONDS:
        app.tornado_settings["slow_spawn_timeout"] = REFUSAL_SECONDS
