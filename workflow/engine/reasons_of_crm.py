"""The sentences about asking and writing to a CRM by its API, in English and in Bulgarian, for `reasons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CRMS: Final[Mapping[str, tuple[str, str]]] = {
    "awaits_lookup": (
        "It names its object by an id only: {vendor} is being asked for the rest.",
        "Посочва обекта само с номер: останалото се изисква от {vendor}.",
    ),
    "lookup.gone": (
        "{vendor} knows nothing of the object {ref} any more, or it names nobody: replay the event to use it as it is.",
        "{vendor} вече не знае нищо за обекта {ref} или той не сочи никого: обработете събитието отново, за да важи.",
    ),
    "lookup.failed": (
        "{vendor} did not say who the object {ref} is about: {problem}",
        "{vendor} не каза за кого е обектът {ref}: {problem}",
    ),
    "own_change": (
        "Our own change that comes back: Onward wrote it there itself.",
        "Собствената ни промяна, която се връща: записана е там от Onward.",
    ),
    "told_already": (
        "The same change was told already, by another delivery.",
        "Същата промяна вече е съобщена от друга доставка.",
    ),
    "crm.unreachable": ("{vendor} cannot be reached: {what}", "Няма връзка с {vendor}: {what}"),
    "crm.odd": (
        "{vendor} answered with what is no JSON, or with more than {most} MB.",
        "{vendor} отговори с нещо, което не е JSON или е над {most} MB.",
    ),
    "crm.token": (
        "{vendor} refuses the API token ({code}{said}): give a token that may read and write.",
        "{vendor} отказва ключа за API ({code}{said}): дайте ключ с права за четене и запис.",
    ),
    "crm.limit": (
        "{vendor} asks to wait: its limit of calls is reached{said}.",
        "{vendor} иска да изчакаме: достигнат е лимитът на заявките{said}.",
    ),
    "crm.gone": ("{vendor} has no such object.", "{vendor} няма такъв обект."),
    "crm.trouble": ("{vendor} is in trouble ({code}{said}).", "{vendor} има затруднения ({code}{said})."),
    "crm.refused": ("{vendor} refused it ({code}{said}).", "{vendor} отказа ({code}{said})."),
    "crm.untold": ("{vendor} did not say when it changed.", "{vendor} не каза кога е настъпила промяната."),
    "crm.crowded": (
        "{vendor} has too many objects that changed in one moment.",
        "{vendor} има твърде много обекти, променени в един и същ момент.",
    ),
    "crm.stage": (
        "{vendor} names its stages by numbers: write one of these, or won or lost.",
        "{vendor} означава етапите с номера: напишете някой от тях или won, или lost.",
    ),
    "writes.off": ("nothing is written there any more.", "там вече нищо не се записва."),
}
