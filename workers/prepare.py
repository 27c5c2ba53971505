"""`python -m workers prepare`: what a first start makes, in a process that takes its memory with it when it ends."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from workflow.actions import setup
from workflow.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Prepare the installation and print what to tell its owner."""
    parser = argparse.ArgumentParser(prog="onward prepare")
    parser.add_argument("--no-demo", action="store_true")
    args = parser.parse_args(argv)
    for line in setup.prepare(load(os.environ), with_demo=not args.no_demo):
        sys.stdout.write(f"{line}\n")
    return 0
