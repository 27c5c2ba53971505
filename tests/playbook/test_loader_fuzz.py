"""Whatever the bytes, the loader answers with a playbook or with findings, and a loaded playbook can be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import PlaybookError
from workflow.playbook.check import check
from workflow.playbook.diagram import diagram
from workflow.playbook.loader import load

if TYPE_CHECKING:
    from workflow.errors import Finding
    from workflow.playbook.schema import Playbook

FAST = Path(__file__).with_name("fast.yaml").read_bytes()
LINES = FAST.decode().splitlines(keepends=True)
TOKENS = re.findall(r"\w+|\W", FAST.decode())
# Pieces that mean something to YAML or to the grammar, so that mutations reach beyond the parser.
PIECES = (
    *("[", "]", "{", "}", ":", ": ", ",", "- ", "? ", "|", ">", "#", "&a", "*a", "!!int ", "---\n", "...\n", "%", "\t"),
    *(
        "'",
        '"',
        "\\",
        "\n",
        "\r",
        "  ",
        "\x00",
        "\ufeff",
        "\u2028",
        "\ud7ff",
        "~",
        "no",
        "12:30",
        "010",
        "1e3",
        "=",
        "<<",
    ),
    *(
        "24 hours",
        "2wd",
        "999d",
        "always",
        "stage.entered",
        "meeting",
        "task",
        "email",
        "before",
        "lead",
        "final",
        "[]",
        "{}",
    ),
)


def answer(content: bytes | str) -> Playbook | None:
    """The playbook, or None after findings that are in order and of use."""
    try:
        playbook = load(content)
    except PlaybookError as error:
        of_use(error.findings, content if isinstance(content, str) else content.decode(errors="replace"))
        return None
    assert playbook.stages
    return playbook


def of_use(findings: tuple[Finding, ...], text: str) -> None:
    """There is at least one, they are in order, point into the text and are sentences of one line."""
    assert findings
    assert list(findings) == sorted(findings)
    for finding in findings:
        assert 0 <= finding.line <= max(1, len(text.splitlines()))
        assert finding.sentence.endswith((".", "?"))
        assert "\n" not in finding.sentence


def use(playbook: Playbook | None) -> None:
    """What every playbook goes through after loading."""
    if playbook is not None:
        check(playbook, frozenset())
        assert diagram(playbook, "bg").startswith("stateDiagram-v2\n")
        assert playbook.first_stage in playbook.stages


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_survives_bytes_put_in_taken_out_and_changed(data: st.DataObject) -> None:
    """A few edits anywhere in a good file."""
    content = bytearray(FAST)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 12)))
        content[start:end] = data.draw(
            st.binary(max_size=8) | st.sampled_from(PIECES).map(lambda piece: piece.encode())
        )
    use(answer(bytes(content)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_survives_words_and_lines_in_the_wrong_places(data: st.DataObject) -> None:
    """Valid words where others should stand, lines doubled, dropped and moved."""
    lines = list(LINES)
    for _ in range(data.draw(st.integers(0, 3))):
        lines.insert(data.draw(st.integers(0, len(lines))), data.draw(st.sampled_from(LINES)))
        del lines[data.draw(st.integers(0, len(lines) - 1))]
    words = re.findall(r"\w+|\W", "".join(lines))
    for _ in range(data.draw(st.integers(0, 5))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(st.sampled_from(TOKENS) | st.sampled_from(PIECES))
    use(answer("".join(words)))


def test_it_survives_the_loss_of_any_line() -> None:
    for at in range(len(LINES)):
        use(answer("".join(LINES[:at] + LINES[at + 1 :])))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_it_survives_any_text(text: str) -> None:
    """Text that never was a playbook."""
    use(answer(text))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_it_survives_any_bytes(content: bytes) -> None:
    """Bytes that may be no text at all."""
    use(answer(content))
