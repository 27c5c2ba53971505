"""`onward simulate`: reads who it is about and what happens, and prints the life in one of the forms.

An imagined prospect needs no installation; a real one is read from it, and nothing is changed there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from workflow import places, text
from workflow.actions.preview import Preview, for_prospect
from workflow.commands.options import data_dir_option, opened
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
from workflow.reports import forecast, simulated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    from workflow.engine.life import Happening, Known, Life
    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook
    from workflow.workspace import Workspace

# Before, time zones were others; after, nobody knows them or the holidays.
_YEARS: Final = range(2000, 2100)
_OF_IMAGINED: Final = {
    "file": "--playbook",
    "at": "--at",
    "language": "--language",
    "zone": "--zone",
    "country": "--country",
    "stage": "--stage",
    "fields": "--field",
    "rep_zone": "--rep-zone",
}


@click.command()
@click.option(
    "--prospect",
    "who",
    metavar="ID|EMAIL",
    help="Go on with a real prospect of this installation, from now; without it, one is imagined.",
)
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
    "--event", "lines", multiple=True, metavar="LINE", help="One line of events, as “replies on day 3”; repeatable."
)
@click.option(
    "--at", metavar="TIME", help="When it begins, by the prospect's clock: 2026-11-30T09:00. Without it, now."
)
@click.option("--horizon", default=f"{HORIZON.days}d", show_default=True, help="How long after the last event.")
@click.option("--language", help="The prospect's language; without it, en.")
@click.option("--zone", help="The prospect's time zone, as Europe/Sofia. Without it, the rep's.")
@click.option("--country", help="The prospect's country, whose holidays count: BG.")
@click.option("--stage", help="Where the prospect stands; without it, they are new.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A fact about the prospect; repeatable.")
@click.option("--rep-zone", help="The rep's time zone. Without it, the playbook's.")
@click.option("--source", "heard_from", default="standard", show_default=True, help="The kind of system that tells.")
@click.option("--format", "form", type=click.Choice(list(simulated.FORMATS)), default="table", show_default=True)
@click.option(
    "--words",
    type=click.Choice(simulated.LANGUAGES),
    help="The language of what is printed; without it, that of LC_ALL, LC_MESSAGES or LANG.",
)
@click.option("--show-text", is_flag=True, help="Show the emails in full.")
@data_dir_option
def simulate(
    who: str | None,
    form: str,
    words: str | None,
    data_dir: Path | None,
    *,
    show_text: bool,
    **given: Any,  # noqa: ANN401 - one value an option
) -> None:
    """Live a prospect's life in advance: every mail, task, skip and stop, with its time and its reason."""
    if who is None:
        told = _imagine(given)
    else:
        _refuse_imagined(click.get_current_context())
        told = _foretell(opened(data_dir), who, given)
    report = simulated.Report(
        told.playbook, told.life, told.rep_zone, told.zone, show_text=show_text, words=words or _spoken(os.environ)
    )
    click.echo(simulated.FORMATS[form](report), nl=form != "ics")


@dataclass(frozen=True, slots=True)
class _Told:
    """A life, and by which clocks it is read."""

    playbook: Playbook
    life: Life
    zone: ZoneInfo
    rep_zone: ZoneInfo


def _imagine(given: Mapping[str, Any]) -> _Told:
    playbook = loader.read(given["file"] or places.shipped_playbook())
    person = _imagined(playbook, given)
    zone, country = person.fields.get("time_zone"), person.fields.get("country")
    where = sequences.whereabouts(playbook, zone, person.rep_zone, country)
    begins = _beginning(given["at"], where)
    told = _script(given, playbook, begins, where, None)
    writer = Preview(Templates(places.templates_dir() / "email"))
    life = live(playbook, person, told, begins=begins, horizon=_horizon(given["horizon"]), writer=writer)
    return _Told(playbook, life, where.zone, sequences.whereabouts(playbook, None, person.rep_zone, None).zone)


def _foretell(ws: Workspace, who: str, given: Mapping[str, Any]) -> _Told:
    playbook, horizon = ws.playbooks.current, _horizon(given["horizon"])
    with ws.database.read() as tx:
        prospect_id = forecast.find(tx, who)
        known = forecast.known(ws, tx, prospect_id)
        writer = for_prospect(ws, tx, prospect_id)
        begins = tx.now
    fields, rep_zone = known.view.fields, known.view.fallback_zone
    where = sequences.whereabouts(playbook, fields["time_zone"], rep_zone, fields["country"])
    told = _script(given, playbook, begins, where, known)
    life = live(playbook, known, told, begins=begins, horizon=horizon, writer=writer)
    return _Told(playbook, life, where.zone, sequences.whereabouts(playbook, None, rep_zone, None).zone)


def _script(
    given: Mapping[str, Any], playbook: Playbook, begins: datetime, where: Whereabouts, known: Known | None
) -> tuple[Happening, ...]:
    events, source = given["events"], given["heard_from"]
    written = "\n".join([*_text(events).splitlines(), *given["lines"]])
    name = events.name if events else "--event"
    return script.read(written, playbook, begins=begins, where=where, source=source, name=name, known=known)


def _refuse_imagined(context: click.Context) -> None:
    """A real prospect is who they are, and their installation has its playbook."""
    for name, option in _OF_IMAGINED.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise BadInput(f"{option} describes an imagined prospect: leave it out with --prospect.")


def _spoken(environ: Mapping[str, str]) -> str:
    """The language of messages as POSIX has it: the first of these that is set decides."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "bg" if re.fullmatch(r"bg([_.@].*)?", locale, re.IGNORECASE) else "en"


def _imagined(playbook: Playbook, given: Mapping[str, Any]) -> Imagined:
    """The prospect that the options describe: with an address, a name and a company unless they say otherwise."""
    fields = {"email": "ana.petrova@example.com", "name": "Ana Petrova", "company": "Example Ltd"}
    custom: dict[str, str] = {}
    for pair in given["fields"]:
        name, sign, value = pair.partition("=")
        if not sign or not name.isidentifier():
            raise BadInput(f"“{pair}” is no field with its value: write it as company=Example.")
        (fields if name in FIELDS else custom)[name] = text.line(value)
    told = {"language": given["language"] or "en", "time_zone": given["zone"], "country": given["country"]}
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
