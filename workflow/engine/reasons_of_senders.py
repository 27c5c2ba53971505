"""The sentences of `reasons` about mailboxes, endpoints and what is known of an email in doubt, and their remedies.

Words alone; how they are stored and filled is the matter of `reasons`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SENDERS: Final[Mapping[str, tuple[str, str]]] = {
    "pause": (
        "Waits until {until}: the prospect asked for a pause.",
        "Изчаква до {until}: клиентът поиска пауза.",
    ),
    "pause.uncertain": (
        "too many emails in ten minutes whose arrival is uncertain.",
        "твърде много имейли за десет минути, за които не е ясно дали са получени.",
    ),
    "pause.auth": ("the mail server refused the sign-in: {answer}", "пощенският сървър отказа достъп: {answer}"),
    "pause.policy": (
        "the mail server refused several emails by its policy: {answer}",
        "пощенският сървър отказа няколко имейла по своите правила: {answer}",
    ),
    "endpoint.by": ("paused by {by}.", "спрян от {by}."),
    "endpoint.gone": ("it answered that nobody listens there any more.", "отговори, че там вече никой не слуша."),
    "endpoint.removed": ("removed by {by}.", "премахнат от {by}."),
    "endpoint.failing": ("nothing was taken there since {since}.", "от {since} насам нищо не се приема там."),
    "pause.by": ("paused by {by}.", "спряна от {by}."),
    "pause.settings": (
        "its settings do not let it send: {problem}",
        "настройките ѝ не позволяват изпращане: {problem}",
    ),
    "pause.self_test": (
        "the daily test opened the link to unsubscribe, and opening it alone changed something: {problem}",
        "дневната проверка отвори връзката за отписване и само отварянето ѝ промени нещо: {problem}",
    ),
    "pause.away": ("its rep is away.", "търговецът отсъства."),
    "sign.spooled": (
        "The mail server's answer waits on this machine's disk: it is brought in within a minute.",
        "Отговорът на пощенския сървър чака на диска на тази машина и се отчита до минута.",
    ),
    "sign.no_spool": (
        "No answer of the mail server waits on this machine's disk.",
        "На диска на тази машина не чака отговор на пощенския сървър.",
    ),
    "sign.unread": (
        "Its mailbox is not read, so nobody looked into its folder of sent mail.",
        "Пощенската му кутия не се чете, затова папката с изпратени имейли не е проверявана.",
    ),
    "sign.unreadable": (
        "Its mailbox cannot be read: {problem}",
        "Пощенската му кутия не може да бъде прочетена: {problem}",
    ),
    "sign.not_looked": (
        "The folder of sent mail was not looked into since.",
        "Папката с изпратени имейли не е проверявана оттогава.",
    ),
    "sign.not_there": (
        "It is not in the folder of sent mail. Not every server keeps one, so this proves nothing.",
        "Няма го в папката с изпратени имейли. Не всеки сървър поддържа такава, така че това не доказва нищо.",
    ),
    "sign.no_mail": (
        "Nothing came from the prospect since, and no report names this email.",
        "Оттогава от клиента няма нищо и никой отчет не посочва този имейл.",
    ),
    "sign.mail": (
        "Mail came from the prospect since; it does not name this email.",
        "Оттогава има съобщение от клиента, което не посочва този имейл.",
    ),
    "sign.bounce": (
        "A bounce was reported since; it does not name this email, but may mean it.",
        "Оттогава има върнат имейл; отчетът не посочва този, но може да е за него.",
    ),
    "sign.goes_on": (
        "Left alone it counts as arrived from then on, and the next step goes on.",
        "Без решение от този момент се смята за получен и следващата стъпка продължава.",
    ),
    "sign.went_on": (
        "It counts as arrived since then, and the next step went on.",
        "Оттогава се смята за получен и следващата стъпка е продължила.",
    ),
    "sign.attempts": ("Tried {number} times.", "Опити: {number}."),
    "remedy.uncertain": (
        "Ask whoever runs the mail server why it breaks off, settle what is in doubt, then resume.",
        "Попитайте защо пощенският сървър прекъсва, решете за неясните имейли и възобновете.",
    ),
    "remedy.auth": (
        "Correct the password or the permission of this mailbox, test it, then resume.",
        "Поправете паролата или разрешението на тази кутия, изпробвайте я и възобновете.",
    ),
    "remedy.policy": (
        "Read the answer: mend the content, SPF, DKIM or the reputation it names, test it, then resume.",
        "Прочетете отговора: поправете съдържанието, SPF, DKIM или репутацията, изпробвайте и възобновете.",
    ),
    "remedy.sender": (
        "Let the mail server accept this sender, or change the address, test it, then resume.",
        "Нека сървърът приеме този подател, или сменете адреса, изпробвайте и възобновете.",
    ),
    "remedy.settings": (
        "Correct its settings, test it, then resume.",
        "Поправете настройките, изпробвайте и възобновете.",
    ),
    "remedy.self_test": (
        "Find what acts when the page is only opened, a proxy or a changed page; then resume it.",
        "Намерете какво действа само при отваряне на страницата: прокси или променена страница; после я пуснете.",
    ),
    "remedy.away": ("Its mail goes on when its rep is back.", "Имейлите ѝ продължават, когато търговецът се върне."),
    "remedy.by": ("Resume it when it may send again.", "Възобновете я, когато може отново да изпраща."),
    "pause.sender": ("the mail server refused the sender: {answer}", "пощенският сървър отказа подателя: {answer}"),
}
