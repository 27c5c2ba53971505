"""`onward audit`: who changed which setting, when, and from what to what. Changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from workflow.auditing import AREAS, KINDS
from workflow.commands.options import data_dir_option, opened
from workflow.errors import BadInput
from workflow.reports import auditing as reports

if TYPE_CHECKING:
    from pathlib import Path

_USUAL: Final = 100


@click.command("audit")
@click.option("--who", default="", metavar="EMAIL|ACTOR", help="By this person; or api:NAME, command, system.")
@click.option("--what", default="", type=click.Choice(["", *AREAS, *KINDS]), help="Of this kind, or of this area.")
@click.option("--since", help="From this day or time on (ISO 8601, UTC without a zone).")
@click.option("--until", help="Up to the end of this day, or before this time.")
@click.option("--most", type=click.IntRange(1, reports.MOST), default=_USUAL, show_default=True, help="So many lines.")
@data_dir_option
def audit(*, who: str, what: str, since: str | None, until: str | None, most: int, data_dir: Path | None) -> None:
    """Print changed settings, the newest first: time, by whom, what, which one, and each field before and after."""
    wanted = reports.Wanted(who, what, _moment(since), _moment(until, ends=True))
    with opened(data_dir).database.read() as tx:
        people = reports.people(tx)
        if "@" in who:
            wanted = reports.Wanted(people.actor(who), what, wanted.since, wanted.until)
        rows = reports.all_of_them(tx, wanted, most)
    for row in rows:
        names = dict.fromkeys((*row.before, *row.after))
        fields = "; ".join(f"{name}: {_said(row.before.get(name))} → {_said(row.after.get(name))}" for name in names)
        click.echo("\t".join((f"{row.at:%Y-%m-%d %H:%M:%S}Z", people.named(row.actor), row.what, row.about, fields)))


def _moment(told: str | None, *, ends: bool = False) -> datetime | None:
    """A time; a day alone is its beginning, or with `ends` the beginning of the next. Raises BadInput."""
    if told is None:
        return None
    try:
        found = datetime.fromisoformat(told)
    except ValueError as error:
        message = f"“{told[:40]}” is no time: write it like 2026-11-22 or 2026-11-22T10:00."
        raise BadInput(message) from error
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found + timedelta(days=1) if ends and len(told) == len("2026-11-22") else found


def _said(value: Any) -> str:  # noqa: ANN401 - whatever a field holds
    """A value on one line; nothing is a dash."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return ", ".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
