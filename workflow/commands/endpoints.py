"""Endpoints from the terminal: add a receiver of webhooks, test it, rotate, pause, resume, replay, remove."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from workflow.actions import endpoints, news, outbox
from workflow.actions.prospects import Who
from workflow.commands.options import data_dir_option, opened
from workflow.engine import reasons
from workflow.reports import endpoints as reports

if TYPE_CHECKING:
    from pathlib import Path

_FAILED: Final = 1
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
        for row in reports.listed(tx):
            why = reasons.words(row.why, "en")
            state = f"{row.state}: {why}" if why else row.state
            events = ",".join(row.events) or "all events"
            click.echo("\t".join((row.name, row.url, events, state, f"waiting {row.waiting}", f"given up {row.dead}")))


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
    if answer.outcome == "done":
        click.echo(f"{name} took it: {said}")
        return
    click.echo(f"{name} did not take it: {said}")
    sys.exit(_FAILED)


@endpoint.command("rotate")
@click.argument("name")
@data_dir_option
def endpoint_rotate(name: str, data_dir: Path | None) -> None:
    """Give NAME a new secret; prints it. What leaves is signed with both until the next rotation."""
    ws = opened(data_dir)
    click.echo(endpoints.rotate(ws, endpoints.id_of(ws, name)))


@endpoint.command("pause")
@click.argument("name")
@data_dir_option
def endpoint_pause(name: str, data_dir: Path | None) -> None:
    """Let everything for NAME wait."""
    ws = opened(data_dir)
    endpoints.pause(ws, endpoints.id_of(ws, name), _BY)
    click.echo(f"Everything for {name} waits.", err=True)


@endpoint.command("resume")
@click.argument("name")
@data_dir_option
def endpoint_resume(name: str, data_dir: Path | None) -> None:
    """Go on with NAME, also when it was switched off."""
    ws = opened(data_dir)
    endpoints.resume(ws, endpoints.id_of(ws, name))
    click.echo(f"{name} is told again; `onward endpoint replay {name}` sends what was given up.", err=True)


@endpoint.command("replay")
@click.argument("name")
@data_dir_option
def endpoint_replay(name: str, data_dir: Path | None) -> None:
    """Deliver to NAME everything once more that was given up."""
    ws = opened(data_dir)
    number = outbox.replay_dead(ws, endpoints.id_of(ws, name))
    click.echo(f"Delivered once more: {number}.", err=True)


@endpoint.command("remove")
@click.argument("name")
@data_dir_option
def endpoint_remove(name: str, data_dir: Path | None) -> None:
    """Tell NAME nothing more and free its name."""
    ws = opened(data_dir)
    endpoints.remove(ws, endpoints.id_of(ws, name), _BY)
    click.echo(f"{name} is removed.", err=True)
