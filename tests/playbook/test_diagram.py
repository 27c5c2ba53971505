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
    assert "    closed --> [*]" in lines
    assert lines.index("    note right of planned") == 2 + 6 + 1 + 14 + 1


def test_it_notes_the_sequences_where_they_begin() -> None:
    """With what begins each, its steps and how long they wait."""
    _, _, notes = diagram(read(FAST), "en").partition("    closed --> [*]\n")
    assert notes == (
        "    note right of planned\n"
        "        after call [call ended]\n"
        "        - after 2 s, Follow-up questions\n"
        "        - after 4 s, Schedule the next call\n"
        "    end note\n"
        "    note right of qualified\n"
        "        welcome [Qualified]\n"
        "        - at once, Confirmation of the call\n"
        "    end note\n"
        "    note right of followed_up\n"
        "        nudge [Followed up]\n"
        "        - after 1 s, Meeting recap\n"
        "        - after 2 s, Call back\n"
        "        - after 1 hour, Question about the decision\n"
        "    end note\n"
    )


def test_no_text_ends_a_note() -> None:
    """Mermaid reads a note up to the words `end note`, wherever they stand."""
    steps = "steps: [{key: a, task: {en: 'Weekend note: call'}, after: 1d}]"
    book = f"{ODD}sequences:\n  s: {{start: {{when: call.ended}}, stop: [reply, close], {steps}}}\n"
    assert "        - after 1 day, Weekend#32;note#58; call\n" in diagram(load(book), "en")


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
