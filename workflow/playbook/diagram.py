"""A playbook's stages as a Mermaid diagram, for README files and the panel. Draws what is there and judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from workflow.playbook.schema import Playbook, Transition

# Words that Mermaid reads as its own; stages are in small letters, so a name in capitals can be no other stage's.
_RESERVED: Final = frozenset(
    {
        *("accdescr", "acctitle", "as", "class", "classdef", "click", "default", "direction"),
        *("end", "hide", "href", "note", "scale", "state", "statediagram", "style"),
    }
)
_ESCAPES: Final = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", ";": "#59;", ":": "#58;"}


def diagram(playbook: Playbook, language: str) -> str:
    """The stages of `playbook` with titles in `language`, its triggers and what they need, as `stateDiagram-v2`."""
    lines = ["stateDiagram-v2", "    direction LR"]
    for key, stage in playbook.stages.items():
        lines.append(f'    state "{_escaped(playbook.words(stage.title, language))}" as {_id(key)}')
    lines.append(f"    [*] --> {_id(playbook.first_stage)}")
    for way in playbook.transitions:
        lines += [f"    {_id(source)} --> {_id(way.to)} : {_label(way)}" for source in way.sources]
    lines += [f"    {_id(key)} --> [*]" for key, stage in playbook.stages.items() if stage.final]
    return "\n".join(lines) + "\n"


def _label(way: Transition) -> str:
    needs = ", ".join(need.brief for need in way.needs)
    return f"{way.trigger} [{needs}]" if needs else way.trigger


def _id(key: str) -> str:
    return f"STAGE_{key}" if key in _RESERVED else key


def _escaped(title: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in title)
