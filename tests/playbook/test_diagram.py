"""The diagram: stages, triggers and needs as Mermaid text."""

from __future__ import annotations

from pathlib import Path

from workflow.playbook.diagram import diagram
from workflow.playbook.loader import load, read

FAST = Path(__file__).with_name("fast.yaml")

ODD = """\
name: odd
stages:
  state: {title: {en: 'Say "no"; #1: <b>'}}
  end: {title: {en: End}, final: true}
transitions:
  - {trigger: finish, from: state, to: end, needs: [{field: outcome}, {field: reason}]}
"""


def test_it_draws_a_playbook() -> None:
    """Titles in the language asked for, every way, the beginning and the end."""
    lines = diagram(read(FAST), "bg").splitlines()
    assert lines[:3] == ["stateDiagram-v2", "    direction LR", '    state "Планиран" as planned']
    assert "    [*] --> planned" in lines
    assert "    planned --> qualified : qualify" in lines
    assert "    followed_up --> closed : close [outcome]" in lines
    assert lines[-1] == "    closed --> [*]"
    assert len(lines) == 2 + 6 + 1 + 14 + 1


def test_it_writes_no_title_that_mermaid_would_take_for_its_own() -> None:
    """Quotes, number signs and words of Mermaid's are written so that they stay text."""
    assert diagram(load(ODD), "en") == (
        "stateDiagram-v2\n"
        "    direction LR\n"
        '    state "Say #quot;no#quot;#59; #35;1#58; #lt;b#gt;" as STAGE_state\n'
        '    state "End" as STAGE_end\n'
        "    [*] --> STAGE_state\n"
        "    STAGE_state --> STAGE_end : finish [outcome, reason]\n"
        "    STAGE_end --> [*]\n"
    )


def test_it_falls_back_to_a_language_that_the_playbook_has() -> None:
    """Bulgarian is asked for, English is there."""
    assert '"End"' in diagram(load(ODD), "bg")
