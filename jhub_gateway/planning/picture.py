"""A plan as a picture: a bar for each node, filled with its servers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from jhub_gateway.planning.node_kinds import NodeKind
from jhub_gateway.planning.plan import Plan, list_nodes
from jhub_gateway.planning.room import Room, make_request, pack
from jhub_gateway.policy.quantities import format_memory

# Okabe and Ito's colours, which people who can't see all colours tell apart.
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")
_SYSTEM, _FREE = "#777777", "#e8e8e8"
_LEFT, _WIDTH, _ROW, _BAR = 190, 640, 30, 20  # pixels
_MOST_BARS = 40
_LABEL = 25  # characters, of which names of clouds' nodes have more


@dataclass(frozen=True, slots=True)
class _Bar:
    """A node with servers of some sizes; ``label`` is what stands beside it."""

    label: str
    kind: NodeKind
    pods: Mapping[Room, int]


def draw(plan: Plan) -> str:
    """Return an SVG: the peak packed onto its nodes, or each size alone where no users are told.

    Bars are as long as nodes have memory, and what is for users is after what is the system's.
    """
    bars = list(_list_bars(plan))
    colours = {
        make_request(one.profile): _COLOURS[place % len(_COLOURS)]
        for place, one in enumerate(plan.profiles)
    }
    names = [(one.profile.slug, colours[one.request]) for one in plan.profiles]
    height = _ROW * (len(bars[:_MOST_BARS]) + 3)
    picture = Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_LEFT + _WIDTH + 20} {height}",
        role="img",
    )
    SubElement(picture, "title").text = f"{len(bars)} nodes, and the servers on each"
    SubElement(picture, "style").text = "text { font: 13px sans-serif }"
    SubElement(picture, "rect", width="100%", height="100%", fill="white")
    _draw_key(picture, [*names, ("system", _SYSTEM), ("free", _FREE)])
    scale = _WIDTH / max(kind.size.memory for kind in plan.kinds)
    for place, bar in enumerate(bars[:_MOST_BARS], start=2):
        _draw_bar(picture, bar, place * _ROW, scale, colours)
    if len(bars) > _MOST_BARS:
        _write(picture, _LEFT, height - 10, f"and {len(bars) - _MOST_BARS} nodes more")
    indent(picture)
    return tostring(picture, encoding="unicode") + "\n"


def _list_bars(plan: Plan) -> Iterator[_Bar]:
    peak: dict[Room, int] = {}
    for one in plan.profiles:
        peak[one.request] = peak.get(one.request, 0) + one.at_once
    nodes = list_nodes(plan.kinds, sum(peak.values()))
    packed = pack(peak, [kind.free for kind in nodes])
    if packed and any(packed):
        shown = max(plan.peak.packed or 0, sum(kind.count for kind in plan.kinds))
        for number, (kind, pods) in enumerate(zip(nodes[:shown], packed, strict=False), start=1):
            yield _Bar(f"{number}: {kind.name}", kind, pods)
        return
    for kind in plan.kinds:
        for one in plan.profiles:
            count = kind.free.count(one.request)
            label = f"{kind.name}: {count} x {one.profile.slug}"
            yield _Bar(label, kind, {one.request: count})


def _draw_key(picture: Element, names: list[tuple[str, str]]) -> None:
    x = 10
    for name, colour in names:
        _draw_box(picture, x, 12, 14, 14, colour, name)
        _write(picture, x + 20, 24, name)
        x += 38 + 8 * len(name)


def _draw_bar(
    picture: Element, bar: _Bar, y: int, scale: float, colours: Mapping[Room, str]
) -> None:
    label = bar.label if len(bar.label) <= _LABEL else f"{bar.label[:_LABEL]}…"
    _write(picture, 10, y + 15, label)
    size, free = bar.kind.size.memory * scale, bar.kind.free.memory
    _draw_box(picture, _LEFT, y, size, _BAR, _FREE, "free")
    x = _LEFT + size - free * scale
    _draw_box(picture, _LEFT, y, x - _LEFT, _BAR, _SYSTEM, "system")
    for pod, count in bar.pods.items():
        for _ in range(count):
            _draw_box(
                picture, x, y, pod.memory * scale, _BAR, colours[pod], format_memory(pod.memory)
            )
            x += pod.memory * scale


def _draw_box(
    picture: Element, x: float, y: float, width: float, height: float, colour: str, title: str
) -> None:
    place = {"x": x, "y": y, "width": width, "height": height}
    texts = {key: f"{value:g}" for key, value in place.items()}
    box = SubElement(picture, "rect", {**texts, "fill": colour, "stroke": "white"})
    SubElement(box, "title").text = title


def _write(picture: Element, x: int, y: int, text: str) -> None:
    SubElement(picture, "text", x=str(x), y=str(y)).text = text
