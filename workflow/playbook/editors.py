"""The grammar as JSON Schema, for editors that complete and check a playbook while it is written.

Made from the tables of `grammar`, the ones that the loader reads. It knows form only: whether names exist, and that a
text stands in quotes where YAML would read something else, only `check` can tell.
"""

from __future__ import annotations

from typing import Any

from workflow.playbook.grammar import PLAYBOOK
from workflow.playbook.shapes import every


def json_schema() -> dict[str, Any]:
    """The schema of a playbook file (JSON Schema, draft 2020-12)."""
    named = {shape.name: shape for shape in every(PLAYBOOK) if shape.name}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Onward playbook",
        "description": "How a team sells: stages, moves, emails, tasks, questions. See docs/playbook.md.",
        **PLAYBOOK.describe(),
        "$defs": {name: shape.describe() for name, shape in sorted(named.items()) if shape is not PLAYBOOK},
    }
