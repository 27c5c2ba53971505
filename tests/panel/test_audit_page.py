"""Who changed what: by panel, API and command line alike, never a secret; and the page of users."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.panel.scene import Scene, Visitor
from workflow import auditing
from workflow.actions import (
    absence,
    crm_links,
    endpoints,
    mailboxes,
    people,
    publishing,
    sealing,
    sources,
    suppressions,
    texts,
)
from workflow.actions.outreach import acts
from workflow.actions.prospects import Who
from workflow.commands.auditing import audit
from workflow.errors import BadInput, NotFound, OnwardError
from workflow.mail.templates import Text
from workflow.places import shipped_playbook
from workflow.reports import auditing as reports

SECRET = "sesame-is-the-word"
BY_HAND = Who("command", "test")


def changes(scene: Scene, **wanted: str) -> list[tuple[str, str, str, dict[str, object], dict[str, object]]]:
    """Every change that fits, the oldest first."""
    with scene.ws.database.read() as tx:
        rows = reports.all_of_them(tx, reports.Wanted(**wanted))  # type: ignore[arg-type]
    return [(row.actor, row.what, row.about, row.before, row.after) for row in reversed(rows)]


def do_everything(scene: Scene) -> None:
    """Change one setting of each kind, as the command line does."""
    ws = scene.ws.acting("command")
    rep = people.add_rep(ws, "vera@example.com", "rep", name="Vera")
    people.prefer(ws, rep, {"language": "bg", "theme": "dark"})
    people.change_role(ws, rep, "manager")
    people.set_password(ws, rep, SECRET)
    people.sign_in_link(ws, rep)
    absence.leave(ws, rep)
    absence.come_back(ws, rep)
    key = people.add_key(ws, "billing", "rep", scopes=["read"])
    people.revoke_key(ws, "billing")
    mailboxes.add(ws, "vera", "Vera <vera@example.com>", {"smtp_url": f"smtp://v:{SECRET}@mx.example.com:587"})
    mailboxes.change(ws, "vera", {"smtp_url": f"smtp://v:{SECRET}2@mx.example.com:587"}, rep="vera@example.com")
    mailboxes.pause(ws, "vera", "somebody")
    acts.resume(ws, mailboxes.id_of(ws, "vera"))
    mailboxes.remove(ws, "vera")
    sources.add(ws, "hubspot", "hub", SECRET)
    source = sources.id_of(ws, "hub")
    sources.rotate(ws, "hub", f"{SECRET}2")
    sources.keep_token(ws, source, SECRET)
    sources.keep_token(ws, source, f"{SECRET}2")
    crm_links.set_writes(ws, source, dict.fromkeys(ws.playbooks.current.stages, "42"))
    crm_links.set_poll(ws, source, 5)
    for act in (sources.pause, sources.resume, sources.remove):
        act(ws, source)
    made = endpoints.add(ws, "warehouse", "https://hooks.example.com/", BY_HAND)
    endpoints.change(ws, made.id, url="https://other.example.com/")
    endpoints.rotate(ws, made.id)
    endpoints.pause(ws, made.id, "somebody")
    endpoints.resume(ws, made.id)
    endpoints.remove(ws, made.id, "somebody")
    suppressions.add(ws, "no@example.com", "asked", BY_HAND, "test")
    suppressions.remove(ws, "no@example.com", "asked again", BY_HAND)
    ends = "{{ unsubscribe_url }}"
    texts.save(ws, "hello", "en", Text("Hello", ends, f'<a href="{ends}">Enough</a>', 0), "command")
    told = shipped_playbook().read_text(encoding="utf-8").replace("per_day: 200", "per_day: 50")
    publishing.publish(ws, publishing.draft(told), BY_HAND)
    sealing.rotate(ws)
    people.disable(ws, rep)
    assert key.startswith("ak_")


def test_every_change_of_a_setting_is_written_down_and_no_secret_ever_is(scene: Scene) -> None:
    do_everything(scene)
    told = changes(scene, actor="command")
    missing = set(auditing.KINDS) - {what for _, what, *_ in told}
    assert missing == {"source.confirmed"}
    assert SECRET not in repr(told)
    assert "argon2" not in repr(told)
    by_kind = {what: (about, before, after) for _, what, about, before, after in told}
    assert by_kind["rep.changed"] == ("vera@example.com", {"role": "rep"}, {"role": "manager"})
    assert by_kind["mailbox.changed"] == (
        "vera", {"smtp_url": "set"}, {"smtp_url": "changed", "rep": "vera@example.com"},
    )  # fmt: skip
    assert by_kind["source.token"] == ("hub", {"api_token": "set"}, {"api_token": "changed"})
    assert by_kind["endpoint.changed"][1:] == (
        {"url": "https://hooks.example.com/"}, {"url": "https://other.example.com/"},
    )  # fmt: skip
    assert by_kind["suppression.removed"][0] == "no@example.com"
    assert [what for _, what, *_ in told if what == "rep.changed"] == ["rep.changed"] * 2, "a theme is no setting"
    _, before, after = by_kind["playbook.published"]
    assert (before["limits.mailbox.per_day"], after["limits.mailbox.per_day"]) == ("200", "50")


def test_what_is_refused_leaves_no_row_and_what_stays_the_same_is_no_change(scene: Scene) -> None:
    ws, before = scene.ws, len(changes(scene))
    people.prefer(ws, scene.reps["mila"], {"name": "Mila", "language": ""})
    for refused in (
        lambda: people.change_role(ws, scene.reps["iva"], "rep"),
        lambda: sources.pause(ws, scene.reps["iva"]),
        lambda: mailboxes.add(ws, "odd", "nobody", {}),
    ):
        with pytest.raises(OnwardError):
            refused()
    assert len(changes(scene)) == before


def test_an_administrator_leads_people_through_the_panel_and_the_audit_tells_it(scene: Scene, iva: Visitor) -> None:
    iva.read("/settings/users")
    assert "already" in iva.post("/settings/users", {"email": "MILA@example.com", "role": "rep"}).text
    made = iva.post("/settings/users", {"email": "petya@example.com", "name": "Петя", "role": "manager"})
    assert "/sign-in/" in made.text
    link = re.search(r"/sign-in/[A-Za-z0-9_-]{43}", made.text)
    with scene.ws.database.read() as tx:
        petya = people.rep_id(tx, "petya@example.com")
    assert link is not None
    assert "Sign in" in scene.visitor().read(link[0])
    path, own = f"/settings/users/{petya}", f"/settings/users/{scene.reps['iva']}"
    fields = {"name": "Петя Иванова", "role": "rep", "language": "bg", "time_zone": "Europe/Sofia"}
    assert iva.post(path, {**fields, "time_zone": "Mars/Base"}).status_code == 422
    assert iva.post(path, fields).status_code == 303
    assert iva.post(f"{path}/away", {"stand_in": scene.reps["mila"]}).status_code == 303
    assert "Mila stands in" in iva.read(path)
    assert iva.post(f"{path}/away", {"here": "1"}).status_code == 303
    assert iva.post(f"{path}/off", {"email": "petya"}).status_code == 422
    assert iva.post(f"{own}/off", {"email": "iva@example.com"}).status_code == 422
    assert iva.post(own, {"name": "Iva", "role": "rep"}).status_code == 422, "the last administrator stays one"
    assert iva.post(f"{path}/off", {"email": "petya@example.com"}).status_code == 303
    assert scene.visitor("boyan").get("/settings/users").status_code == 403

    told = iva.read("/settings/audit?what=rep&who=rep:" + scene.reps["iva"])
    assert "Shut a person out" in told
    assert "<del>Manager</del> → <ins>Rep</ins>" in told
    assert "No setting" not in told
    assert "None of this kind" in iva.read("/settings/audit?from=2040-01-01")
    file = iva.get("/settings/audit.csv?what=rep.changed")
    assert file.mimetype == "text/csv"
    assert "Петя Иванова" in file.text
    assert "Made a link" not in file.text
    assert scene.visitor("boyan").get("/settings/audit").status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_terminal_prints_a_line_for_each_and_says_what_it_cannot_find(
    scene: Scene, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONWARD_DATABASE_URL", scene.ws.settings.database_url)
    monkeypatch.setenv("ONWARD_SECRET_KEY", scene.ws.settings.secret_key)

    def run(*words: str) -> Result:
        return CliRunner().invoke(audit, [*words, "--data-dir", str(place)])

    iva = scene.ws.acting(f"rep:{scene.reps['iva']}")
    people.change_role(iva, scene.reps["mila"], "manager")
    (line,) = run("--who", "Iva@example.com", "--since", "2020-01-01").output.splitlines()
    assert line.split("\t")[1:] == ["iva@example.com", "rep.changed", "mila@example.com", "role: rep → manager"]
    assert run("--what", "rep.changed", "--until", f"{scene.clock.now:%Y-%m-%d}").output.splitlines() == [line]
    assert run("--until", "2020-01-01").output == ""
    assert isinstance(run("--who", "nobody@example.com").exception, NotFound)
    assert isinstance(run("--since", "soon").exception, BadInput)


def test_the_api_tells_changes_with_the_name_of_the_key_that_made_them(scene: Scene, iva: Visitor) -> None:
    token = people.add_key(scene.ws, "terraform", "admin")
    caller, head = scene.app.test_client(), {"Authorization": f"Bearer {token}"}
    sent = {"email": "api@example.com", "role": "rep"}
    assert caller.post("/api/v1/reps", json=sent, headers=head).status_code == 201
    path = "/api/v1/audit/settings?what=rep&actor=api:terraform&limit=1"
    page = caller.get(path, headers=head).get_json()
    assert [row["what"] for row in page["items"]] == ["rep.link"]
    rest = caller.get(f"{path}&cursor={page['next_cursor']}", headers=head).get_json()
    assert (rest["items"][0]["what"], rest["items"][0]["after"]) == ("rep.added", {"name": "api", "role": "rep"})
    assert caller.get("/api/v1/audit/settings?what=nonsense", headers=head).status_code == 422
    assert "the program terraform" in iva.read("/settings/audit")
    for _ in range(60):
        people.sign_in_link(scene.ws, scene.reps["mila"])
    older = re.search(r'href="(/settings/audit\?[^"]*after=[^"]+)"', iva.get("/settings/audit").text)
    assert older is not None
    assert "the program terraform" in iva.read(older[1].replace("&amp;", "&"))
