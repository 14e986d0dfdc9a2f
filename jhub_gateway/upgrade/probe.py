"""What is installed beside a hub, and what its database and its share are, as JSON.

The text of this file is sent to the python3 of a hub's pod, of whatever release: it asks for
nothing but what each has. ``python3 -c TEXT CONFIG SHARE``, each "" where it is not to be looked
at. The last line that it prints is the answer.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from jupyterhub import dbutil
from jupyterhub.app import JupyterHub
from sqlalchemy import create_engine, inspect, text

LISTED = "SELECT state FROM spawners WHERE server_id IS NOT NULL"


def probe_release() -> dict[str, Any]:
    scripts = ScriptDirectory(dbutil.ALEMBIC_DIR)
    return {
        "version": version("jhub-gateway"),
        "jupyterhub": version("jupyterhub"),
        "layout": import_module("jhub_gateway.policy.layout").LAYOUT,
        "revisions": [script.revision for script in scripts.walk_revisions()],
    }


def probe_database(config: str) -> dict[str, Any]:
    app = JupyterHub()
    app.load_config_file(config)
    with create_engine(app.db_url, **app.db_kwargs).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return {"revision": "", "servers": []}
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        states = [json.loads(state or "{}") for state in connection.scalars(text(LISTED))]
        return {"revision": revision, "servers": [state.get("pod_name") for state in states]}


def probe_share(share: str) -> dict[str, Any]:
    return {"layout": import_module("jhub_gateway.storage.layout").read_layout(Path(share))}


if __name__ == "__main__":
    config, share = sys.argv[1:]
    answer = {"release": probe_release()}
    if config:
        answer["database"] = probe_database(config)
    if share:
        answer["share"] = probe_share(share)
    print(json.dumps(answer))
