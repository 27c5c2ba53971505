"""`onward simulate`: reads the imagined prospect and the events, and prints the life in one of the forms."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from workflow import places, text
from workflow.actions.preview import Preview
from workflow.engine import script, sequences
from workflow.engine.life import Imagined
from workflow.engine.signals import FIELDS
from workflow.engine.simulate import HORIZON
from workflow.engine.simulate import simulate as live
from workflow.errors import BadInput
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.findings import nearest
from workflow.playbook.tree import parse_delay
from workflow.reports import simulated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook

# Before, time zones were others; after, nobody knows them or the holidays.
_YEARS: Final = range(2000, 2100)


@click.command()
@click.option(
    "--playbook",
    "file",
    type=click.Path(path_type=Path),
    envvar="ONWARD_PLAYBOOK",
    help="Simulate FILE; without it, the one in ONWARD_PLAYBOOK or the shipped one.",
    metavar="FILE",
)
@click.option(
    "--events",
    type=click.File(encoding="utf-8"),
    metavar="FILE|-",
    help="What happens, one event a line (docs/simulate.md); - reads standard input.",
)
@click.option(
    "--at", metavar="TIME", help="When it begins, by the prospect's clock: 2026-11-30T09:00. Without it, now."
)
@click.option("--horizon", default=f"{HORIZON.days}d", show_default=True, help="How long after the last event.")
@click.option("--language", default="en", show_default=True, help="The prospect's language.")
@click.option("--zone", default="", help="The prospect's time zone, as Europe/Sofia. Without it, the rep's.")
@click.option("--country", default="", help="The prospect's country, whose holidays count: BG.")
@click.option("--stage", help="Where the prospect stands; without it, they are new.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A fact about the prospect; repeatable.")
@click.option("--rep-zone", default="", help="The rep's time zone. Without it, the playbook's.")
@click.option("--source", "heard_from", default="standard", show_default=True, help="The kind of system that tells.")
@click.option("--format", "form", type=click.Choice(list(simulated.FORMATS)), default="table", show_default=True)
@click.option("--show-text", is_flag=True, help="Show the emails in full.")
def simulate(file: Path | None, form: str, **given: Any) -> None:  # noqa: ANN401 - one value an option
    """Live a prospect's life in advance: every mail, task, skip and stop, with its time and its reason."""
    playbook = loader.read(file or places.shipped_playbook())
    person = _imagined(playbook, given)
    zone, country = person.fields.get("time_zone"), person.fields.get("country")
    where = sequences.whereabouts(playbook, zone, person.rep_zone, country)
    begins = _beginning(given["at"], where)
    events, horizon = given["events"], _horizon(given["horizon"])
    told = script.read(
        _text(events),
        playbook,
        begins=begins,
        where=where,
        source=given["heard_from"],
        name=events.name if events else "events",
    )
    rep_zone = sequences.whereabouts(playbook, None, person.rep_zone, None).zone
    writer = Preview(Templates(places.templates_dir() / "email"))
    life = live(playbook, person, told, begins=begins, horizon=horizon, writer=writer)
    report = simulated.Report(playbook, life, rep_zone, show_text=given["show_text"])
    click.echo(simulated.FORMATS[form](report), nl=form != "ics")


def _imagined(playbook: Playbook, given: Mapping[str, Any]) -> Imagined:
    """The prospect that the options describe: with an address, a name and a company unless they say otherwise."""
    fields = {"email": "ana.petrova@example.com", "name": "Ana Petrova", "company": "Example Ltd"}
    custom: dict[str, str] = {}
    for pair in given["fields"]:
        name, sign, value = pair.partition("=")
        if not sign or not name.isidentifier():
            raise BadInput(f"“{pair}” is no field with its value: write it as company=Example.")
        (fields if name in FIELDS else custom)[name] = text.line(value)
    told = {"language": given["language"], "time_zone": given["zone"], "country": given["country"]}
    fields |= {name: value for name, value in told.items() if value}
    for zone in filter(None, (fields.get("time_zone"), given["rep_zone"])):
        script.check_zone(zone)
    if fields.get("country"):
        script.check_country(fields["country"])
    stage = given["stage"]
    if stage and stage not in playbook.stages:
        raise BadInput(f"The playbook has no stage “{stage}”: {nearest(stage, playbook.stages)}")
    return Imagined(fields, custom, stage or None, given["rep_zone"] or None)


def _beginning(written: str | None, where: Whereabouts) -> datetime:
    if written is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        at = datetime.fromisoformat(written)
    except ValueError as error:
        raise BadInput(f"“{written}” is no time: write it as 2026-11-30T09:00.") from error
    if at.year not in _YEARS:
        raise BadInput(f"“{written}” is too far away: begin between {_YEARS[0]} and {_YEARS[-1]}.")
    return (at if at.tzinfo else at.replace(tzinfo=where.zone)).astimezone(UTC)


def _horizon(written: str) -> timedelta:
    try:
        delay = parse_delay(written)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if delay.working_days:
        raise BadInput(f"“{written}” counts working days: write the horizon in days, as 120d.")
    return delay.span


def _text(events: IO[str] | None) -> str:
    try:
        return events.read() if events else ""
    except UnicodeDecodeError as error:
        raise BadInput("The events are not UTF-8 text: save them as UTF-8.") from error
