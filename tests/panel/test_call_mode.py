"""Call mode as a server sees it: the plan, the saves of a sheet, and an end that is written down once."""

from __future__ import annotations

from sqlalchemy import func, select

from tests.panel.scene import Scene, Visitor
from tests.web.fixtures import Api
from workflow.actions import people
from workflow.records.calls import CallSheet
from workflow.records.models import Answer, Call, History


def begun(scene: Scene, visitor: Visitor, known: str, **plan: str) -> str:
    """The address of a call that begins from the plan."""
    visitor.get(f"/prospects/{known}/call")
    fields = {"version": str(scene.row(known).version), "then": "start", **plan}
    answer = visitor.post(f"/prospects/{known}/call/plan", fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def put(visitor: Visitor, address: str, *fields: tuple[str, str, int]) -> dict[str, object]:
    """Save fields as the page does: name, text and the version that was seen."""
    body = {
        "name": [each[0] for each in fields],
        "text": [each[1] for each in fields],
        "version": [str(each[2]) for each in fields],
    }
    answer = visitor.client.put(address, data=body, headers={"X-CSRF-Token": visitor.csrf})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.get_json()
    return found


def test_a_plan_is_the_rep_s_answers_and_is_refused_with_all_that_was_typed(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    page = iva.read(f"/prospects/{known}/call")
    assert "What gives you the most trouble right now?" in page
    old = scene.row(known).version
    goal = {"a.call_goal": "Hear the last lost order", "version": str(old), "a.must_learn": "Who signs"}
    learn = {"learn": ["challenge", "cost_of_problem", "no_such_question"]}
    odd = iva.post(f"/prospects/{known}/call/plan", {**goal, **learn, "a.planned_minutes": "soon"})
    assert odd.status_code == 422
    assert "whole number" in odd.text
    assert "Hear the last lost order" in odd.text
    assert iva.post(f"/prospects/{known}/call/plan", {**goal, **learn, "a.planned_minutes": "20"}).status_code == 303
    with scene.ws.database.read() as tx:
        said = dict(tx.conn.execute(select(Answer.question, Answer.text).where(Answer.prospect_id == known)).all())
    chosen = (
        "What gives you the most trouble right now?\nWhat does it cost you in a month, in money, hours or customers?"
    )
    assert said["must_learn"] == f"{chosen}\nWho signs"
    late = iva.post(f"/prospects/{known}/call/plan", {**goal, "a.call_goal": "Something else"})
    assert late.status_code == 409
    assert "Something else" in late.text
    assert "of 20:00" in iva.read(begun(scene, iva, known, **{"a.planned_minutes": "20"}))


def test_a_save_may_be_repeated_and_never_overwrites_what_another_window_wrote(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    address = begun(scene, iva, known)
    assert begun(scene, iva, known) == address, "a second start goes on with the call that is open"
    assert put(iva, address, ("notes", "One gate", 0))["saved"] == {"notes": 1}
    assert put(iva, address, ("notes", "One gate", 0))["saved"] == {"notes": 1}
    clash = put(iva, address, ("notes", "Two gates", 0), ("a.challenge", "Хартия", 0))
    assert clash == {
        "saved": {"a.challenge": 1},
        "conflicts": {"notes": {"text": "One gate", "version": 1}},
        "ended": False,
    }
    assert put(iva, address, ("notes", "One gate, two depots", 1))["saved"] == {"notes": 2}
    odd = iva.client.put(
        address, data={"name": "owner", "text": "x", "version": "0"}, headers={"X-CSRF-Token": iva.csrf}
    )
    assert odd.status_code == 422
    assert iva.client.put(address, data={"name": "notes", "text": "x", "version": "2"}).status_code == 400
    mila = scene.visitor("mila")
    foreign = mila.client.put(
        address, data={"name": "notes", "text": "x", "version": "2"}, headers={"X-CSRF-Token": mila.csrf}
    )
    assert foreign.status_code == 403
    assert "Iva is in this call now" in mila.read(address)
    hidden = begun(scene, iva, scene.prospect("Boris Iliev", owner="iva"))
    assert mila.get(hidden).status_code == 404


def test_the_end_is_written_down_once_and_a_call_thrown_away_not_at_all(scene: Scene, iva: Visitor) -> None:
    known = scene.prospect()
    gone = begun(scene, iva, known)
    put(iva, gone, ("notes", "Nobody picked up", 0))
    assert iva.post(f"{gone}/drop").status_code == 303
    assert "was thrown away" in iva.read(gone)
    address = begun(scene, iva, known)
    assert address != gone
    put(
        iva, address, ("a.challenge", "Paper", 0), ("journey", "awareness", 0), ("notes", "Calm", 0),
        ("path", "opening@0 problem@65", 0), ("clock", "30 -", 0),
    )  # fmt: skip
    scene.wait(minutes=8)
    review = iva.read(f"{address}/end")
    assert 'value="8"' in review
    assert "Tomorrow, 10:08" in review
    assert iva.post(f"{address}/end", {"minutes": "a while"}).status_code == 422
    for _again in range(2):
        assert iva.post(f"{address}/end", {"minutes": "8"}).status_code == 303
    assert iva.post(f"{gone}/end", {"minutes": "8"}).status_code == 303
    done = iva.read(address)
    assert "Tomorrow, 10:08" in done
    with scene.ws.database.read() as tx:
        calls = tx.conn.execute(select(Call.id, Call.minutes, Call.notes).where(Call.prospect_id == known)).all()
        kinds = tx.conn.execute(
            select(History.kind, func.count()).where(History.prospect_id == known).group_by(History.kind)
        ).all()
        sheets = dict(tx.conn.execute(select(CallSheet.id, CallSheet.call_id)).all())
    assert [(call.minutes, call.notes) for call in calls] == [(8, "Calm")]
    assert dict(kinds)["call.ended"] == 1
    assert scene.row(known).custom["journey"] == "awareness"
    assert len(scene.touches(known)) == 2
    assert set(sheets.values()) == {None, calls[0].id}
    assert iva.get(f"/calls/{calls[0].id}").status_code == 200
    told = Api(scene.visitor().client, people.add_key(scene.ws, "crm", "admin")).get(f"/calls/{calls[0].id}")
    assert (told["script"], told["planned_minutes"]) == ("discovery", 30)
    assert told["path"] == [{"step": "opening", "second": 0}, {"step": "problem", "second": 65}]
    scene.tell(known, "call.ended", minutes=3)
    assert put(iva, address, ("notes", "Calm, and in a hurry", 1))["ended"] is True
    assert "in a hurry" in iva.read(address)
