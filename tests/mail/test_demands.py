"""What a template cannot do without: found where a value stands bare, and not where the text has other words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workflow import places
from workflow.mail.templates import Templates

ROOT = places.templates_dir() / "email"

CASES = [
    ("Hello", ""),
    ("{{ company }}", "company"),
    ("{{ email }} {{ stage_title }}", "email stage_title"),
    ("{{ answers.goal }}", "answers.goal"),
    ('{{ answers["goal"] }}', "answers.goal"),
    ("{{ answers.goal|truncate(30)|upper }}", "answers.goal"),
    ('{{ company|default_to("you") }}', ""),
    ('{{ company|upper|default("you") }}', ""),
    ("{{ company|default_to }}", ""),
    ("{{ rep_name|default_to(sender_name) }}", "rep_name|sender_name"),
    ('{{ rep_name|default_to(sender_name)|default_to("we") }}', ""),
    ("{% if company is given %}{{ company }}{% endif %}", ""),
    ("{% if company is given %}{{ name }}{% endif %}", "name"),
    ("{% if company is not given %}you{% else %}{{ company }}{% endif %}", ""),
    ("{% if company is not given %}{{ company }}{% endif %}", "company"),
    ("{% if company %}{{ company }}{% endif %}", ""),
    ("{% if answers.goal %}{{ answers.goal }}{% endif %}", "answers.goal"),
    ('{% if answers.goal == "x" %}y{% endif %}', "answers.goal"),
    ("{% if answers.goal is given and answers.goal %}{{ answers.goal }}{% endif %}", ""),
    ("{% if name is given and company is given %}{{ name }}{{ company }}{% endif %}", ""),
    ("{% if name is given or company is given %}{{ name }}{% endif %}", "name"),
    ("{% if not (name is given or company is given) %}you{% else %}{{ name }}{% endif %}", "name"),
    ("{% if name is not given or company is not given %}you{% else %}{{ name }}{{ company }}{% endif %}", ""),
    ("{% if name is given %}{{ name }}{% elif company is given %}{{ company }}{% else %}you{% endif %}", ""),
    ("{% if name is not given %}you{% elif company is given %}{{ name }}{% endif %}", ""),
    ("{% if name is given %}a{% elif title is given %}{{ name }}{% endif %}", "name"),
    ('{{ company if company is given else "you" }}', ""),
    ("{{ company if name is given else title }}", "company title"),
    ('{{ "To " ~ name }}', "name"),
]


@pytest.mark.parametrize(("text", "wanted"), CASES)
def test_it_tells_what_a_text_cannot_do_without(tmp_path: Path, text: str, wanted: str) -> None:
    """As the check of a playbook hears of it."""
    folder = tmp_path / "one" / "en"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "frame.html", tmp_path)
    (folder / "subject.txt").write_text("One")
    (folder / "body.txt").write_text(text + "\n{% if unsubscribe_url is given %}{{ unsubscribe_url }}{% endif %}\n")
    (folder / "body.html").write_text("<p>{% if unsubscribe_url is given %}{{ unsubscribe_url }}{% endif %}</p>\n")
    email = Templates(tmp_path).catalogue()["one"]
    assert email.problems == ()
    assert email.languages == {"en"}
    assert email.needs == {frozenset(each.split("|")) for each in wanted.split()}


def test_the_emails_that_ship_ask_for_nothing_that_may_not_be_there() -> None:
    """Only for what every email has."""
    catalogue = Templates(ROOT).catalogue()
    assert len(catalogue) > 10
    named = {value for name in catalogue for need in catalogue[name].needs for value in need}
    assert named <= {"unsubscribe_url", "email", "language", "stage_title", "sender_name"}
    with pytest.raises(KeyError):
        catalogue["nowhere"]
