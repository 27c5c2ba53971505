"""The texts of our emails: a folder of them that comes with the product, and above it what somebody wrote since.

An email of the folder is `<root>/<name>/<language>/{subject.txt,body.txt,body.html}`; an edited one is handed in as a
`Text`. What a source may say is decided in `workflow.mail.dialect`. Sends nothing and knows no database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workflow.mail import dialect, markup
from workflow.mail.compose import clean
from workflow.mail.demands import Demands, demands
from workflow.mail.dialect import LONGEST_SOURCE, PARTS, Part, Place, line_of, tamed
from workflow.mail.dialect import TemplateError as TemplateError  # noqa: PLC0414 - theirs who use templates
from workflow.mail.faults import fault, too_long
from workflow.playbook.emails import Email

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workflow.mail.dialect import Compiled

FALLBACK: Final = "en"
"""The language of an email that has none in the prospect's."""
VALUES: Final = frozenset(
    {
        "answers", "booking_url", "company", "email", "first_name", "language", "meeting_place", "meeting_starts",
        "meeting_zone", "name", "rep_email", "rep_name", "sender_name", "signature", "stage_title", "title",
        "unsubscribe_url",
    }
)  # fmt: skip
"""What a template may name. `answers` maps the key of a question to the prospect's words."""
LONGEST_SUBJECT: Final = 200
LANGUAGES: Final = ("en", "bg")
"""Those in which an email can be edited, and in which times are told."""
_FRAME: Final = "frame.html"
_UNSUBSCRIBE: Final = "unsubscribe_url"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Text:
    """The three sources of an email in one language. `version` counts what was saved; the folder's own is 0."""

    subject: str
    text: str
    html: str
    version: int = 0

    @property
    def sources(self) -> Mapping[Part, str]:
        """The sources by the names of their files."""
        return {"subject.txt": self.subject, "body.txt": self.text, "body.html": self.html}


Edits = Mapping[tuple[str, str], Text]
"""The newest saved text of each name and language that has one."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An email ready to be composed, the language it is really in, and the version of the text it was written from."""

    subject: str
    text: str
    html: str
    language: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class _Email:
    sources: Mapping[Part, str]
    compiled: Mapping[Part, Compiled]
    variables: frozenset[str]
    needs: Demands
    version: int = 0


@dataclass(slots=True)
class _Kept:
    """What was compiled, each with the stamp of what it was compiled from."""

    emails: dict[tuple[str, str], tuple[object, _Email]] = field(default_factory=dict)


