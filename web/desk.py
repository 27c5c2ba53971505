"""`onward deliveries`: list and show what senders brought, rehearse a replay and replay, from the terminal.

Runs beside the web and not in it, because only there the vendors' formats are read.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from web.webhooks.kinds import read_again
from workflow import masking
from workflow.actions import publishing, rehearsal, replays
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput, OnwardError
from workflow.ids import is_id
from workflow.reports import deliveries as reports
from workflow.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from workflow.reports.deliveries import DeliveryFacts

_ACTOR: Final = "system"
_TURN_S: Final = 1.0
_USAGE_ERROR: Final = 2
_FATES: Final = ("applied", *reports.FATES)


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command be told which deliveries are meant."""
    for option in (
        click.option("--source", default="", help="From the source of this name."),
        click.option("--fate", type=click.Choice(_FATES), help="Unreadable (dead), or with an event of this outcome."),
        click.option("--within-hours", type=click.FloatRange(min=0), help="Received within so many hours."),
        click.option("--why", default="", help="With these words in the reason, in English or Bulgarian."),
        click.option("--prospect", default="", help="About this address, id of ours, or id of the sender's."),
        data_dir_option,
    ):
        command = option(command)
    return command


def _wanted(told: dict[str, Any]) -> Wanted:
    fate, hours = told["fate"], told["within_hours"]
    return Wanted(
        source=told["source"],
        status="dead" if fate == "dead" else "",
        outcome=fate if fate and fate != "dead" else "",
        since=datetime.now(UTC) - timedelta(hours=hours) if hours is not None else None,
        why=told["why"],
        prospect=told["prospect"],
    )


@click.group(context_settings={"max_content_width": 100})
def deliveries() -> None:
    """List and replay what senders of webhooks brought."""


@deliveries.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@_filters
def list_(limit: int, data_dir: Path | None, **told: Any) -> None:  # noqa: ANN401 - the filters
    """List deliveries, the newest first: id, time, source, and what became of each event."""
    ws = opened(data_dir)
    with ws.database.read() as tx:
        found = reports.page(tx, "en", _wanted(told), limit=limit)
    for each in found:
        click.echo(_line(each))


@deliveries.command()
@click.argument("delivery_id", metavar="ID")
@data_dir_option
def show(delivery_id: str, data_dir: Path | None) -> None:
    """Show a delivery with its events and its body; secrets in it are masked."""
    ws = opened(data_dir)
    if not is_id(delivery_id):
        raise BadInput("This is no id of a delivery: take one from `onward deliveries list`.")
    with ws.database.read() as tx:
        letter = reports.one(tx, delivery_id, "en")
    click.echo(_line(letter.facts))
    for event in letter.facts.events:
        click.echo(f"  {event.type}  {event.outcome}, {event.attempts} attempts  {event.reason or ''}".rstrip())
    click.echo(masking.body(letter.body))


@deliveries.command("dry-run")
@click.option("--playbook", type=click.Path(path_type=Path), help="Judge by this draft, not by the playbook in force.")
@_filters
def dry_run(playbook: Path | None, data_dir: Path | None, **told: Any) -> None:  # noqa: ANN401 - the filters
    """Tell what a replay would change. Nothing is written."""
    ws = opened(data_dir)
    draft = None
    if playbook is not None:
        judged = publishing.draft(_content(playbook))
        draft = rehearsal.Draft(judged.sound(), judged.source)
    found = rehearsal.rehearse(ws, _wanted(told), read_again, draft)
    click.echo(f"{found.deliveries} of {found.fitting} deliveries looked at.")
    for (before, after), number in sorted(found.outcomes.items()):
        click.echo(f"{number} events: {before or 'dead'} -> {after}" if before != after else f"{number} stay {after}")
    click.echo(f"{found.prospects} prospects would change, {found.made} be made; {found.mails} emails be planned.")
    for each in found.examples:
        more = [*(f"begins {key}" for key in each.begins), *(f"ends {key}" for key in each.ends), *each.fields]
        click.echo(f"  {each.who}: {each.before or '-'} -> {each.after}" + (f" ({', '.join(more)})" if more else ""))


@deliveries.command()
@click.option("--all", "everything", is_flag=True, help="Replay everything, where no filter is given.")
@_filters
def replay(everything: bool, data_dir: Path | None, **told: Any) -> None:  # noqa: ANN401, FBT001 - click's way
    """Replay all deliveries that fit, the oldest first. What was applied is never applied twice."""
    which = _wanted(told)
    if which == Wanted() and not everything:
        raise BadInput("Say which deliveries to replay, or --all.")
    ws = opened(data_dir)
    progress = replays.begin(ws, which, _ACTOR)
    with click.progressbar(length=max(progress.total, 1), label="Replaying", file=sys.stderr) as bar:
        while not progress.is_over:
            done = progress.done
            progress = replays.carry_on(ws, progress.id, read_again, budget_s=_TURN_S)
            bar.update(progress.done - done)
    told_all = ", ".join(f"{number} {outcome}" for outcome, number in sorted(progress.outcomes.items()))
    click.echo(f"{progress.done} deliveries replayed: {told_all or 'no events'}.")


def _line(each: DeliveryFacts) -> str:
    fates = ", ".join(f"{event.type} {event.outcome}" for event in each.events) or each.status
    why = next((reason for reason in (each.reason, *(event.reason for event in each.events)) if reason), "")
    return f"{each.id}  {each.received_at:%Y-%m-%d %H:%M:%S}  {each.source}  {fates}  {why}".rstrip()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"{file} cannot be read: give the file of a playbook."
        raise BadInput(message) from error


def main() -> None:
    """The entry point. An error Onward can name is one sentence on stderr and exit code 2."""
    try:
        code = deliveries.main(standalone_mode=False, prog_name="onward deliveries")
    except (OnwardError, click.ClickException) as error:
        sys.stderr.write((error.message if isinstance(error, OnwardError) else error.format_message()) + "\n")
        sys.exit(_USAGE_ERROR)
    except click.exceptions.Abort:
        sys.stderr.write("Stopped.\n")
        sys.exit(_USAGE_ERROR)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
