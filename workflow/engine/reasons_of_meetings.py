"""The sentences of `reasons` about times for a meeting: why one is offered, and what speaks against another.

Words alone; how they are stored and filled is the matter of `reasons`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEETINGS: Final[Mapping[str, tuple[str, str]]] = {
    "slot.early": (
        "Early in the day, when people keep an appointment.",
        "Рано през деня, когато хората спазват уговорките си.",
    ),
    "slot.late": (
        "Late in the afternoon, when the day's work is done.",
        "Късно следобед, когато работата за деня е свършена.",
    ),
    "slot.within": (
        "Within the hours that the playbook keeps for meetings.",
        "В часовете, които наръчникът отрежда за срещи.",
    ),
    "slot.soonest": (
        "The first day that leaves both sides time to prepare.",
        "Първият ден, който оставя време за подготовка и на двете страни.",
    ),
    "slot.both": (
        "Working hours on both sides: {here} by your clock.",
        "Работно време и за двете страни: {here} по вашия часовник.",
    ),
    "slot.free": ("No other meeting that day.", "Няма друга среща през този ден."),
    "slot.other_day": (
        "Not one of the playbook's days for meetings.",
        "Не е сред дните за срещи в наръчника.",
    ),
    "slot.past": ("This time has passed: choose a later one.", "Този час е минал: изберете по-късен."),
    "slot.notice": (
        "Less than {hours} h from now: the prospect may not see it in time.",
        "По-малко от {hours} ч. оттук нататък: клиентът може да не научи навреме.",
    ),
    "slot.day_off": (
        "A day off where the prospect is.",
        "Почивен ден за клиента.",
    ),
    "slot.rep_day_off": ("A day off on our side.", "Почивен ден за нас."),
    "slot.hours": (
        "Outside the hours for meetings: it is {there} for the prospect.",
        "Извън часовете за срещи: при клиента е {there}.",
    ),
    "slot.rep_hours": (
        "Outside the working hours on our side: it is {here}.",
        "Извън нашето работно време: при нас е {here}.",
    ),
    "slot.busy": (
        "Too close to another meeting, which begins at {begins}.",
        "Твърде близо до друга среща, която започва в {begins}.",
    ),
}
