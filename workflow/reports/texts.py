"""The texts of emails as the panel and the API list them: where each is used, what is wrong with it, its versions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from workflow.errors import NotFound
from workflow.mail.templates import NAME, TemplateError, Text
from workflow.records.texts import TemplateVersion
from workflow.reports import variants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflow.mail.templates import Templates
    from workflow.playbook.schema import Playbook
    from workflow.records.db import Record, Tx
    from workflow.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listed:
    """One email: its languages with the version that holds in each (0 is the shipped one), its uses and its results."""

    name: str
    versions: Mapping[str, int]
    subjects: Mapping[str, str]
    """As they are written, by language."""
    used: tuple[tuple[str, str], ...]
    """Sequence and step of each use in the playbook in force."""
    missing: tuple[str, ...]
    """Languages of the playbook that it is not written in."""
    problems: tuple[TemplateError, ...]
    sent: int
    replied: int


def listed(ws: Workspace, tx: Tx) -> tuple[Listed, ...]:
    """Every email there is, by name."""
    templates, playbook = ws.templates.all(tx), ws.playbooks.in_force(tx)
    used, counted = uses(playbook), variants.by_template(tx)
    return tuple(
        Listed(
            name,
            {language: templates.version(name, language) for language in templates.languages(name)},
            _subjects(templates, name),
            used.get(name, ()),
            tuple(each for each in playbook.languages if each not in templates.languages(name)) if name in used else (),
            tuple(templates.problems(name)),
            *counted.get(name, (0, 0)),
        )
        for name in templates.names()
    )


def _subjects(templates: Templates, name: str) -> Mapping[str, str]:
    try:
        return {language: templates.source(name, language).subject.strip() for language in templates.languages(name)}
    except TemplateError:
        # An unreadable file is told among the problems.
        return {}


def uses(playbook: Playbook) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """For each email the sequence and the step that send it."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for sequence in playbook.sequences.values():
        for step in sequence.steps:
            for name in dict.fromkeys(step.emails):
                found[name].append((sequence.key, step.key))
    return {name: tuple(places) for name, places in found.items()}


def source(ws: Workspace, tx: Tx, name: str, language: str) -> Text:
    """What is written of an email in a language, as it holds now. Raises NotFound."""
    try:
        return ws.templates.of(tx, name).source(name, language)
    except TemplateError as error:
        raise NotFound(error.message) from error


def history(tx: Tx, name: str, language: str) -> Sequence[Record]:
    """Every saved version, the newest first."""
    if not NAME.fullmatch(name):
        return ()
    found = select(
        TemplateVersion.version, TemplateVersion.subject, TemplateVersion.text, TemplateVersion.html,
        TemplateVersion.actor, TemplateVersion.at,
    )  # fmt: skip
    mine = found.where(TemplateVersion.name == name, TemplateVersion.language == language)
    return tx.conn.execute(mine.order_by(TemplateVersion.version.desc())).all()


def kept(ws: Workspace, tx: Tx, name: str, language: str, version: int) -> Text:
    """An older text; version 0 is the shipped one. Raises NotFound."""
    if version == 0:
        try:
            return ws.templates.folder.source(name, language)
        except TemplateError as error:
            raise NotFound(error.message) from error
    rows = [row for row in history(tx, name, language) if row.version == version]
    if not rows:
        message = "There is no such version of this text."
        raise NotFound(message)
    return Text(rows[0].subject, rows[0].text, rows[0].html, version)
