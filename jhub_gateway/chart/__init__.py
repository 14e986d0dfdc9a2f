"""What Zero to JupyterHub's chart makes of values: how they are merged, and the traits they set."""
