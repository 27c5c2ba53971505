"""A playbook as a drawing: stages, what leads from one to another and what it needs, and the sequences it begins.

Writes SVG without scripts, links or inline styles, all in the colour of the text around it, so that a page with a
strict policy can show it. `page` adds a paper of its own, light or dark. Where things stand: `layout`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from workflow.playbook.layout import Box, Wire, plan
from workflow.playbook.phrases import Phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workflow.playbook.layout import Plan
    from workflow.playbook.phrases import Names
    from workflow.playbook.schema import Playbook, Stage, Transition
    from workflow.playbook.schema import Sequence as Series

STYLE: Final = (
    ".onward{color:#1c1a17}.paper{fill:#fff}.halo{stroke:#fff}.tone{color:#0b5563}.box{fill:#f5f3ee;fill-opacity:1}"
    "@media(prefers-color-scheme:dark){.onward{color:#f2efe9}.paper{fill:#1d1c19}.halo{stroke:#1d1c19}"
    ".tone{color:#74cbd6}.box{fill:#2a2824}}"
)
"""The one style of `page`; a policy can allow it by its SHA-256."""

_FONT: Final = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',Arial,sans-serif"
_TITLED: Final = "onward-title onward-desc"
_TITLE: Final = 14.0
_TEXT: Final = 12.0
_SMALL: Final = 11.0
_LEADING: Final = 1.3
_PAD: Final = 12.0
_STAGE_TEXT: Final = 104.0
_LABEL_TEXT: Final = 100.0
_SPARE: Final = 48.0
_LANE_TEXT: Final = 420.0
_CARD: Final = 290.0
_WIDEST_CARD: Final = 380.0
_WAITS: Final = 126.0
_GAP: Final = 18.0
_EDGE: Final = 16.0
_START: Final = 20.0
_CURVE: Final = 9.0
_WORDS: Final = {
    "what": ("Playbook “{}”: {} stages, {} transitions, {} sequences",
             "Наръчник „{}“: {} етапа, {} прехода, {} поредици"),
    "leads": ("{} leads from {} to {}.", "{} води от {} до {}."),
    "needs": ("{} leads from {} to {} and needs: {}.", "{} води от {} до {} и изисква: {}."),
    "begins": ("The sequence {} begins with: {}.", "Поредицата {} започва при: {}."),
    "sequences": ("Sequences", "Поредици"),
    "begin": ("begins: {}", "начало: {}"),
    "stop": ("ends early: {}", "край по-рано: {}"),
}  # fmt: skip
# Generous widths in parts of the size, for fonts of every system: a text may be narrower than thought, never wider.
_NARROW: Final = frozenset(" iljtfrI.,:;'’!|()[]„“”-")
_WIDE: Final = frozenset("mwMWQ@%—–ЖШЩЮФМЫЪжшщюфмыъДд≥")


@dataclass(frozen=True, slots=True)
class Text:
    """Lines of a text, and the room they take."""

    lines: tuple[str, ...]
    size: float
    bold: bool = False
    faint: bool = False

    @property
    def width(self) -> float:
        """The widest line."""
        return max((measured(line, self.size, bold=self.bold) for line in self.lines), default=0.0)

    @property
    def height(self) -> float:
        """All lines."""
        return len(self.lines) * self.size * _LEADING


def fragment(playbook: Playbook, language: str, *, names: Names | None = None, cards: bool = True) -> str:
    """The drawing as an element to put into a page, without the cards of the sequences if there is a list of them."""
    drawing = _Drawing(playbook, Phrases(playbook, language, names), language, cards=cards)
    return drawing.element("")


def page(playbook: Playbook, language: str, *, names: Names | None = None) -> str:
    """The drawing as a file of its own, which follows the light or the dark of whoever looks at it."""
    drawing = _Drawing(playbook, Phrases(playbook, language, names), language, cards=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing.element(f"<style>{STYLE}</style>")}\n'


def placed(playbook: Playbook, language: str) -> Plan:
    """Where the stages of a drawing stand, and the lines and labels between them."""
    return _Drawing(playbook, Phrases(playbook, language), language, cards=False).plan


def measured(text: str, size: float, *, bold: bool = False) -> float:
    """How wide `text` is at most, in pixels."""
    return sum(map(_part, text)) * size * (1.06 if bold else 1.0)


def wrapped(text: str, size: float, most: float, *, bold: bool = False, faint: bool = False, spare: float = 0) -> Text:
    """`text` in lines no wider than `most`, and than `spare` more for a long word; one longer still is broken."""
    lines = [""]
    words = re.split(r"\s+", _printable(text).strip())
    most += min(spare, max(0.0, *(measured(word, size, bold=bold) - most for word in words), 0.0))
    for word in words:
        joined = f"{lines[-1]} {word}".strip()
        if measured(joined, size, bold=bold) <= most:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and measured(lines[-1] + letter, size, bold=bold) > most:
                lines.append("")
            lines[-1] += letter
    return Text(tuple(lines), size, bold, faint)


def _part(letter: str) -> float:
    if letter in _NARROW:
        return 0.38
    if letter in _WIDE:
        return 0.98
    if ord(letter) >= 0x1100:  # noqa: PLR2004 - from here on scripts whose signs are squares
        return 1.1
    if letter.isupper():
        return 0.76
    return 0.62


def _printable(text: str) -> str:
    """What XML 1.0 can carry (section 2.2)."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


