"""How a server with a full home starts: the home is there, and nothing in it is run."""

# Where Jupyter and IPython keep what they read and run at their start.
_RESCUE = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}


def make_rescue_environment(runtime: str) -> dict[str, str]:
    """Return the variables by which nothing of the home is run or opened by itself.

    ``runtime`` is a directory outside the home that is new at each start.
    """
    own = {name: f"{runtime}/rescue/{folder}" for name, folder in _RESCUE.items()}
    # Without it Python runs what ~/.local/lib says, and Jupyter reads ~/.local/etc.
    return {"JHUB_GATEWAY_RESCUE": "1", "PYTHONNOUSERSITE": "1", **own}
