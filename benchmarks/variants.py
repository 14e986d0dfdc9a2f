"""What is compared: the same image, on the same node, by two spawners and with several homes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One kind of start. ``hub`` names the hub that makes it, ``user`` whose server it is."""

    name: str
    title: str
    hub: str
    user: str

    def get_user(self, turn: int) -> str:
        """The user of the turn: a new one each time where ``user`` has a place for it."""
        return self.user.format(turn=turn)


# One home for both spawners, so that nothing but the spawner differs.
BIG = "big"
DATA = "data"

PLAIN_EMPTY = Variant("plain-empty", "KubeSpawner, empty home", "plain", "plain-{turn}")
PLAIN_BIG = Variant("plain-big", "KubeSpawner, 200,000 files", "plain", BIG)
GATEWAY_EMPTY = Variant("gateway-empty", "GatewaySpawner, new home", "gateway", "gateway-{turn}")
GATEWAY_BIG = Variant("gateway-big", "GatewaySpawner, 200,000 files", "gateway", BIG)
GATEWAY_DATA = Variant("gateway-data", "GatewaySpawner, shared data", "data", DATA)

VARIANTS = (PLAIN_EMPTY, GATEWAY_EMPTY, GATEWAY_BIG, PLAIN_BIG, GATEWAY_DATA)


def order_turn(turn: int) -> tuple[Variant, ...]:
    """The variants in the turn's order: another first each time, so that no place favours one."""
    place = turn % len(VARIANTS)
    return VARIANTS[place:] + VARIANTS[:place]
