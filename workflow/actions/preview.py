"""Writes the emails of a simulated life in the real templates, so that they read as they would arrive.

Stores and sends nothing: there is no prospect behind such an email, and its link to unsubscribe leads nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workflow.actions.outreach import letter
from workflow.engine.life import Written

if TYPE_CHECKING:
    from workflow.engine.life import Letter
    from workflow.mail.templates import Templates

LINK: Final = "https://example.com/u/preview"


@dataclass(frozen=True, slots=True)
class Preview:
    """The writer of simulated emails: the port `life.Writer`. `rep_name` is the prospect's rep, if there is one."""

    templates: Templates
    sender_name: str = ""
    rep_name: str = ""
    rep_email: str = ""

    def write(self, told: Letter) -> Written:
        """The email of a step. Raises TemplateError when it cannot be written."""
        fields, meeting = told.fields, told.meeting
        facts = letter.Facts(
            name=fields.get("name", ""),
            email=fields.get("email", ""),
            company=fields.get("company", ""),
            title=fields.get("title", ""),
            stage=told.stage,
            rep_name=self.rep_name,
            rep_email=self.rep_email,
            answers=told.answers,
            meeting_starts=meeting.starts_at if meeting else None,
            meeting_place=meeting.place if meeting else "",
            zone=told.zone,
        )
        language = letter.language_of(told.playbook, fields.get("language", ""))
        values = letter.values(told.playbook, facts, language, sender_name=self.sender_name, link=LINK)
        rendered = self.templates.render(told.step.email or "", language, values)
        return Written(f"Re: {told.subject}" if told.subject else rendered.subject, rendered.text)
