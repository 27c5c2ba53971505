"""The API about the texts of emails: list, read, save over the version one saw, and hear what is wrong."""

from __future__ import annotations

from tests.web.fixtures import Api, body_of
from workflow.actions import people
from workflow.workspace import Workspace

MINE = {"subject": "Mine", "text": "Hello. {{ unsubscribe_url }}", "html": "<p>{{ unsubscribe_url }}</p>", "version": 0}


def test_a_text_is_read_and_saved_over_the_version_one_saw(api: Api, ws: Workspace) -> None:
    listed = {each["name"]: each for each in api.get("/templates")["items"]}
    assert listed["decision"]["versions"] == {"bg": 0, "en": 0}
    assert listed["decision"]["used"] == [{"sequence": "nudge", "step": "decision"}]
    assert api.get("/templates/decision/en")["version"] == 0
    saved = body_of(api.ask("PUT", "/templates/decision/en", MINE))
    assert (saved["version"], saved["subject"]) == (1, "Mine")
    assert api.get("/templates/decision/en") == saved
    assert api.ask("PUT", "/templates/decision/en", {**MINE, "text": "Other. {{ unsubscribe_url }}"}).status_code == 409
    answer = api.ask("PUT", "/templates/decision/bg", {**MINE, "text": "{{ compny }}"})
    assert answer.status_code == 422
    assert "“compny”" in body_of(answer)["detail"]
    for path in ("nothing/en", "decision/xx", "De%00cision/en"):
        assert api.ask("GET", f"/templates/{path}").status_code == 404
    assert api.ask("PUT", "/templates/De%00cision/en", MINE).status_code == 422
    rep = Api(api.client, people.add_key(ws, "a rep's", "rep"))
    assert rep.ask("PUT", "/templates/decision/en", {**MINE, "version": 1}).status_code == 403
    assert rep.get("/templates/decision/en") == saved
