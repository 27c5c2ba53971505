"""`onward playbook publish` and `versions`: shows what a publication would change, asks, and carries it out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import click

from workflow.actions import effect as effects
from workflow.actions import publishing
from workflow.actions.prospects import Who
from workflow.actions.publishing import CHOICES, Choices
from workflow.commands.options import opened
from workflow.engine.replan import FATES
from workflow.errors import BadInput
from workflow.ids import new_id
from workflow.playbook.diff import diff
from workflow.reports import publishing as reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from workflow.actions.effect import Effect, Group
    from workflow.actions.publishing import Choice, Draft
    from workflow.playbook.emails import Emails
    from workflow.workspace import Workspace

FINDINGS: Final = 1
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "same": (
        "This playbook is in force already: there is nothing to publish.",
        "Този наръчник вече е в сила: няма какво да се публикува.",
    ),
    "changes": ("What changes in the playbook:", "Какво се променя в наръчника:"),
    "nothing": ("  nothing but how it is written", "  нищо освен начина, по който е написан"),
    "flight": ("In flight: {number} enrollments.", "В ход: {number} записвания."),
    "group": (
        "{sequence}: {number} enrollments; if they move, of their touches: {touches}",
        "{sequence}: {number} записвания; ако преминат, от стъпките им: {touches}",
    ),
    "gone": (
        "{sequence}: {number} enrollments; the new playbook does not have it: to move them stops them; {touches}",
        "{sequence}: {number} записвания; новият наръчник я няма: преминаването ги спира; {touches}",
    ),
    "staying": (
        "  {number} cannot move: an email of a removed step left, and it is not known whether it arrived",
        "  {number} не могат да преминат: имейл от премахната стъпка е тръгнал и не е ясно дали е получен",
    ),
    "unaffected": ("unaffected", "без промяна"),
    "earlier": ("earlier", "по-рано"),
    "later": ("later", "по-късно"),
    "gained": ("gained", "нови"),
    "lost": ("lost", "отпадат"),
    "stranded": (
        "{number} prospects stand in the removed stage “{stage}”: say where they go with --map {stage}=NEW.",
        "{number} клиенти са в премахнатия етап „{stage}“: посочете къде отиват с --map {stage}=НОВ.",
    ),
    "ask": ("{sequence}: keep, move or stop?", "{sequence}: keep (остават), move (преминават) или stop (спират)?"),
    "sure": ("Publish?", "Да се публикува ли?"),
    "done": (
        "Published: version {version} is in force. Moved {moved}, stopped {stopped}, kept where they are {stayed}.",
        "Публикувано: в сила е версия {version}. Преминали {moved}, спрени {stopped}, останали {stayed}.",
    ),
}


def emails(data_dir: Path | None) -> Emails:
    """The emails of an installation, with what was edited in its panel."""
    ws = opened(data_dir)
    return ws.templates.catalogue(ws.database)


def publish(data_dir: Path | None, content: bytes, file: Path, given: Mapping[str, Any]) -> int:
    """Publish `content` as the options say; the exit code. Raises BadInput and Conflict."""
    say, ws = _Speaker(given["language"]), opened(data_dir)
    draft = publishing.draft(content, str(file), emails=ws.templates.catalogue(ws.database))
    if draft.playbook is None or draft.findings:
        for finding in draft.findings:
            click.echo(f"{file}:{finding.line}: {finding.code}: {finding.sentence}")
        return FINDINGS
    publishing.finish(ws)
    with ws.database.read() as tx:
        before = ws.playbooks.in_force(tx)
    if before.digest == draft.playbook.digest:
        click.echo(say("same"))
        return 0
    mapping, choices = _pairs("--map", given["maps"]), _choices(given)
    click.echo(say("changes"))
    differences = diff(before, draft.playbook)
    for line in [f"  {each.words(given['language'])}" for each in differences] or [say("nothing")]:
        click.echo(line)
    with _progress() as told:
        effect = effects.effect(ws, draft.playbook, told)
    _show(say, effect, mapping)
    if given["dry_run"]:
        return 0
    publishing.foresee(ws, draft, choices, mapping)
    if not given["yes"]:
        choices = _asked(say, effect, choices)
    _carry_out(ws, say, draft, choices, mapping, effect)
    return 0


def versions(data_dir: Path | None) -> Iterator[str]:
    """The versions as lines of a table."""
    yield f"{'no.':>4}  {'in force':8}  {'in flight':>9}  {'published':16}  by  name"
    with opened(data_dir).database.read() as tx:
        for each in reports.versions(tx):
            mark = "yes" if each.in_force else ""
            at = each.published_at.strftime("%Y-%m-%d %H:%M")
            yield f"{each.number:4}  {mark:8}  {each.in_flight:9}  {at:16}  {each.by}  {each.name}"


def _carry_out(
    ws: Workspace, say: _Speaker, draft: Draft, choices: Choices, mapping: Mapping[str, str], effect: Effect
) -> None:
    who = Who("command", f"command:{new_id()}")
    made = publishing.publish(ws, draft, who, choices=choices, mapping=mapping, counts=effect.summary())
    with _progress() as told:
        publishing.finish(ws, lambda at: told(at.moved + at.stopped + at.stayed, at.total) if told else None)
    with ws.database.read() as tx:
        at = publishing.progress(tx, made)
        version = next(each.number for each in reports.versions(tx) if each.digest == draft.sound().digest)
    click.echo(say("done", version=version, moved=at.moved, stopped=at.stopped, stayed=at.stayed))


class _Speaker:
    """Says the sentences of this command in one language."""

    def __init__(self, language: str) -> None:
        self._at = 1 if language == "bg" else 0

    def __call__(self, key: str, **facts: object) -> str:
        return _WORDS[key][self._at].format_map(facts)


def _show(say: _Speaker, effect: Effect, mapping: Mapping[str, str]) -> None:
    click.echo(say("flight", number=effect.enrollments))
    for group in effect.groups.values():
        touches = ", ".join(f"{group.touches[fate]} {say(fate)}" for fate in FATES)
        key = "gone" if group.gone else "group"
        click.echo(say(key, sequence=group.sequence, number=group.enrollments, touches=touches))
        for example in group.examples:
            times = " → ".join(_moment(at) for at in (example.was_at, example.at))
            click.echo(f"  {say(example.fate)}: {example.who}, {example.step}: {times}")
        if group.staying:
            click.echo(say("staying", number=group.staying))
    for stage, number in effect.stranded.items():
        if stage not in mapping:
            click.echo(say("stranded", stage=stage, number=number))


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "–"


def _asked(say: _Speaker, effect: Effect, given: Choices) -> Choices:
    """What the person at the terminal chooses for each group that would change. Raises BadInput without a terminal."""
    if not sys.stdin.isatty():
        raise BadInput("Nobody can be asked here: say --yes to publish, with --all or --group for those in flight.")
    groups = dict(given.groups)
    for group in effect.groups.values():
        if group.sequence not in groups and _concerns(group):
            ask = say("ask", sequence=group.sequence)
            groups[group.sequence] = click.prompt(ask, type=click.Choice(CHOICES), default=given.others)
    if not click.confirm(say("sure")):
        raise click.Abort
    return Choices(given.others, groups)


def _concerns(group: Group) -> bool:
    return group.changes or group.gone


def _choices(given: Mapping[str, Any]) -> Choices:
    groups = _pairs("--group", given["groups"])
    for key, choice in groups.items():
        if choice not in CHOICES:
            raise BadInput(f"“{choice}” is no choice for {key}: write keep, move or stop.")
    return Choices(given["others"], cast("dict[str, Choice]", groups))


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        left, sign, right = pair.partition("=")
        if not (left.strip() and sign and right.strip()):
            raise BadInput(f"“{pair}” cannot be read: write {option} as old=new.")
        if left.strip() in pairs:
            raise BadInput(f"“{left.strip()}” is given twice with {option}: keep one.")
        pairs[left.strip()] = right.strip()
    return pairs


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Tell of the progress on a terminal, on one line that goes away."""
    if not sys.stderr.isatty():
        yield None
        return

    def told(done: int, total: int) -> None:
        click.echo(f"\r{done} / {total} ", nl=False, err=True)

    yield told
    click.echo("\r" + " " * 24 + "\r", nl=False, err=True)
