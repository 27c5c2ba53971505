"""What the commands share: where the installation is, and opening it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.workspace import Workspace


def data_dir_option(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command be told where the installation is kept."""
    option = click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Where the installation is kept (ONWARD_DATA_DIR)."
    )
    return option(command)


def opened(data_dir: Path | None, *, pooled: bool = False) -> Workspace:
    """The installation that a command works on; `pooled` for one that writes thousands of transactions.

    SQLite tidies its log up whenever the last connection is closed, which costs as much as writing a hundred rows.
    """
    return open_workspace(load(os.environ, data_dir=data_dir), pooled=pooled).acting("command")
