"""Pure decisions: no I/O, no clock, no JupyterHub, no Kubernetes."""
