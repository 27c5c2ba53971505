"""`up` over stand-in parts: real processes that start, answer and stop as the parts of Onward do.

Each stand-in is a module of its own, so that none loads what it does not need.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workers import up
from workflow.errors import OnwardError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = {
    "web": ("-m", "tests.process.standin_web"),
    "worker": ("-m", "tests.process.standin_worker"),
    "catcher": ("-m", "workers", "catcher"),
    "prepare": ("-m", "tests.process.patient", "prepare"),
    "odd": ("-m", "tests.process.patient", "odd"),
    "clock": ("-m", "tests.process.patient", "patient", "clock"),
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without")
    args = parser.parse_args(argv)
    options = up.Options(port=args.port, data_dir=args.data_dir, demo=True, workers=args.workers)

    def command(part: str) -> tuple[str, ...]:
        return PARTS["odd" if part == args.without else part]

    return up.run(options, command, os.environ)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OnwardError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
