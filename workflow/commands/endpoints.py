"""Endpoints from the terminal: add a receiver of webhooks, test it, rotate, pause, resume, replay, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from workflow.actions import endpoints, news, outbox
from workflow.actions.prospects import Who
from workflow.commands.options import act, data_dir_option, opened, tell_row, tell_try
from workflow.engine import reasons
from workflow.reports import endpoints as reports

if TYPE_CHECKING:
    from pathlib import Path

    from workflow.workspace import Workspace

_BY: Final = "the command line"


@click.group()
def endpoint() -> None:
    """Send webhooks: add receivers, test, rotate, pause, replay."""


@endpoint.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--event", "events", multiple=True, metavar="TYPE", help="Only events of this type; may be repeated.")
@data_dir_option
def endpoint_add(name: str, url: str, events: tuple[str, ...], data_dir: Path | None) -> None:
    """Tell URL, under the name NAME, of everything that happens from now on; prints the secret, once."""
    made = endpoints.add(opened(data_dir), name, url, Who("command", "onward endpoint add"), events=events)
    click.echo(made.secret)
    click.echo(f"The endpoint {name} is ready: try it out with `onward endpoint test {name}`.", err=True)


@endpoint.command("list")
@data_dir_option
def endpoint_list(data_dir: Path | None) -> None:
    """Show every endpoint: its name, address, events, state, and how many events wait and were given up."""
    with opened(data_dir).database.read() as tx:
        rows = reports.listed(tx)
    for row in rows:
        why = reasons.words(row.why, "en")
        state = f"{row.state}: {why}" if why else row.state
        events = ",".join(row.events) or "all events"
        tell_row(row.name, row.url, events, state, f"waiting {row.waiting}", f"given up {row.dead}")


@endpoint.command("events")
def endpoint_events() -> None:
    """Print the types of events, one a line."""
    for each in news.TYPES:
        click.echo(each)


@endpoint.command("test")
@click.argument("name")
@data_dir_option
def endpoint_test(name: str, data_dir: Path | None) -> None:
    """Send NAME an event of the type endpoint.test at once. Exit code 1 when it is not taken."""
    ws = opened(data_dir)
    answer = endpoints.try_out(ws, endpoints.id_of(ws, name))
    said = " ".join(filter(None, [str(answer.code or ""), answer.text.partition("\n")[0][:200]]))
    good = answer.outcome == "done"
    tell_try(f"{name} {'took it' if good else 'did not take it'}: {said}", good=good)


@endpoint.command("rotate")
@click.argument("name")
@data_dir_option
def endpoint_rotate(name: str, data_dir: Path | None) -> None:
    """Give NAME a new secret; prints it. What leaves is signed with both until the next rotation."""
    ws = opened(data_dir)
    click.echo(endpoints.rotate(ws, endpoints.id_of(ws, name)))


@act(endpoint, "pause")
def _pause(ws: Workspace, name: str) -> str:
    """Let everything for NAME wait."""
    endpoints.pause(ws, endpoints.id_of(ws, name), _BY)
    return f"Everything for {name} waits."


@act(endpoint, "resume")
def _resume(ws: Workspace, name: str) -> str:
    """Go on with NAME, also when it was switched off."""
    endpoints.resume(ws, endpoints.id_of(ws, name))
    return f"{name} is told again; `onward endpoint replay {name}` sends what was given up."


@act(endpoint, "replay")
def _replay(ws: Workspace, name: str) -> str:
    """Deliver to NAME everything once more that was given up."""
    return f"Delivered once more: {outbox.replay_dead(ws, endpoints.id_of(ws, name))}."


@act(endpoint, "remove")
def _remove(ws: Workspace, name: str) -> str:
    """Tell NAME nothing more and free its name."""
    endpoints.remove(ws, endpoints.id_of(ws, name), _BY)
    return f"{name} is removed."
