"""Commands about playbooks: check one, draw one, publish one, list its versions, print the grammar."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from workflow import places
from workflow.errors import BadInput, PlaybookError, StartError
from workflow.mail.templates import Templates
from workflow.playbook import loader, svg
from workflow.playbook.check import check
from workflow.playbook.diagram import diagram
from workflow.playbook.editors import json_schema

if TYPE_CHECKING:
    from workflow.playbook.emails import Emails

_FINDINGS: Final = 1
_CHOICE: Final = click.Choice(["keep", "move", "stop"])
_DATA_DIR: Final = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Where the installation is kept (ONWARD_DATA_DIR)."
)


@click.group()
def playbook() -> None:
    """Check, draw or publish a playbook."""


@playbook.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_DATA_DIR
def playbook_check(file: Path, data_dir: Path | None) -> None:
    """Check FILE; prints one finding a line, `FILE:LINE: code: sentence`. Exit code 1 when there are any.

    The emails are those of the installation, where one is named, with what was edited in its panel.
    """
    try:
        findings = check(loader.read(file), _emails(data_dir))
    except PlaybookError as error:
        if not error.findings:
            raise
        findings = error.findings
    for finding in findings:
        click.echo(f"{file}:{finding.line}: {finding.code}: {finding.sentence}")
    sys.exit(_FINDINGS if findings else 0)


@playbook.command("diagram")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), default="mermaid", show_default=True)
@click.option("--language", type=click.Choice(["en", "bg"]), default="en", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead.")
def playbook_diagram(file: Path | None, form: str, language: str, output: Path | None) -> None:
    """Draw FILE: its stages, what leads from one to another, its sequences; without FILE, the shipped playbook."""
    book = loader.read(file or places.shipped_playbook())
    drawn = svg.page(book, language) if form == "svg" else diagram(book, language)
    if output is None:
        click.echo(drawn, nl=False)
        return
    try:
        output.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{output} cannot be written ({error.strerror}): name a folder that takes it.") from error


@playbook.command("schema")
def playbook_schema() -> None:
    """Print the grammar as JSON Schema, for editors that complete and check a playbook while it is written."""
    click.echo(json.dumps(json_schema(), indent=2))


@playbook.command("publish")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--map", "maps", multiple=True, metavar="OLD=NEW", help="Where the prospects of a removed stage go.")
@click.option("--all", "others", type=_CHOICE, default="keep", show_default=True, help="All in flight.")
@click.option("--group", "groups", multiple=True, metavar="SEQUENCE=keep|move|stop", help="Those on one sequence.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--language", type=click.Choice(["en", "bg"]), default="en", show_default=True)
@_DATA_DIR
def playbook_publish(file: Path, data_dir: Path | None, **given: Any) -> None:  # noqa: ANN401 - one value an option
    """Put FILE in force, after showing what changes for everybody in flight. Exit code 1 when FILE has findings."""
    sys.exit(_publishing().publish(data_dir, _content(file), file, given))


@playbook.command("versions")
@_DATA_DIR
def playbook_versions(data_dir: Path | None) -> None:
    """List the versions: which is in force, since when and by whom, and how many enrollments follow it."""
    for line in _publishing().versions(data_dir):
        click.echo(line)


def _emails(data_dir: Path | None) -> Emails:
    """The emails of the installation that the command line or the environment names, else the shipped ones."""
    if data_dir is None and "ONWARD_DATA_DIR" not in os.environ:
        return Templates(places.templates_dir() / "email").catalogue()
    try:
        return cast("Emails", _publishing().emails(data_dir))
    except StartError as error:
        if data_dir is not None:
            raise
        # The environment of a container names a place before anything is in it.
        click.echo(f"Checked with the shipped emails: {error.message}", err=True)
        return Templates(places.templates_dir() / "email").catalogue()


def _publishing() -> Any:  # noqa: ANN401 - a module
    # Loaded when it is called: to check or draw a file needs no database.
    return importlib.import_module("workflow.commands.publishing")


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened_file:
            return opened_file.read(loader.MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or type(error).__name__}.") from error
