"""Addresses of the web are compiled once in a test process, not once more for each application of each test.

Werkzeug writes, parses and compiles two functions for each of some three hundred addresses; that took a third of the
tests of the panel. The functions read nothing but their arguments and the rule that they are bound to.
"""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule


def compile_once() -> None:
    """Let equal rules share the functions that build their addresses."""
    compiled: dict[Any, Any] = {}
    compile_anew = Rule._compile_builder

    def shared(rule: Rule, append_unknown: bool = True) -> Any:  # noqa: FBT001, FBT002 - as it is called
        key = (rule.rule, tuple(rule._trace), tuple(sorted((rule.defaults or {}).items())), append_unknown)
        if key not in compiled:
            compiled[key] = compile_anew(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = shared  # type: ignore[assignment]