class _Drawing:
    """Builds the text of one drawing."""

    def __init__(self, playbook: Playbook, phrases: Phrases, language: str, *, cards: bool) -> None:
        self.playbook = playbook
        self.phrases = phrases
        self.bulgarian = language == "bg"
        self.begun = {key: [each for each in playbook.sequences.values() if each.start.stage == key]
                      for key in playbook.stages}  # fmt: skip
        self.faces = {key: self._face(stage) for key, stage in playbook.stages.items()}
        ways = {f"{number}": way for number, way in enumerate(playbook.transitions)}
        self.beside = {key: self._label(way, _LABEL_TEXT) for key, way in ways.items()}
        self.on_lane = {key: self._label(way, _LANE_TEXT) for key, way in ways.items()}
        self.plan = plan(
            {key: self._size(face) for key, face in self.faces.items()},
            [Wire(key, way.sources, way.to, *self._rooms(key)) for key, way in ways.items()],
        )
        self.cards = self._cards() if cards else []

    def element(self, style: str) -> str:
        """The whole, with its words for those who do not see it."""
        width = max(
            self.plan.width + 2 * _EDGE + _START, *(card[0].x + card[0].width + _EDGE for card in self.cards), 0.0
        )
        machine = self.plan.height + 2 * _EDGE
        height = max([machine, *(card[0].y + card[0].height + _EDGE for card in self.cards)])
        heading = ""
        if self.cards:
            heading = self._text(Text((self._say("sequences"),), _TITLE, bold=True), _EDGE, machine + 8)
        size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
        look = f'role="img" fill="none" stroke="currentColor" font-family="{_FONT}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="onward" {size} {look} aria-labelledby="{_TITLED}">',
            f'<title id="onward-title">{escape(self._title())}</title>',
            f'<desc id="onward-desc">{escape(_printable(" ".join(self._told())))}</desc>',
            style,
            f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" stroke="none"/>',
            f'<g transform="translate({_n(_EDGE + _START)} {_n(_EDGE)})">',
            *self._lines(),
            *self._stages(),
            *self._named(),
            "</g>",
            heading,
            *(line for box, card in self.cards for line in self._card(box, card)),
            "</svg>",
        ]
        return "\n".join(line for line in lines if line)

    # --- words

    def _title(self) -> str:
        book = self.playbook
        return self._say("what", _printable(book.name), len(book.stages), len(book.transitions), len(book.sequences))

    def _told(self) -> Iterable[str]:
        for way in self.playbook.transitions:
            sources = ", ".join(self.phrases.stage(source) for source in way.sources)
            facts = (self.phrases.name("trigger", way.trigger), sources, self.phrases.stage(way.to))
            yield self._say("needs", *facts, self.phrases.needs(way.needs)) if way.needs else self._say("leads", *facts)
        for sequence in self.playbook.sequences.values():
            yield self._say("begins", self.phrases.sequence(sequence), self.phrases.start(sequence.start))

    def _say(self, code: str, *facts: object) -> str:
        return _WORDS[code][self.bulgarian].format(*facts)

    def _face(self, stage: Stage) -> tuple[Text, list[Text]]:
        title = wrapped(self.phrases.stage(stage.key), _TITLE, _STAGE_TEXT, bold=True, spare=_SPARE)
        begun = [
            wrapped(self.phrases.sequence(each), _SMALL, _STAGE_TEXT - 30, spare=_SPARE)
            for each in self.begun[stage.key]
        ]
        return title, begun

    def _size(self, face: tuple[Text, list[Text]]) -> tuple[float, float]:
        title, begun = face
        width = max([title.width, *(each.width + 30 for each in begun)]) + 2 * _PAD
        return width, title.height + sum(each.height + 8 for each in begun) + 2 * _PAD + (2 if begun else 0)

    def _label(self, way: Transition, most: float) -> tuple[Text, Text]:
        """The trigger and what it needs."""
        name = wrapped(self.phrases.name("trigger", way.trigger), _TEXT, most, bold=True, spare=_SPARE)
        needs = (
            wrapped(self.phrases.needs(way.needs), _SMALL, most, faint=True, spare=_SPARE)
            if way.needs
            else Text((), _SMALL)
        )
        return name, needs

    def _rooms(self, key: str) -> tuple[tuple[float, float, float], tuple[float, float]]:
        name, needs = self.beside[key]
        wide_name, wide_needs = self.on_lane[key]
        lane = (max(wide_name.width, wide_needs.width), wide_name.height + wide_needs.height)
        return (max(name.width, needs.width), name.height, needs.height), lane

    # --- the machine

    def _lines(self) -> Iterable[str]:
        # One veil over all of them, so that lines which share a lane are no darker.
        yield '<g opacity=".65">'
        for line in self.plan.lines:
            dashes = ' stroke-dasharray="5 4"' if line.back else ""
            trigger = self.playbook.transitions[int(line.wire)].trigger
            told = f"data-from={quoteattr(line.source)} data-to={quoteattr(line.target)} data-by={quoteattr(trigger)}"
            yield f'<path class="way" {told} d="{_rounded(line.points)}" stroke-width="1.4"{dashes}/>'
            yield f'<path d="{_arrow(line.points)}" fill="currentColor" stroke="none"/>'
        yield "</g>"

    def _stages(self) -> Iterable[str]:
        first = self.plan.boxes[self.playbook.first_stage]
        middle = first.y + first.height / 2
        yield f'<circle cx="{_n(first.x - 18)}" cy="{_n(middle)}" r="5" fill="currentColor" stroke="none"/>'
        yield f'<path d="M{_n(first.x - 13)} {_n(middle)}H{_n(first.x)}" stroke-width="1.6"/>'
        for key, stage in self.playbook.stages.items():
            box = self.plan.boxes[key]
            title, begun = self.faces[key]
            yield f'<g class="stage" data-stage={quoteattr(key)}>'
            yield _rect(box, 8, 'class="box" fill="currentColor" fill-opacity=".05" stroke-width="1.5"')
            if stage.final:
                inner = Box(box.x + 4, box.y + 4, box.width - 8, box.height - 8)
                yield _rect(inner, 5, 'stroke-width="1.2"')
            room = title.height + sum(each.height + 8 for each in begun) + (2 if begun else 0)
            y = box.y + (box.height - room) / 2
            yield self._text(title, box.x + _PAD, y)
            y += title.height + 4
            for each in begun:
                pill = Box(box.x + _PAD - 3, y, box.width - 2 * _PAD + 6, each.height + 4)
                yield '<g class="tone">'
                yield _rect(pill, 6, 'stroke-width="1" stroke-opacity=".55"')
                yield _envelope(pill.x + 6, pill.y + 2 + _SMALL * _LEADING / 2)
                yield f"{self._text(each, pill.x + 24, pill.y + 2)}</g>"
                y += each.height + 8
            yield "</g>"

    def _named(self) -> Iterable[str]:
        for label in self.plan.labels:
            name, needs = (self.beside if label.narrow else self.on_lane)[label.wire]
            below = label.box.y + label.box.height - needs.height
            yield f'<g class="label">{self._text(name, label.box.x, label.box.y, halo=True)}'
            yield f"{self._text(needs, label.box.x, below, halo=True) if needs.lines else ''}</g>"

    def _text(self, text: Text, x: float, y: float, *, halo: bool = False) -> str:
        weight = ' font-weight="600"' if text.bold else ""
        faint = ' fill-opacity=".78"' if text.faint else ""
        look = f'font-size="{_n(text.size)}" fill="currentColor"{weight}{faint}'
        around = 'stroke="none"'
        if halo:
            around = 'class="halo" stroke="none" stroke-width="4" stroke-linejoin="round" paint-order="stroke"'
        lines = [
            f'<tspan x="{_n(x)}" y="{_n(y + text.size * (_LEADING * number + 1))}">{escape(line)}</tspan>'
            for number, line in enumerate(text.lines)
        ]
        return f"<text {look} {around}>{''.join(lines)}</text>"

    # --- the sequences

    def _cards(self) -> list[tuple[Box, list[tuple[float, Text, str]]]]:
        """A card for each sequence, in the shortest of the columns that fit below the machine."""
        top = self.plan.height + 2 * _EDGE + 36
        whole = max(self.plan.width + _START, _CARD)
        many = max(1, min(int((whole + _GAP) // (_CARD + _GAP)), len(self.playbook.sequences)))
        width = min((whole - _GAP * (many - 1)) / many, _WIDEST_CARD)
        feet = [top] * many
        cards = []
        for sequence in self._in_order():
            column = feet.index(min(feet))
            rows, height = self._rows(sequence, width - 2 * _PAD)
            cards.append((Box(_EDGE + column * (width + _GAP), feet[column], width, height), rows))
            feet[column] += height + _GAP
        return cards

    def _in_order(self) -> list[Series]:
        """What events begin comes first, then by stage."""
        order = list(self.playbook.stages)
        return sorted(
            self.playbook.sequences.values(),
            key=lambda each: order.index(each.start.stage) if each.start.stage in order else -1,
        )

    def _rows(self, sequence: Series, most: float) -> tuple[list[tuple[float, Text, str]], float]:
        rows: list[tuple[float, Text, str]] = []
        y = _PAD
        for text in (
            wrapped(self.phrases.sequence(sequence), _TITLE, most, bold=True),
            wrapped(self._say("begin", self.phrases.start(sequence.start)), _SMALL, most),
        ):
            rows.append((y, text, ""))
            y += text.height + 2
        y += 6
        for step in sequence.steps:
            waits = wrapped(self.phrases.waits(step), _SMALL, _WAITS - 8, faint=True)
            text = wrapped(self.phrases.step(step), _SMALL, most - _WAITS - 22)
            rows += [(y, waits, "waits"), (y, text, "task" if step.task is not None else "email")]
            y += max(waits.height, text.height) + 5
        stops = wrapped(self._say("stop", self.phrases.stops(sequence)), _SMALL, most, faint=True)
        rows.append((y + 4, stops, ""))
        return rows, y + 4 + stops.height + _PAD

    def _card(self, box: Box, rows: Sequence[tuple[float, Text, str]]) -> Iterable[str]:
        yield '<g class="sequence">'
        yield _rect(box, 8, 'stroke-opacity=".35"')
        for y, text, kind in rows:
            x = box.x + _PAD
            if kind in ("email", "task"):
                sign = _envelope if kind == "email" else _tick
                yield f'<g class="tone">{sign(x + _WAITS, box.y + y + _SMALL * _LEADING / 2)}</g>'
                x += _WAITS + 20
            yield self._text(text, x, box.y + y)
        yield "</g>"


def _rect(box: Box, radius: float, look: str) -> str:
    place = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    return f'<rect {place} rx="{_n(radius)}" {look}/>'


def _envelope(x: float, y: float) -> str:
    return f'<path d="M{_n(x)} {_n(y - 4)}h12v9h-12zl6 5 6-5" stroke-width="1.1" stroke-linejoin="round"/>'


def _tick(x: float, y: float) -> str:
    return f'<path d="M{_n(x + 1)} {_n(y + 1)}l3.5 3.5 6.5-8" stroke-width="1.6" stroke-linejoin="round"/>'


def _rounded(points: Sequence[tuple[float, float]]) -> str:
    """A line through these corners, each rounded as far as its sides allow."""
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_CURVE, _length(before, corner) / 2, _length(corner, after) / 2)
        (x1, y1), (x2, y2) = _towards(corner, before, radius), _towards(corner, after, radius)
        path.append(f"L{_n(x1)} {_n(y1)}Q{_n(corner[0])} {_n(corner[1])} {_n(x2)} {_n(y2)}")
    path.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(path)


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """The head of a line, pointing where its last piece goes."""
    (x, y), (bx, by) = points[-1], _towards(points[-1], points[-2], 9)
    across = ((by - y) * 0.45, (x - bx) * 0.45)
    return f"M{_n(x)} {_n(y)}L{_n(bx + across[0])} {_n(by + across[1])}L{_n(bx - across[0])} {_n(by - across[1])}Z"


def _towards(begin: tuple[float, float], end: tuple[float, float], far: float) -> tuple[float, float]:
    length = _length(begin, end) or 1.0
    return begin[0] + (end[0] - begin[0]) * far / length, begin[1] + (end[1] - begin[1]) * far / length


def _length(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _n(number: float) -> str:
    """A number with one decimal at most, the same on every machine."""
    return f"{number + 0.0:.1f}".removesuffix(".0")
