"""Commands that look at a live installation and change nothing."""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import facts
from workflow.commands.options import data_dir_option, opened
from workflow.engine import calendar
from workflow.engine.telling import Words, sentences
from workflow.errors import BadInput
from workflow.reports import doctor as reports
from workflow.reports import explain as explaining
from workflow.reports import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from workflow.reports.explain import Explained, Explanation
    from workflow.workspace import Workspace

_FINDINGS: Final = 1
_LARGEST_SEED: Final = 999_999


@click.command()
@data_dir_option
@click.option(
    "--seed", type=int, help="Which decisions are asked again, beside the newest. Without it, others each time."
)
def doctor(data_dir: Path | None, seed: int | None) -> None:
    """Check every invariant on the live database. Exit code 1 when something is wrong."""
    ws = opened(data_dir)
    chosen = random.randint(0, _LARGEST_SEED) if seed is None else seed  # noqa: S311 - a sample, no secret
    findings = reports.examine(ws, seed=chosen)
    for finding in findings:
        click.echo(str(finding))
    for remark in reports.remarks(ws):
        click.echo(remark, err=True)
    click.echo(f"Decisions were asked again with --seed {chosen}.", err=True)
    if not findings:
        click.echo("Everything is as it should be.", err=True)
    sys.exit(_FINDINGS if findings else 0)


@click.command()
@click.argument("what", metavar="TOUCH|PROSPECT")
@click.argument("which", metavar="[SEQUENCE[/STEP]]", required=False, default="")
@data_dir_option
@click.option("--language", type=click.Choice(["en", "bg"]), default="en", show_default=True)
@click.option("--zone", default="", help="Your time zone, as Europe/Sofia. Without it, the playbook's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(what: str, which: str, data_dir: Path | None, language: str, zone: str, *, as_json: bool) -> None:
    """Say why an email or task was sent, held, moved, skipped or stopped, or why an expected one does not exist.

    TOUCH is the id of an email or task. PROSPECT is an id, an email address, or a source and its id, as crm:42; with
    SEQUENCE, or SEQUENCE/STEP, only that one is told of.
    """
    viewer = _zone(zone)
    told = _explanation(opened(data_dir), what, which, viewer)
    if as_json:
        click.echo(json.dumps(told.as_json(language), ensure_ascii=False, indent=1))
        return
    for line in _lines(told, language):
        click.echo(line)


def _explanation(ws: Workspace, what: str, which: str, viewer: ZoneInfo | None) -> Explanation:
    with ws.database.read() as tx:
        if explaining.is_touch(tx, what):
            if which:
                raise BadInput("A touch is one step already: leave the sequence out, or name a prospect.")
            return explaining.of_touch(ws, tx, what, viewer)
        sequence, _slash, step = which.partition("/")
        known = missing.find(tx, what)
        return missing.of_prospect(ws, tx, known, facts.facts, sequence=sequence, step=step, viewer_zone=viewer)


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    found = calendar.zone_named(name)
    if found is None:
        raise BadInput(f"“{name}” is no time zone: write it as Europe/Sofia.")
    return found


def _lines(told: Explanation, language: str) -> Iterator[str]:
    """A readable list: a heading for each sequence, and below it a line for each note, with its times."""
    for number, item in enumerate(told.items):
        if number:
            yield ""
        yield _heading(item, language)
        for note in item.notes:
            version = (
                f" [{note.version[0]}, {note.version[1]}]" if note.version and note.version != item.version else ""
            )
            at = ""
            if note.at is not None:
                at = f"{note.at:%Y-%m-%d %H:%M:%S}Z  {told.clocks.told(note.at, language)}: "
            yield f"  {at}{sentences(note, language, told.clocks)}{version}"


def _heading(item: Explained, language: str) -> str:
    name = f"{item.sequence}/{item.step}" if item.step else item.sequence
    title = item.title.told(language)
    told = [f"{name}" if title == item.sequence else f"{name} ({title})"]
    if item.state:
        told.append(Words.of(item.state).told(language))
    if item.line:
        told.append(f"{'ред' if language == 'bg' else 'line'} {item.line}")
    if item.version:
        of = "версия" if language == "bg" else "version"
        told.append(f"{item.playbook}, {of} {item.version[0]} ({item.version[1]})")
    return ", ".join(told)
