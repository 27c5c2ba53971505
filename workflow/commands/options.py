"""What the commands share: where the installation is, opening it, and the shape of those about one named thing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.workspace import Workspace

_FAILED: Final = 1


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


def act(group: click.Group, verb: str) -> Callable[[Callable[[Workspace, str], str]], None]:
    """A command of `group` that does one thing to what is called NAME, and says the sentence that it gives back."""

    def added(does: Callable[[Workspace, str], str]) -> None:
        def run(name: str, data_dir: Path | None) -> None:
            click.echo(does(opened(data_dir), name), err=True)

        run.__doc__ = does.__doc__
        group.command(verb)(click.argument("name")(data_dir_option(run)))

    return added


def tell_row(*cells: str) -> None:
    """Print a row of a list, with tabs between its cells."""
    click.echo("\t".join(cells))


def tell_try(sentence: str, *, good: bool) -> None:
    """Print how a try came out; one that failed is exit code 1."""
    click.echo(sentence)
    if not good:
        sys.exit(_FAILED)
