"""`python -m workers PART …`: the door to every process that is not the web.

Only looks up the part and turns what Onward can name into a sentence. Each part is loaded by itself, so that the mail
catcher does not carry the database, nor the supervisor the queue.
"""

from __future__ import annotations

import importlib
import sys

from workflow.errors import OnwardError

_PARTS = {
    "up": ("workers.up", "main"),
    "clock": ("workers.clock", "main"),
    "worker": ("workers.worker", "main"),
    "catcher": ("workers.catcher", "main"),
    "prepare": ("workers.prepare", "main"),
    "alive": ("workers.alive", "main"),
}


def main(argv: list[str]) -> int:
    """Run a part; its exit code, or 2 after one sentence on stderr."""
    if not argv or argv[0] not in _PARTS:
        sys.stderr.write(f"Name a part to run: {', '.join(sorted(_PARTS))}.\n")
        return 2
    module, function = _PARTS[argv[0]]
    try:
        code: int = getattr(importlib.import_module(module), function)(argv[1:])
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
