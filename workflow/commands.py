"""Administration at the command line: database, sources, people, keys, playbooks, simulation and the doctor.

Only turns words into calls of the actions and answers into lines. What a script reads goes to stdout, hints to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from workflow import places, text
from workflow.actions import people, setup, sources
from workflow.actions.preview import Preview
from workflow.engine import script, sequences
from workflow.engine.life import Imagined
from workflow.engine.signals import FIELDS
from workflow.engine.simulate import HORIZON
from workflow.engine.simulate import simulate as live
from workflow.errors import BadInput, NotFound, PlaybookError
from workflow.mail.templates import Templates
from workflow.playbook import loader
from workflow.playbook.check import check
from workflow.playbook.diagram import diagram
from workflow.playbook.editors import json_schema
from workflow.playbook.findings import nearest
from workflow.playbook.tree import parse_delay
from workflow.reports import doctor as reports
from workflow.reports import simulated
from workflow.settings import load
from workflow.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from workflow.engine.sequences import Whereabouts
    from workflow.playbook.schema import Playbook
    from workflow.workspace import Workspace

_ROLES: Final = click.Choice(["rep", "manager", "admin"])
_FINDINGS: Final = 1
# Before, time zones were others; after, nobody knows them or the holidays.
_YEARS: Final = range(2000, 2100)


def _data_dir(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Where the installation is kept (ONWARD_DATA_DIR)."
    )
    return option(command)


def _open(data_dir: Path | None) -> Workspace:
    return open_workspace(load(os.environ, data_dir=data_dir), pooled=False)


@click.group()
def db() -> None:
    """Make or upgrade the database."""


@db.command("upgrade")
@_data_dir
def db_upgrade(data_dir: Path | None) -> None:
    """Bring the database to this release; make it, and the secret key, where there are none."""
    settings = load(os.environ, data_dir=data_dir, make_key=True)
    setup.upgrade(settings)
    click.echo("The database is up to date.", err=True)


@click.group()
def source() -> None:
    """Add senders of webhooks, or rotate their secrets."""


@source.command("add")
@click.argument("kind")
@click.argument("name")
@click.option("--secret", help="Use this secret (whsec_…) instead of a fresh one.")
@_data_dir
def source_add(kind: str, name: str, secret: str | None, data_dir: Path | None) -> None:
    """Add a source of KIND called NAME; prints its address and its secret, a line each."""
    ws = _open(data_dir)
    made = sources.add(ws, kind, name, secret)
    click.echo(f"{ws.settings.base_url}/webhooks/{name}")
    click.echo(made)
    click.echo("Enter both where the events come from; the secret is not shown again.", err=True)


@source.command("rotate")
@click.argument("name")
@click.option("--secret", help="Use this secret (whsec_…) instead of a fresh one.")
@_data_dir
def source_rotate(name: str, secret: str | None, data_dir: Path | None) -> None:
    """Give the source NAME a new secret; prints it. The one before stays valid until the next rotation."""
    click.echo(sources.rotate(_open(data_dir), name, secret))


@click.group()
def rep() -> None:
    """Add people, or give them a link to sign in."""


@rep.command("add")
@click.argument("email")
@click.option("--role", type=_ROLES, default="rep", show_default=True)
@click.option("--name", default="", help="As it stands in the panel and under emails.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_data_dir
def rep_add(email: str, role: str, name: str, *, password_stdin: bool, data_dir: Path | None) -> None:
    """Add the person with the address EMAIL. Without a password, prints a link that signs in once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    if password_stdin and not password:
        message = "No password came on standard input: pipe it in, on one line."
        raise BadInput(message)
    ws = _open(data_dir)
    rep_id = people.add_rep(ws, email, role, password=password, name=name or None)
    if password is None:
        click.echo(setup.sign_in_address(ws, rep_id))
    click.echo(f"{email} may sign in as {role}.", err=True)


@rep.command("link")
@click.argument("email")
@_data_dir
def rep_link(email: str, data_dir: Path | None) -> None:
    """Print a link that signs EMAIL in once."""
    ws = _open(data_dir)
    with ws.database.read() as tx:
        known = people.rep_id(tx, email)
    if known is None:
        message = f"Nobody here has the address {email}: add them with `onward rep add`."
        raise NotFound(message)
    click.echo(setup.sign_in_address(ws, known))


@click.group()
def key() -> None:
    """Add or revoke keys of the API."""


@key.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, default="admin", show_default=True)
@_data_dir
def key_add(name: str, role: str, data_dir: Path | None) -> None:
    """Add a key called NAME; prints it on one line. It is not shown again."""
    click.echo(people.add_key(_open(data_dir), name, role))


@key.command("revoke")
@click.argument("name")
@_data_dir
def key_revoke(name: str, data_dir: Path | None) -> None:
    """End the key called NAME."""
    people.revoke_key(_open(data_dir), name)
    click.echo(f"The key {name} is revoked.", err=True)


@click.group()
def playbook() -> None:
    """Check or draw a playbook."""


@playbook.command("check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def playbook_check(file: Path) -> None:
    """Check FILE; prints one finding a line, `FILE:LINE: code: sentence`. Exit code 1 when there are any."""
    try:
        findings = check(loader.read(file), frozenset(setup.email_templates()))
    except PlaybookError as error:
        if not error.findings:
            raise
        findings = error.findings
    for finding in findings:
        click.echo(f"{file}:{finding.line}: {finding.code}: {finding.sentence}")
    sys.exit(_FINDINGS if findings else 0)


@playbook.command("diagram")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--language", type=click.Choice(["en", "bg"]), default="en", show_default=True)
def playbook_diagram(file: Path | None, language: str) -> None:
    """Draw the stages of FILE as a Mermaid diagram; without FILE, those of the shipped playbook."""
    click.echo(diagram(loader.read(file or places.shipped_playbook()), language))


@playbook.command("schema")
def playbook_schema() -> None:
    """Print the grammar as JSON Schema, for editors that complete and check a playbook while it is written."""
    click.echo(json.dumps(json_schema(), indent=2))


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
    writer = Preview(playbook, Templates(places.templates_dir() / "email"))
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


@click.command()
@_data_dir
def doctor(data_dir: Path | None) -> None:
    """Check every invariant on the live database. Exit code 1 when something is wrong."""
    ws = _open(data_dir)
    findings = reports.examine(ws)
    for finding in findings:
        click.echo(str(finding))
    for remark in reports.remarks(ws):
        click.echo(remark, err=True)
    if not findings:
        click.echo("Everything is as it should be.", err=True)
    sys.exit(_FINDINGS if findings else 0)
