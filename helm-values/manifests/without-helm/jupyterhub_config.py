"""The hub's settings are made of the values in the Secret `hub`, as Zero to JupyterHub does it."""

from jhub_gateway.chart.settings import load_chart_config

load_chart_config(get_config())  # noqa: F821
