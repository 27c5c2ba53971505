"""`python -m bench`: every bench in turn, then the table. `python -m bench NAME…` runs some of them."""

from __future__ import annotations

import importlib
import logging
import sys

BENCHES = ("parts", "webhook", "mail", "verify", "simulate", "dispatch", "pace", "imports", "panel", "live")


def main(names: list[str]) -> int:
    """Run the benches; exit code 1 when a limit is missed."""
    # The benches provoke a refusal or two on purpose.
    logging.disable(logging.WARNING)
    figures = [figure for name in names or BENCHES for figure in importlib.import_module(f"bench.{name}").run()]
    print("\n| what | measured | limit | | behind it |\n|---|---|---|---|---|")
    print("\n".join(figure.row() for figure in figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
