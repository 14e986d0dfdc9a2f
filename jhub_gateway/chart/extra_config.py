"""``hub.extraConfig``: programs of an operator's that set what values can't."""

from typing import Any

from traitlets.config import Config

from jhub_gateway.chart.chart_values import ChartValues


def run_extra_config(config: Config, chart: ChartValues) -> None:
    """Run the programs in the order of their names; they share their variables.

    Each finds the settings as ``c``, and the chart's values by ``get_config("a.b")``. Raises what
    a program raises.
    """
    variables = {"c": config, "get_config": chart.get}
    for name, program in sorted(chart.get("hub.extraConfig", {}).items()):
        run_program(name, program, variables)


def run_program(name: str, program: str, variables: dict[str, Any]) -> None:
    """Run one program, named as in the values where a traceback names it."""
    exec(compile(program, f"hub.extraConfig.{name}", "exec"), variables)  # noqa: S102
