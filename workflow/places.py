"""Where the files that ship with Onward lie: beside the packages in a checkout, inside one in a wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def templates_dir() -> Path:
    """The folder with `panel/ public/ email/ playbooks/`."""
    packed = _HERE / "_templates"
    return packed if packed.is_dir() else _HERE.parent / "templates"


def docs_dir() -> Path:
    """The folder with the pages of the manual."""
    packed = _HERE / "_docs"
    return packed if packed.is_dir() else _HERE.parent / "docs"


def shipped_playbook() -> Path:
    """The six-stage discovery playbook that a new installation starts with."""
    return templates_dir() / "playbooks" / "discovery.yaml"
