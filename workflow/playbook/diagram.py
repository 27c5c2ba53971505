"""A playbook's stages as a Mermaid diagram, for README files and wikis: `svg` draws it for people who look at it.

Writes what is there and judges nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workflow.playbook.phrases import Phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workflow.playbook.schema import Playbook, Transition
    from workflow.playbook.schema import Sequence as Series

# Words that Mermaid reads as its own; stages are in small letters, so a name in capitals can be no other stage's.
_RESERVED: Final = frozenset(
    {
        *("accdescr", "acctitle", "as", "class", "classdef", "click", "default", "direction"),
        *("end", "hide", "href", "note", "scale", "state", "statediagram", "style"),
    }
)
_ESCAPES: Final = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", ";": "#59;", ":": "#58;"}


def diagram(playbook: Playbook, language: str) -> str:
    """The stages of `playbook` with titles in `language`, its triggers and what they need, as `stateDiagram-v2`.

    What a stage begins stands in a note beside it, what events begin in a note beside the first stage.
    """
    lines = ["stateDiagram-v2", "    direction LR"]
    for key, stage in playbook.stages.items():
        lines.append(f'    state "{_escaped(playbook.words(stage.title, language))}" as {_id(key)}')
    lines.append(f"    [*] --> {_id(playbook.first_stage)}")
    for way in playbook.transitions:
        lines += [f"    {_id(source)} --> {_id(way.to)} : {_label(way)}" for source in way.sources]
    lines += [f"    {_id(key)} --> [*]" for key, stage in playbook.stages.items() if stage.final]
    phrases = Phrases(playbook, language)
    begun: dict[str, list[Series]] = {}
    for sequence in playbook.sequences.values():
        begun.setdefault(sequence.start.stage or playbook.first_stage, []).append(sequence)
    for stage_key, sequences in begun.items():
        lines += _note(stage_key, phrases, sequences)
    return "\n".join(lines) + "\n"


def _note(stage: str, phrases: Phrases, sequences: Sequence[Series]) -> Iterable[str]:
    yield f"    note right of {_id(stage)}"
    for sequence in sequences:
        start = _noted(phrases.start(sequence.start))
        yield f"        {_noted(phrases.sequence(sequence))} [{start}]"
        for step in sequence.steps:
            yield f"        - {_noted(phrases.waits(step))}, {_noted(phrases.step(step))}"
    yield "    end note"


def _label(way: Transition) -> str:
    needs = ", ".join(need.brief for need in way.needs)
    return f"{way.trigger} [{needs}]" if needs else way.trigger


def _id(key: str) -> str:
    return f"STAGE_{key}" if key in _RESERVED else key


def _noted(text: str) -> str:
    """A text for one line of a note, which the words `end note` would end, also within others."""
    return re.sub("(?i)end note", lambda found: found[0].replace(" ", "#32;"), _escaped(" ".join(text.split())))


def _escaped(title: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in title)
