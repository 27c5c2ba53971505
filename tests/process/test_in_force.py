"""A publication reaches every process that runs, and outlives their restart."""

from __future__ import annotations

import pytest

from tests.support.processes import FAST, Installation


# Which of the two databases keeps the fact is told apart in tests/records; here it is about processes.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_running_processes_go_by_what_a_command_publishes(installation: Installation) -> None:
    """Web decides by it, the worker sends by it, a restart leaves it alone, and the doctor needs no setting."""
    installation.up()
    file = installation.folder / "mine.yaml"
    text = FAST.read_text(encoding="utf-8")
    file.write_text(text.replace("trigger: qualify", "trigger: accept").replace("do: qualify", "do: accept"), "utf-8")
    assert "version 2 is in force" in installation.onward("playbook", "publish", str(file), "--yes").out
    for restarted in (False, True):
        if restarted:
            for name in ("web", "clock", "worker"):
                installation.stop(name)
                installation.restart(name)
            installation.wait_for(installation.answers, what="web to answer")
        outcomes = [
            installation.webhook(
                "move.requested", prospect={"email": f"{trigger}-{restarted}@sink.test"}, data={"trigger": trigger}
            ).json["events"][0]["outcome"]
            for trigger in ("qualify", "accept")
        ]
        assert outcomes == ["ignored", "applied"]
    del installation.settings["ONWARD_PLAYBOOK"]
    installation.wait_for(lambda: len(installation.mails()) == 2, what="both emails")
    assert installation.onward("doctor").out == ""
