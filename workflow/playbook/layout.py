"""Places boxes in columns and leads lines between them at right angles: where things stand in a drawing of stages.

Pure geometry in pixels, y grows downwards. Knows no playbook and draws nothing; widths of texts are given to it.

A line to the next column goes straight there, its label at its beginning. A longer one, or one from several boxes,
climbs to a lane above all boxes; one that leads back takes a lane below. A lane is shared only where nothing meets.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Side = Literal["left", "right", "top", "bottom"]

_ROW_GAP: Final = 30.0
_PORT: Final = 14.0
_APART: Final = 2.0
_TRACK: Final = 12.0
_BEFORE_ARROW: Final = 22.0
_AROUND_LABEL: Final = 8.0
_ABOVE_LINE: Final = 4.0
_LANE: Final = 12.0
_MARGIN: Final = 20.0
_SWEEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Whether the two have a point in common that is not on an edge."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Wire:
    """Lines with one meaning, from `sources` to `target`, and the room their label needs.

    `beside` is its width and what of it stands above and below a line to the next column; `on_lane` width and height.
    """

    key: str
    sources: tuple[str, ...]
    target: str
    beside: tuple[float, float, float]
    on_lane: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line from a box to a box, by its corners, arrow at the end; `back` when it leads to an earlier column."""

    wire: str
    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    back: bool


