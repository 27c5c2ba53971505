"""Settings > Keys: made, shown once, told with what they may do, revoked; and only by an administrator."""

from __future__ import annotations

import re

from tests.panel.scene import Scene, Visitor
from workflow.actions import people

AT = "/settings/keys"


def test_a_key_is_shown_once_and_does_what_was_chosen_until_it_is_revoked(scene: Scene, iva: Visitor) -> None:
    assert "No key yet" in iva.read(AT)
    fields = {"name": "zap", "role": "rep", "rep": scene.reps["boyan"], "days": "30", "all": "areas"}
    made = iva.post(AT, {**fields, "scope_prospects": "write", "scope_meetings": "read"})
    (token,) = re.findall(r"ak_\w+?_[\w-]{43}", made.text)
    key = people.key_of(scene.ws, token)
    assert key is not None
    assert (key.role, key.rep_id, key.scopes) == ("rep", scene.reps["boyan"], ("prospects:write", "meetings:read"))
    page = iva.read(AT)
    assert token not in page
    assert "Prospects and calls: read and change; Meetings: read" in page
    assert "last used" in page
    again = iva.post(AT, {"name": "zap", "role": "admin", "days": "soon", "all": "areas"})
    assert again.status_code == 422
    assert "Choose at least one area." in again.text
    assert "Write a number of days" in again.text
    assert iva.post(AT, {"name": "zap", "role": "admin"}).status_code == 422
    forgot = iva.post(AT, {"name": "more", "role": "admin", "all": "", "scope_audit": "read"})
    assert "only they count" in forgot.text
    assert "ak_" not in forgot.text
    iva.post(f"{AT}/{key.id}/revoke")
    assert people.key_of(scene.ws, token) is None
    assert "No key yet" in iva.read(AT)


def test_keys_are_an_administrators_matter(scene: Scene) -> None:
    boyan = scene.visitor("boyan")
    assert boyan.get(AT).status_code == boyan.post(AT, {"name": "x", "role": "admin"}).status_code == 403
    assert "/settings/keys" not in boyan.read("/settings")
