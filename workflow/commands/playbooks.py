"""Commands about playbooks: check one, draw one, print the grammar."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import click

from workflow import places
from workflow.errors import BadInput, PlaybookError
from workflow.mail.templates import Templates
from workflow.playbook import loader, svg
from workflow.playbook.check import check
from workflow.playbook.diagram import diagram
from workflow.playbook.editors import json_schema

_FINDINGS: Final = 1


@click.group()
def playbook() -> None:
    """Check or draw a playbook."""


@playbook.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def playbook_check(file: Path) -> None:
    """Check FILE; prints one finding a line, `FILE:LINE: code: sentence`. Exit code 1 when there are any."""
    try:
        findings = check(loader.read(file), Templates(places.templates_dir() / "email").catalogue())
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