@dataclass(frozen=True, slots=True)
class Label:
    """Where the label of a wire stands, and whether in the narrow form of what stands beside a box."""

    wire: str
    box: Box
    narrow: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything stands. A wire has a label for each way its lines go."""

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    width: float
    height: float


@dataclass(slots=True)
class _Run:
    """Lines of one wire that go one way: straight to the next column, or together along a lane."""

    wire: Wire
    sources: tuple[str, ...]
    way: Literal["straight", "above", "below"]
    lane: int = 0
    narrow: bool = True
    span: tuple[float, float] = (0.0, 0.0)
    y: float = 0.0

    @property
    def label(self) -> tuple[float, float]:
        """Width and height of its label on a lane."""
        width, above, below = self.wire.beside
        return (width, above + below) if self.narrow else self.wire.on_lane

    @property
    def side(self) -> Side:
        """The side at which a box that nothing covers is left and entered."""
        return "bottom" if self.way == "below" else "top"


@dataclass(slots=True)
class _Port:
    """Where a run touches a box; the room it takes there above and below, and how far along the side it lies."""

    run: int
    leaves: bool
    above: float = _PORT / 2
    below: float = _PORT / 2
    at: float = 0.0

    @property
    def alone(self) -> float:
        """How high a box must be that has only this port on a side: a label may stand out a little."""
        return 2 * max(self.above, self.below) - _ROW_GAP


@dataclass(slots=True)
class _Gutter:
    """The space before a column: room for labels, then tracks for lines that go up or down."""

    labels: float = 0.0
    tracks: list[list[tuple[float, float]]] = field(default_factory=list)

    @property
    def width(self) -> float:
        """How wide it must be."""
        return self.labels + len(self.tracks) * _TRACK + _BEFORE_ARROW

    def track(self, one: float, other: float) -> int:
        """A track that is free between the two heights."""
        low, high = min(one, other) - _PORT / 2, max(one, other) + _PORT / 2
        for number, taken in enumerate(self.tracks):
            if all(high < begin or end < low for begin, end in taken):
                taken.append((low, high))
                return number
        self.tracks.append([(low, high)])
        return len(self.tracks) - 1


def plan(sizes: Mapping[str, tuple[float, float]], wires: Sequence[Wire]) -> Plan:
    """Place boxes of at least these sizes, the first in the first column, and lead the wires between them."""
    return _Planner(sizes, wires).plan()


class _Planner:
    def __init__(self, sizes: Mapping[str, tuple[float, float]], wires: Sequence[Wire]) -> None:
        self.sizes = dict(sizes)
        self.order = {key: number for number, key in enumerate(sizes)}
        self.layer = self._layers(wires)
        self.columns = self._columns(wires)
        self.column = {key: number for number, keys in enumerate(self.columns) for key in keys}
        self.runs = [run for wire in wires for run in self._runs(wire)]
        self.gutters = [_Gutter() for _ in range(len(self.columns) + 1)]
        self.ports: dict[tuple[str, Side], list[_Port]] = defaultdict(list)
        self.tracks: dict[tuple[int, str, bool], tuple[int, int]] = {}
        self.boxes: dict[str, Box] = {}

    def plan(self) -> Plan:
        """Heights first, then tracks and with them widths, then lanes."""
        for number, run in enumerate(self.runs):
            self._connect(number, run)
        self._sort_sides()
        self._stack()
        self._take_tracks()
        self._spread()
        above, below = self._lanes("above"), self._lanes("below")
        self._sort_ends()
        labels = [port for (_, side), ports in self.ports.items() if side == "right" for port in ports]
        top = min([*(box.y for box in self.boxes.values()), *(port.at - port.above for port in labels)])
        bottom = max([*(box.y + box.height for box in self.boxes.values()), *(port.at + port.below for port in labels)])
        self._settle(above, top, -1)
        self._settle(below, bottom, 1)
        lines = [line for number, run in enumerate(self.runs) for line in self._lines(number, run)]
        return self._moved(lines, list(self._labels(lines)))

    # --- columns

    def _layers(self, wires: Sequence[Wire]) -> dict[str, int]:
        layer = dict.fromkeys(self.order, 0)
        ahead: dict[str, list[str]] = defaultdict(list)
        for wire in wires:
            for source in wire.sources:
                if self.order[source] < self.order[wire.target]:
                    ahead[source].append(wire.target)
        for key in self.order:
            for target in ahead[key]:
                layer[target] = max(layer[target], layer[key] + 1)
        led_to = {target for targets in ahead.values() for target in targets}
        for key, targets in ahead.items():
            # What nothing leads to stands right before where it leads; the first stays first.
            if key not in led_to and self.order[key]:
                layer[key] = max(layer[key], min(layer[target] for target in targets) - 1)
        return layer

    def _columns(self, wires: Sequence[Wire]) -> list[list[str]]:
        """The boxes by column, each near those that it is bound to."""
        columns: list[list[str]] = [[] for _ in range(max(self.layer.values()) + 1)]
        for key, number in self.layer.items():
            columns[number].append(key)
        bound: dict[str, set[str]] = defaultdict(set)
        for wire in wires:
            for source in wire.sources:
                bound[wire.target].add(source)
                bound[source].add(wire.target)
        row = {key: place - len(keys) / 2 for keys in columns for place, key in enumerate(keys)}
        for sweep in range(_SWEEPS):
            for keys in columns[:: -1 if sweep % 2 else 1]:
                wanted = {key: _mean([row[each] for each in bound[key]], row[key]) for key in keys}
                keys.sort(key=lambda key: (wanted[key], self.order[key]))
                row |= {key: place - len(keys) / 2 for place, key in enumerate(keys)}
        return columns

    def _runs(self, wire: Wire) -> list[_Run]:
        ahead = tuple(each for each in wire.sources if self.order[each] < self.order[wire.target])
        back = tuple(each for each in wire.sources if each not in ahead)
        near = all(self.layer[wire.target] - self.layer[each] == 1 for each in ahead)
        runs = [_Run(wire, (each,), "straight") for each in ahead] if near else [_Run(wire, ahead, "above")]
        return [*runs, _Run(wire, back, "below")] if back else runs

    # --- ports: where lines touch a box

    def _connect(self, number: int, run: _Run) -> None:
        if run.way == "straight":
            width, above, below = run.wire.beside
            gutter = self.gutters[self.column[run.sources[0]] + 1]
            gutter.labels = max(gutter.labels, width + 2 * _AROUND_LABEL)
            room = (above + _ABOVE_LINE, below + _ABOVE_LINE if below else _PORT / 2)
            self.ports[run.sources[0], "right"].append(_Port(number, True, *room))
            self.ports[run.wire.target, "left"].append(_Port(number, False))
            return
        for source in run.sources:
            side: Side = run.side if self._is_outermost(source, run.side) else "right"
            self.ports[source, side].append(_Port(number, True))
        side = run.side if self._is_outermost(run.wire.target, run.side) else "left"
        self.ports[run.wire.target, side].append(_Port(number, False))

    def _is_outermost(self, key: str, side: Side) -> bool:
        column = self.columns[self.column[key]]
        return column[0 if side == "top" else -1] == key

    def _sort_sides(self) -> None:
        """Along the right and left side in the order of what is at the other end, so that fewer lines cross."""
        for (_, side), ports in self.ports.items():
            if side in ("left", "right"):
                ports.sort(key=self._beyond)

    def _beyond(self, port: _Port) -> tuple[float, int]:
        run = self.runs[port.run]
        if run.way != "straight":
            return (-1e9 if run.way == "above" else 1e9, port.run)
        other = run.wire.target if port.leaves else run.sources[0]
        column = self.columns[self.column[other]]
        return (column.index(other) - len(column) / 2, port.run)

    def _room(self, key: str, side: Side) -> float:
        return sum(port.above + port.below for port in self.ports[key, side])

    def _least(self, key: str, side: Side) -> float:
        """How high a box must be for what touches this side of it."""
        ports = self.ports[key, side]
        if len(ports) != 1:
            return self._room(key, side) + 8
        # Where nothing stands above or below the box, a label has all the room.
        return 0.0 if len(self.columns[self.column[key]]) == 1 else ports[0].alone

    # --- heights and widths

    def _stack(self) -> None:
        heights = {
            key: max(height, self._least(key, "right"), self._least(key, "left"))
            for key, (_, height) in self.sizes.items()
        }
        for number, keys in enumerate(self.columns):
            whole = sum(heights[key] for key in keys) + _ROW_GAP * (len(keys) - 1)
            width = max(
                max(self.sizes[key][0], self._room(key, "top") + _PORT, self._room(key, "bottom") + _PORT)
                for key in keys
            )
            y = -whole / 2
            for key in keys:
                self.boxes[key] = Box(float(number), y, width, heights[key])
                y += heights[key] + _ROW_GAP
        for side in ("right", "left"):
            for key in self.order:
                self._place_ports(key, side)

        for before, after in pairwise(self.columns):
            self._part(
                [port for key in before for port in self.ports[key, "right"]],
                [port for key in after for port in self.ports[key, "left"]],
            )

    def _part(self, begins: Sequence[_Port], ends: Sequence[_Port]) -> None:
        """Let no two lines in a gutter lie at one height: they might be drawn over each other."""
        for end in ends:
            while any(abs(begin.at - end.at) < _APART and begin.run != end.run for begin in begins):
                end.at += 2 * _APART

    def _place_ports(self, key: str, side: Side) -> None:
        """Along a side, one below the other; a line alone comes straight from where it begins, or in the middle."""
        box, ports = self.boxes[key], self.ports[key, side]
        at = box.y + (box.height - self._room(key, side)) / 2
        for port in ports:
            port.at = at + port.above
            at += port.above + port.below
        if len(ports) == 1:
            ports[0].at = self._level(key, ports[0]) if side == "left" else box.y + box.height / 2

    def _level(self, key: str, port: _Port) -> float:
        """The height at which the only line into a box comes: straight from where it begins, if the box is there."""
        box, run = self.boxes[key], self.runs[port.run]
        if run.way == "straight":
            begin = self._port(run.sources[0], "right", port.run)
            if begin is not None and box.y + 10 <= begin.at <= box.y + box.height - 10:
                return begin.at
        return box.y + box.height / 2

    def _port(self, key: str, side: Side, run: int) -> _Port | None:
        return next((port for port in self.ports[key, side] if port.run == run), None)

    def _take_tracks(self) -> None:
        for number, run in enumerate(self.runs):
            if run.way == "straight":
                begin = self._port(run.sources[0], "right", number)
                end = self._port(run.wire.target, "left", number)
                if begin is not None and end is not None and begin.at != end.at:
                    self._take(number, run.sources[0], self.column[run.wire.target], (begin.at, end.at), leaves=True)
                continue
            far = 1e6 if run.way == "below" else -1e6
            for source in run.sources:
                begin = self._port(source, "right", number)
                if begin is not None:
                    self._take(number, source, self.column[source] + 1, (begin.at, far), leaves=True)
            end = self._port(run.wire.target, "left", number)
            if end is not None:
                self._take(number, run.wire.target, self.column[run.wire.target], (end.at, far), leaves=False)

    def _take(self, run: int, key: str, gutter: int, span: tuple[float, float], *, leaves: bool) -> None:
        self.tracks[run, key, leaves] = (gutter, self.gutters[gutter].track(*span))

    def _spread(self) -> None:
        x = 0.0
        self.edges = []
        for number, keys in enumerate(self.columns):
            self.edges.append(x)
            x += self.gutters[number].width
            for key in keys:
                box = self.boxes[key]
                self.boxes[key] = Box(x, box.y, box.width, box.height)
            x += self.boxes[keys[0]].width
        self.edges.append(x)

    def _track_x(self, run: int, key: str, *, leaves: bool) -> float:
        gutter, track = self.tracks[run, key, leaves]
        return self.edges[gutter] + self.gutters[gutter].labels + (track + 1) * _TRACK

    # --- lanes

    def _lanes(self, way: str) -> list[list[_Run]]:
        """Runs by lane, the short ones nearest to the boxes."""
        for number, run in enumerate(self.runs):
            if run.way == way:
                low, high = self._reach(number, run, part=0.5)
                run.narrow = run.wire.on_lane[0] + 4 * _AROUND_LABEL > high - low
                low, high = self._reach(number, run, part=0.0)
                missing = max(0.0, run.label[0] + 4 * _AROUND_LABEL - (high - low)) / 2
                run.span = (low - missing, high + missing)
        lanes: list[list[_Run]] = []
        for run in sorted((run for run in self.runs if run.way == way), key=lambda run: run.span[1] - run.span[0]):
            for lane in lanes:
                if all(run.span[1] + 12 < other.span[0] or other.span[1] + 12 < run.span[0] for other in lane):
                    lane.append(run)
                    break
            else:
                lanes.append([run])
        for number, lane in enumerate(lanes):
            for run in lane:
                run.lane = number
        return lanes

    def _reach(self, number: int, run: _Run, part: float) -> tuple[float, float]:
        """From where to where a run may lie on its lane; of the boxes at its ends all but a `part` on each side."""
        found: list[float] = []
        ends = [*((source, True) for source in run.sources), (run.wire.target, False)]
        for key, leaves in ends:
            if (number, key, leaves) in self.tracks:
                found.append(self._track_x(number, key, leaves=leaves))
            else:
                box = self.boxes[key]
                found += (box.x + part * box.width, box.x + box.width - part * box.width)
        return min(found), max(found)

    def _sort_ends(self) -> None:
        """Along top and bottom so that lines into lanes from one box do not cross: outer lanes inside."""
        for (key, side), ports in self.ports.items():
            if side not in ("top", "bottom"):
                continue
            first = side == "bottom"
            # Above, lines come from the left and leave to the right; below it is the other way round.
            early = sorted((each for each in ports if each.leaves == first), key=lambda each: self.runs[each.run].lane)
            late = sorted((each for each in ports if each.leaves != first), key=lambda each: -self.runs[each.run].lane)
            ports[:] = [*early, *late]
            box = self.boxes[key]
            for place, port in enumerate(ports, 1):
                port.at = box.x + box.width * place / (len(ports) + 1)

    def _settle(self, lanes: Sequence[Sequence[_Run]], edge: float, direction: int) -> None:
        y = edge + direction * _MARGIN
        for lane in lanes:
            room = max(run.label[1] for run in lane) + _ABOVE_LINE + _LANE
            for run in lane:
                # The label stands above its line, so a lane below begins with it.
                run.y = y if direction < 0 else y + room - _LANE
            y += direction * room

    # --- lines and labels

    def _lines(self, number: int, run: _Run) -> Iterable[Line]:
        for source in run.sources:
            begin = self._begin(number, run, source)
            end = self._end(number, run)
            if run.way == "straight":
                (x1, y1), (x2, y2) = begin[0], end[-1]
                points = [(x1, y1), (x2, y2)]
                if y1 != y2:
                    x = self._track_x(number, source, leaves=True)
                    points = [(x1, y1), (x, y1), (x, y2), (x2, y2)]
            else:
                points = [*begin, (begin[-1][0], run.y), (end[0][0], run.y), *end]
            yield Line(run.wire.key, source, run.wire.target, tuple(points), back=run.way == "below")

    def _begin(self, number: int, run: _Run, source: str) -> list[tuple[float, float]]:
        box = self.boxes[source]
        port = self._port(source, "right", number)
        if port is None:
            at = next(each.at for each in self.ports[source, run.side] if each.run == number and each.leaves)
            return [(at, box.y if run.side == "top" else box.y + box.height)]
        start = (box.x + box.width, port.at)
        return [start] if run.way == "straight" else [start, (self._track_x(number, source, leaves=True), port.at)]

    def _end(self, number: int, run: _Run) -> list[tuple[float, float]]:
        box = self.boxes[run.wire.target]
        port = self._port(run.wire.target, "left", number)
        if port is None:
            ports = self.ports[run.wire.target, run.side]
            at = next(each.at for each in ports if each.run == number and not each.leaves)
            return [(at, box.y if run.side == "top" else box.y + box.height)]
        stop = (box.x, port.at)
        if run.way == "straight":
            return [stop]
        return [(self._track_x(number, run.wire.target, leaves=False), port.at), stop]

    def _labels(self, lines: Sequence[Line]) -> Iterable[Label]:
        uprights = [
            (x1, min(y1, y2), max(y1, y2)) for line in lines for (x1, y1), (x2, y2) in pairwise(line.points) if x1 == x2
        ]
        for number, run in enumerate(self.runs):
            if run.way == "straight":
                width, above, below = run.wire.beside
                x, y = self._begin(number, run, run.sources[0])[0]
                room = above + _ABOVE_LINE + (below + _ABOVE_LINE if below else 0.0)
                yield Label(run.wire.key, Box(x + _AROUND_LABEL, y - _ABOVE_LINE - above, width, room), narrow=True)
                continue
            width, height = run.label
            top = run.y - _ABOVE_LINE - height
            crossing = sorted({x for x, low, high in uprights if low < run.y and top < high})
            yield Label(run.wire.key, Box(_clear(run.span, crossing, width), top, width, height), run.narrow)

    def _moved(self, lines: Sequence[Line], labels: Sequence[Label]) -> Plan:
        """Everything with its upper left corner at nought."""
        everything = [*self.boxes.values(), *(label.box for label in labels)]
        corners = [point for line in lines for point in line.points]
        left = min(0.0, *(box.x for box in everything), *(x for x, _ in corners))
        top = min(*(box.y for box in everything), *(y for _, y in corners), 1e9)
        right = max(0.0, *(box.x + box.width for box in everything), *(x for x, _ in corners))
        low = max(*(box.y + box.height for box in everything), *(y for _, y in corners), -1e9)
        return Plan(
            {key: _shifted(self.boxes[key], left, top) for key in self.order},
            tuple(
                Line(line.wire, line.source, line.target, tuple((x - left, y - top) for x, y in line.points), line.back)
                for line in lines
            ),
            tuple(Label(label.wire, _shifted(label.box, left, top), label.narrow) for label in labels),
            right - left,
            low - top,
        )


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _clear(span: tuple[float, float], crossing: Sequence[float], width: float) -> float:
    """Where a label of this width begins so that no upright line runs through it, if there is such a place."""
    edges = [span[0], *(x for x in crossing if span[0] < x < span[1]), span[1]]
    gaps = list(pairwise(edges))
    fitting = [gap for gap in gaps if gap[1] - gap[0] >= width + 2 * _AROUND_LABEL]
    begin, end = fitting[0] if fitting else max(gaps, key=lambda gap: gap[1] - gap[0])
    at = begin + _AROUND_LABEL if fitting else (begin + end - width) / 2
    return min(max(at, span[0]), span[1] - width)


def _shifted(box: Box, left: float, top: float) -> Box:
    return Box(box.x - left, box.y - top, box.width, box.height)
