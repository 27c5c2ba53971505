"""The sentences about what is best done next for a prospect, and about texts written by hand, for `reasons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NEXT: Final[Mapping[str, tuple[str, str]]] = {
    "next.settle": (
        "Nobody knows whether this email arrived. Three of four such emails did.",
        "Никой не знае дали този имейл е пристигнал. Три от четири такива са пристигнали.",
    ),
    "next.decide": (
        "Its time has passed, and it leaves only if you say so.",
        "Времето му мина и ще тръгне само ако решите така.",
    ),
    "next.mark": (
        "The meeting was to begin {at}. What follows depends on whether it took place.",
        "Срещата беше за {at}. Следващите стъпки зависят от това дали се е състояла.",
    ),
    "next.answer": (
        "The prospect replied {at}, and nobody has gone on since.",
        "Клиентът отговори {at} и оттогава никой не е продължил.",
    ),
    "next.overdue": ("A task for you, due since {at}.", "Задача за вас, чакаща от {at}."),
    "next.task": ("A task for you, {at}.", "Задача за вас, {at}."),
    "next.prepare": (
        "You meet {at}. A plan makes half an hour enough.",
        "Срещата ви е {at}. С план половин час стига.",
    ),
    "next.meeting": ("You meet {at}.", "Срещата ви е {at}."),
    "next.move": ("All that this stage asks for is known.", "Всичко, което този етап изисква, е известно."),
    "next.stalled": (
        "Longer in this stage than usual, and nothing is planned.",
        "По-дълго от обичайното в този етап, а нищо не е планирано.",
    ),
    "next.nothing": (
        "Nothing is planned, so nothing happens by itself.",
        "Нищо не е планирано, затова нищо няма да стане от само себе си.",
    ),
    "next.held": (
        "Mail waits until {at}; until then a call is the way.",
        "Имейлите изчакват до {at}; дотогава остава обаждането.",
    ),
    "next.barred": (
        "This address gets no emails; a call is the way.",
        "На този адрес не се изпращат имейли; остава обаждането.",
    ),
    "next.wait": ("This email leaves by itself: {at}.", "Този имейл тръгва сам: {at}."),
    "next.rest": ("The prospect is closed.", "Клиентът е приключен."),
    "reworded_by": (
        "Its text was written by hand by {by} (version {number}).",
        "Текстът му е написан от {by} (версия {number}).",
    ),
    "template_by": ("Went back to the text of its template, by {by}.", "Върнат към текста на шаблона от {by}."),
}
