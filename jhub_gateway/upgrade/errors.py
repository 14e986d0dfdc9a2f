"""What keeps an upgrade from going on."""

from jhub_gateway.errors import GatewayError


class UpgradeError(GatewayError):
    """An upgrade is not possible, or not so. One sentence for the operator, with what to do."""