class Templates:
    """All emails below `root`, and those of `edits` in their place; compiled at first use and when one has changed."""

    def __init__(self, root: Path, edits: Edits | None = None) -> None:
        self._root = root
        self._edits: Edits = edits or {}
        self._kept = _Kept()

    def edited(self, edits: Edits) -> Templates:
        """The same emails with these texts in place of others; what both share is compiled once."""
        other = Templates(self._root, edits)
        other._kept = self._kept
        return other

    def drafted(self, name: str, language: str, text: Text) -> Templates:
        """The same emails with a text that nobody saved yet."""
        other = Templates(self._root, {**self._edits, (name, language): text})
        other._kept = _Kept(dict(self._kept.emails))
        return other

    def names(self) -> tuple[str, ...]:
        """Every email there is, in order."""
        found = self._root.iterdir() if self._root.is_dir() else ()
        written = {name for name, _ in self._edits} | {each.name for each in found}
        return tuple(sorted(filter(self.exists, written)))

    def exists(self, name: str) -> bool:
        """Whether there is an email of this name, in the fallback language at least."""
        return NAME.fullmatch(name) is not None and self._has(name, FALLBACK)

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages of an email, in order. Raises TemplateError for one that is not there."""
        if not self.exists(name):
            raise TemplateError(fault("no_email"), Place(name[:64]))
        folder = self._root / name
        found = {each.name for each in folder.iterdir() if each.is_dir()} if folder.is_dir() else set()
        return tuple(sorted(found | {language for other, language in self._edits if other == name}))

    def source(self, name: str, language: str) -> Text:
        """What is written, as it is written. Raises TemplateError for an email that is not there or unreadable."""
        edited = self._edits.get((name, language))
        if edited is not None:
            return edited
        if not self.exists(name) or not self._has(name, language):
            raise TemplateError(fault("no_email"), Place(name[:64], language[:8]))
        return self._read_text(name, language)

    def version(self, name: str, language: str) -> int:
        """The version of the text that an email is written from; 0 for the folder's and for one that is not there."""
        edited = self._edits.get((name, language))
        return edited.version if edited is not None else 0

    def variables(self, name: str, language: str) -> frozenset[str]:
        """The values that the email names, fall-backs or not. Raises TemplateError."""
        return self._email(name, self._language(name, language)).variables

    def facts(self, name: str) -> Email:
        """What the check of a playbook asks of an email. Raises TemplateError for one that is not there."""
        problems = tuple(problem.message for problem in self.problems(name))
        languages = self.languages(name)
        needs: Demands = frozenset()
        if not problems:
            needs = needs.union(*(self._email(name, language).needs for language in languages))
        return Email(frozenset(languages), needs, problems)

    def catalogue(self) -> Mapping[str, Email]:
        """Every email there is, with its `facts`, which are found out when they are asked for."""
        return _Catalogue(self)

    def warm(self, *names: str) -> None:
        """Compile these emails now, for instance before a process forks. Raises TemplateError."""
        for name in names:
            for language in self.languages(name):
                self._email(name, language)

    def problems(self, name: str) -> list[TemplateError]:
        """Everything that keeps an email from being sent, in all its languages, as far as the text alone can tell."""
        try:
            languages = self.languages(name)
        except TemplateError as error:
            return [error]
        return [problem for language in languages for problem in self._look(name, language)]

    def render(self, name: str, language: str, values: Mapping[str, object]) -> Rendered:
        """The email with these values, in `language` or the fallback.

        A value that is None counts as not given. Raises TemplateError for a value the email needs and did not get.
        """
        real = self._language(name, language)
        email = self._email(name, real)
        given = {key: tamed(key, value) for key, value in values.items() if value is not None} | {"language": real}

        def filled(part: Part, told: Mapping[str, object]) -> str:
            return dialect.fill(email.compiled[part], told, Place(name, real, part), email.sources[part])

        subject = clean(filled("subject.txt", given), LONGEST_SUBJECT)
        if not subject:
            raise TemplateError(fault("no_subject"), Place(name, real, "subject.txt"))
        text = filled("body.txt", given)
        html = filled("body.html", {"signature": "", **given, "subject": subject})
        return Rendered(subject, _signed(_tidy(text), given), html, real, email.version)

    def _language(self, name: str, language: str) -> str:
        if not self.exists(name):
            raise TemplateError(fault("no_email"), Place(name[:64]))
        base = language.partition("-")[0].lower()
        return base if self._has(name, base) else FALLBACK

    def _has(self, name: str, language: str) -> bool:
        if (name, language) in self._edits:
            return True
        return _LANGUAGE.fullmatch(language) is not None and (self._root / name / language).is_dir()

    def _look(self, name: str, language: str) -> list[TemplateError]:
        try:
            email = self._email(name, language)
        except TemplateError as error:
            return [error]
        found = []
        for part in PARTS:
            place, source = Place(name, language, part), email.sources[part]
            for each in sorted(email.variables - VALUES):
                if line := line_of(each, source):
                    unknown = fault("unknown_value", value=each, all=", ".join(sorted(VALUES)))
                    found.append(TemplateError(unknown, place, line=line, variable=each))
            if part != "subject.txt" and not line_of(_UNSUBSCRIBE, source):
                missing = fault("no_way_out", link=f"{{{{ {_UNSUBSCRIBE} }}}}")
                found.append(TemplateError(missing, place, variable=_UNSUBSCRIBE))
        return found

    def _email(self, name: str, language: str) -> _Email:
        """The compiled email, from memory while what it was compiled from is as it was."""
        edited = self._edits.get((name, language))
        files = [] if edited else [self._root / name / language / part for part in PARTS]
        try:
            stamp: object = edited, [(each.st_mtime_ns, each.st_size) for each in map(os.stat, [*files, self._frame])]
        except OSError as error:
            raise TemplateError(fault("no_file", file=error.filename), Place(name, language)) from error
        kept = self._kept.emails.get((name, language))
        if kept is not None and kept[0] == stamp:
            return kept[1]
        email = self._compile(name, language, edited or self._read_text(name, language))
        self._kept.emails[name, language] = stamp, email
        return email

    @property
    def _frame(self) -> Path:
        return self._root / _FRAME

    def _read_text(self, name: str, language: str) -> Text:
        folder = self._root / name / language
        subject, text, html = (_read(folder / part, Place(name, language, part)) for part in PARTS)
        return Text(subject, text, html)

    def _compile(self, name: str, language: str, written: Text) -> _Email:
        sources = written.sources
        places = {part: Place(name, language, part) for part in PARTS}
        for part, source in sources.items():
            if len(source.encode()) > LONGEST_SOURCE:
                raise TemplateError(too_long(LONGEST_SOURCE, characters=False), places[part])
        trees = {part: dialect.parse(source, places[part]) for part, source in sources.items()}
        variables: frozenset[str] = frozenset().union(*map(dialect.variables, trees.values()))
        needs: Demands = frozenset().union(*map(demands, trees.values()))
        try:
            markup.check(sources["body.html"])
        except markup.MarkupError as error:
            raise TemplateError(error.fault, places["body.html"], line=error.line) from error
        frame = _read(self._frame, Place(name, language, _FRAME))
        page = markup.finish(frame, sources["body.html"])
        if len(page) > dialect.LONGEST_MAIL:
            raise TemplateError(fault("styles"), places["body.html"])
        trees["body.html"] = dialect.parse(page, places["body.html"])
        compiled = {part: dialect.compiled(tree, places[part]) for part, tree in trees.items()}
        return _Email(sources, compiled, variables, needs, written.version)


class _Catalogue(Mapping[str, Email]):
    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._names = dict.fromkeys(templates.names())

    def __getitem__(self, name: str) -> Email:
        if name not in self._names:
            raise KeyError(name)
        return self._templates.facts(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read(file: Path, place: Place) -> str:
    try:
        data = file.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise TemplateError(fault("unreadable"), place) from error
    except UnicodeDecodeError as error:
        raise TemplateError(fault("encoding"), place) from error
    if len(data) > LONGEST_SOURCE:
        raise TemplateError(too_long(LONGEST_SOURCE, characters=False), place)
    return text


def _signed(text: str, values: Mapping[str, object]) -> str:
    """`text` with the signature of its mailbox, above the last paragraph when that one says how to unsubscribe."""
    signature = str(values.get("signature") or "").strip()
    if not signature:
        return text
    paragraphs = text.rstrip("\n").split("\n\n")
    link = values.get(_UNSUBSCRIBE)
    place = len(paragraphs) - 1 if link and str(link) in paragraphs[-1] else len(paragraphs)
    return "\n\n".join([*paragraphs[:place], signature, *paragraphs[place:]]) + "\n"


def _tidy(text: str) -> str:
    """Plain text without the gaps that untaken choices leave behind."""
    lines = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
