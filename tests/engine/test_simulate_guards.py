"""The simulator and production agree where guards ask for what is on record, and sequences for when they began."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.production import live
from tests.support import ground
from workflow.engine import signals as kinds
from workflow.engine.life import Happening, Imagined
from workflow.engine.simulate import simulate
from workflow.playbook import loader

BEGINS = datetime(2026, 11, 2, 8, tzinfo=UTC)
HORIZON = timedelta(days=10)
ANA = Imagined({"email": "ana@example.com", "name": "Ana"})
GUARDED = """
name: guarded
stages: {open: {title: {en: O}}, clear: {title: {en: C}}, closed: {title: {en: E}, final: true}}
transitions:
  - {trigger: clear, from: open, to: clear, needs: [{score_at_least: 60}, {answers: pain}, {not: {meeting: booked}}]}
  - {trigger: close, from: clear, to: closed, needs: [{any: [{call: noted}, {meeting: held}, {sequence: once}]}]}
  - {trigger: back, from: [clear, closed], to: open}
signals: [{source: standard, when: {kind: meeting.held}, do: close}]
sequences:
  calls:
    {start: {when: call.ended}, stop: [reply], again: 2d, exclusive: true, priority: 1,
     steps: [{key: a, task: {en: A}, after: 1h, blocking: true}]}
  meets:
    {start: {when: meeting.held}, stop: [reply], exclusive: true, priority: 2,
     steps: [{key: b, task: {en: B}, after: 1h, blocking: true}]}
  once:
    {start: {when: stage.entered, stage: clear}, stop: [close, reopen], again: never,
     steps: [{key: c, task: {en: C}}]}
questions: {pain: {text: {en: Pain}}}
qualification:
  criteria:
    fit: {title: {en: Fit}, weight: 3, options: {good: {title: {en: G}, points: 5}, poor: {title: {en: P}, points: 1}}}
    rank: {title: {en: Rank}, weight: 2, options: {high: {title: {en: High}, points: 1}}}
"""
EVENTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (kinds.ANSWERS, {"answers": {"pain": "Much"}}),
    (kinds.ANSWERS, {"answers": {"fit": "good"}}),
    (kinds.ANSWERS, {"answers": {"fit": "poor", "rank": "HIGH"}}),
    (kinds.CALL_ENDED, {"minutes": 5}),
    (kinds.CALL_ENDED, {"notes": "Good"}),
    (kinds.BOOKED, {"uid": "m1", "starts_at": BEGINS + timedelta(days=3)}),
    (kinds.HELD, {"uid": "m1"}),
    (kinds.CANCELLED, {"uid": "m1"}),
    (kinds.REPLIED, {}),
    (kinds.MOVE, {"trigger": "clear"}),
    (kinds.MOVE, {"trigger": "close"}),
    (kinds.MOVE, {"trigger": "back"}),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from([0, 2, 30])), min_size=4, max_size=14))
def test_they_agree(story: list[tuple[tuple[str, Mapping[str, Any]], int]]) -> None:
    """Where the prospect stands in the end, and every touch with its state, times and reason."""
    path = ground.folder() / f"guarded-{os.getpid()}.yaml"
    path.write_text(GUARDED, encoding="utf-8")
    at, script = BEGINS, []
    for line, ((kind, data), hours) in enumerate(story, start=1):
        at += timedelta(hours=hours, minutes=1)
        script.append(Happening(at, kind, data, sender=("standard", "crm"), line=line))
    lived = live(path, ANA, script, BEGINS, HORIZON)
    imagined = simulate(loader.load(GUARDED), ANA, script, begins=BEGINS, horizon=HORIZON)
    assert (imagined.stage, imagined.outcome) == (lived.stage, lived.outcome)
    assert sorted(imagined.touches, key=str) == sorted(lived.touches, key=str)
