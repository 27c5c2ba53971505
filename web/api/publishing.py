"""The API's routes about versions of the playbook: list them, check a draft, see what it would change, publish it.

Those in flight are moved by a clock after the answer; `GET /playbook/publications/<id>` tells how far that has come.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models read it
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from web.api import listing
from web.api.listing import List
from web.api.models import Id, Listed, Reply, Request
from web.api.route import Call, Route
from workflow.actions import effect as effects
from workflow.actions import publishing
from workflow.playbook.diff import diff
from workflow.playbook.loader import MOST_BYTES
from workflow.reports import publishing as reports

if TYPE_CHECKING:
    from workflow.playbook.emails import Emails
    from workflow.playbook.schema import Playbook

Choice = Literal["keep", "move", "stop"]
Fate = Literal["unaffected", "earlier", "later", "gained", "lost"]
Stage = Annotated[str, Field(min_length=1, max_length=100)]


class PlaybookDraft(Request):
    """A playbook as it is written."""

    source: Annotated[str, Field(max_length=MOST_BYTES, description="The YAML of the playbook.")]


class PlaybookPublish(PlaybookDraft):
    """A playbook to publish. `map` leads out of removed stages; `all` and `groups` say what those in flight do."""

    dry_run: Annotated[bool, Field(description="Tell what would change, and change nothing.")] = False
    map: Annotated[dict[Stage, Stage], Field(max_length=200)] = Field(default_factory=dict)
    all: Choice = "keep"
    groups: Annotated[dict[Stage, Choice], Field(description="By sequence.", max_length=200)] = Field(
        default_factory=dict
    )


class PlaybookFinding(Reply):
    """One thing that is wrong with a draft; line 0 is the whole file."""

    line: int
    code: str
    sentence: str


class PlaybookChecked(Reply):
    """All that is wrong with a draft."""

    findings: tuple[PlaybookFinding, ...]


class PlaybookVersion(Reply):
    """A version of the playbook; `in_flight` counts the enrollments that follow it."""

    number: int
    name: str
    digest: str
    published_at: datetime
    by: str
    in_force: bool
    in_flight: int


class PlaybookVersionList(List):
    """Every version, the newest first."""

    items: tuple[PlaybookVersion, ...]


class PlaybookDifference(Reply):
    """One difference between the playbook in force and the draft, as values and in words."""

    area: str
    key: str
    kind: Literal["added", "removed", "changed"]
    name: str
    before: str
    after: str
    words: str


class EffectExample(Reply):
    """One touch that would change: its step, when it was due, and when it would be."""

    prospect_id: Id
    step: str
    fate: Fate
    was_at: datetime | None
    at: datetime | None


class EffectGroup(Reply):
    """Those in flight on one sequence, and what moving them would do to their touches.

    `gone` says that the draft has no such sequence, so that to move is to stop; `staying` counts who cannot move.
    """

    sequence: str
    gone: bool
    enrollments: int
    staying: int
    touches: dict[Fate, int]
    examples: tuple[EffectExample, ...]


class PublicationProgress(Reply):
    """How far a publication has come with those in flight."""

    id: Id
    total: int
    moved: int
    stopped: int
    stayed: int
    is_done: bool


class PlaybookPublished(Reply):
    """What a publication changes. Without `publication` nothing was published."""

    digest: str
    differences: tuple[PlaybookDifference, ...]
    groups: tuple[EffectGroup, ...]
    touches: dict[Fate, int]
    stranded: dict[str, int]
    publication: PublicationProgress | None


def versions(call: Call) -> PlaybookVersionList:
    """Every version, the newest first."""
    with call.ws.database.read() as tx:
        found, more = listing.short(call, reports.versions(tx))
    return PlaybookVersionList(items=tuple(PlaybookVersion.model_validate(each) for each in found), next_cursor=more)


def check(call: Call) -> PlaybookChecked:
    """Check a draft as `onward playbook check` does."""
    draft = publishing.draft(call.body(PlaybookDraft).source, emails=_emails(call))
    return PlaybookChecked(findings=tuple(PlaybookFinding.model_validate(each) for each in draft.findings))


def publish(call: Call) -> PlaybookPublished:
    """Put a draft in force, or with `dry_run` tell what that would change. Findings are answered with 422."""
    sent = call.body(PlaybookPublish)
    draft = publishing.draft(sent.source, emails=_emails(call))
    playbook = draft.sound()
    choices = publishing.Choices(sent.all, sent.groups)
    with call.ws.database.read() as tx:
        before = call.ws.playbooks.in_force(tx)
    if not sent.dry_run:
        publishing.foresee(call.ws, draft, choices, sent.map)
    effect = effects.effect(call.ws, playbook)
    made = None
    if not sent.dry_run:
        made = publishing.publish(call.ws, draft, call.who, choices=choices, mapping=sent.map, counts=effect.summary())
    return PlaybookPublished(
        digest=playbook.digest,
        differences=_differences(before, playbook, call.language),
        groups=tuple(_group(group) for group in effect.groups.values()),
        touches=effect.touches(),
        stranded=dict(effect.stranded),
        publication=_progress(call, made) if made else None,
    )


def _emails(call: Call) -> Emails:
    return call.ws.templates.catalogue(call.ws.database)


def publication(call: Call) -> PublicationProgress:
    """How far a publication has come."""
    return _progress(call, call.id)


def _progress(call: Call, publication_id: str) -> PublicationProgress:
    with call.ws.database.read() as tx:
        return PublicationProgress.model_validate(publishing.progress(tx, publication_id))


def _differences(before: Playbook, after: Playbook, language: str) -> tuple[PlaybookDifference, ...]:
    return tuple(
        PlaybookDifference(
            area=each.area,
            key=each.key,
            kind=each.kind,
            name=each.name,
            before=each.before,
            after=each.after,
            words=each.words(language),
        )
        for each in diff(before, after)
    )


def _group(group: effects.Group) -> EffectGroup:
    examples = tuple(EffectExample.model_validate(each) for each in group.examples)
    return EffectGroup(
        sequence=group.sequence,
        gone=group.gone,
        enrollments=group.enrollments,
        staying=group.staying,
        touches=dict(group.touches),
        examples=examples,
    )


ROUTES: Final = (
    Route("GET", "/playbook/versions", "List versions of the playbook", versions, PlaybookVersionList, query=Listed),
    Route(
        "POST", "/playbook/check", "Check a playbook", check, PlaybookChecked, body=PlaybookDraft, right="playbook"
    ),
    Route(
        "POST", "/playbook/publish", "Publish a playbook, or see what it would change", publish, PlaybookPublished,
        body=PlaybookPublish, right="playbook", refusals=(409,),
    ),
    Route(
        "GET", "/playbook/publications/<id>", "See how far a publication has come", publication, PublicationProgress,
        refusals=(404,),
    ),
)  # fmt: skip
