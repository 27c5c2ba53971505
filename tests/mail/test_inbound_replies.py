"""What a person wrote now, cut out of what mail programs put around it; and that no line of it is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.letters import letter
from workflow.mail.inbound.classify import classify
from workflow.mail.inbound.html import text_of_html
from workflow.mail.inbound.matching import Ours
from workflow.mail.inbound.replies import split
from workflow.mail.inbound.unsubscribe import wish

WORDS = "Yes, let us talk next week."

# How each program introduces what it quotes: first those that mark the lines, then those that do not.
INTRODUCED = [
    "On Thu, Nov 19, 2026 at 9:15 AM Dana Lee <dana@ours.test> wrote:",
    "On Thu, Nov 19, 2026 at 9:15 AM Dana Lee from the team of Acme\n<dana@ours.test> wrote:",
    "On 19/11/2026 09:15, Dana Lee wrote:",
    "On 19 Nov 2026, at 09:15, Dana Lee <dana@ours.test> wrote:",
    "На чт, 19.11.2026 г. в 9:15 Dana Lee <dana@ours.test> написа:",
    "На 19.11.2026 г. в 09:15 ч., Дана Лий написа:",
    "На 19 ноември 2026 г. 9:15:02 Дана Лий\n<dana@ours.test> написа:",
    "Am Do., 19. Nov. 2026 um 09:15 Uhr schrieb Dana Lee <dana@ours.test>:",
    "Am 19.11.2026 um 09:15 schrieb Dana Lee:",
    "Le jeu. 19 nov. 2026 à 09:15, Dana Lee <dana@ours.test> a écrit :",
    "El jue, 19 nov 2026 a las 9:15, Dana Lee (<dana@ours.test>) escribió:",
    "чт, 19 нояб. 2026 г. в 09:15, Dana Lee <dana@ours.test>:",
    "19 ноября 2026 г., в 09:15, Дана Ли <dana@ours.test> написал(а):",
    "Четверг, 19 ноября 2026, 9:15 +03:00 от Дана <dana@ours.test>:",
    "2026-11-19 9:15 GMT+02:00 Dana Lee <dana@ours.test>:",
    "Цитат от Dana Lee <dana@ours.test>:",
]
ORIGINALS = [
    "________________________________\nFrom: Dana Lee <dana@ours.test>\nSent: Thu\nTo: Moss, Pat\nSubject: Acme pilot",
    "-----Original Message-----\nFrom: Dana Lee\nSent: Thursday\nTo: Pat\nSubject: Acme pilot",
    "*From:* Dana Lee <dana@ours.test>\n*Sent:* Thursday, November 19, 2026\n*To:* Pat\n*Subject:* Acme pilot",
    "От: Dana Lee <dana@ours.test>\nИзпратено: четвъртък, 19 ноември 2026 г. 9:15\nДо: Пат Мос\nТема: Acme pilot",
    "-------- Оригинално писмо --------\nОт: Dana dana@ours.test\nОтносно: Acme\nДо: Pat\nИзпратено на: 19.11.2026",
    "-----Оригинално съобщение-----\nОт: Dana Lee",
    "Von: Dana Lee <dana@ours.test>\nGesendet: Donnerstag, 19. November 2026 09:15\nAn: Moss, Pat\nBetreff: Acme pilot",
    "-----Ursprüngliche Nachricht-----\nVon: Dana",
    "De : Dana Lee <dana@ours.test>\nEnvoyé : jeudi 19 novembre 2026 09:15\nÀ : Pat\nObjet : Acme pilot",
    "De: Dana Lee <dana@ours.test>\nEnviado el: jueves, 19 de noviembre de 2026 9:15\nPara: Pat\nAsunto: Acme pilot",
    "От: Dana Lee <dana@ours.test>\nОтправлено: 19 ноября 2026 г. 9:15\nКому: Pat\nТема: Acme pilot",
    "-------- Исходное сообщение --------\nОт: Dana",
    "---- On Thu, 19 Nov 2026 09:15:02 +0200 Dana Lee <dana@ours.test> wrote ----",
    "---------- Forwarded message ---------\nFrom: Dana",
    "Begin forwarded message:\n\nFrom: Dana",
]
QUOTED = "Would a pilot help?\nReply STOP to unsubscribe."
MARKED = "> Would a pilot help?\n>\n> Reply STOP to unsubscribe."


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("head", INTRODUCED)
@pytest.mark.parametrize("quoted", [MARKED, QUOTED])
def test_what_a_line_introduces_is_folded(head: str, quoted: str) -> None:
    found = split(f"{WORDS}\n\n{head}\n\n{quoted}\n")
    assert found.visible == WORDS
    assert lines(found.quoted) == lines(f"{head}\n{quoted}")


@pytest.mark.parametrize("head", ORIGINALS)
def test_what_stands_below_the_headers_of_the_answered_mail_is_folded(head: str) -> None:
    found = split(f"{WORDS}\n\n{head}\n\n{QUOTED}\n")
    assert found.visible == WORDS
    assert lines(found.quoted) == lines(f"{head}\n{QUOTED}")


def test_an_answer_below_or_between_the_quoted_lines_is_visible() -> None:
    below = split(f"{INTRODUCED[0]}\n{MARKED}\n\n{WORDS}\n\n-- \nPat Moss\nCOO")
    assert below.visible == WORDS
    between = split(f"Hello,\n\n{INTRODUCED[4]}\n> Would a pilot help?\nYes.\n> When?\nOn Tuesday.\n")
    assert lines(between.visible) == ["Hello,", "Yes.", "On Tuesday."]


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("Yes.\n\nDana <dana@ours.test> ezt írta (2026. nov. 19., Cs, 9:15):\n\nWould", "Yes."),
        ("Yes.\n\nSent from Yahoo Mail\n\n  On Thu, Nov 19, 2026 at 9:15 AM, Dana<d@ours.test> wrote:   Why?", "Yes."),
        ("Ja.\n\nMit freundlichen Grüßen / Best regards\n\nPat Moss\nCOO", "Ja."),
        ("Yes\n\nThanks & Regards,\nPat", "Yes"),
        ("Да.\n\n>-------- Оригинално писмо --------\n>От:  Dana dana@ours.test\n>До: pat\n\n> Would", "Да."),
        ("Да.\n\n >-------- Оригинално писмо --------\n >От: Dana\n >Изпратено на: 19.11.2026 10:15\n\nВъпрос", "Да."),
        ("Става.\n\nВземете Outlook за Android\n", "Става."),
        ("We have\nOutlook only, for Android.", "We have\nOutlook only, for Android."),
        ("Yes.\n\nPat\n\n> On 19 Nov 2026, at 09:15, Dana <d@ours.test> wrote:\n> \n> Would", "Yes.\n\nPat"),
        ("We agree to it.\n\nThanks Dana\nPat", "We agree to it."),
        ("We agree to it.\n\nThanks for the offer\nWe take it", "We agree to it.\n\nThanks for the offer\nWe take it"),
        ("We agree.\n\nThanks\nWe take the big one.", "We agree.\n\nThanks\nWe take the big one."),
    ],
)
def test_an_answer_ends_where_its_writer_stopped(text: str, visible: str) -> None:
    assert split(text).visible == visible


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nPat Moss\nCOO, Prospect Ltd\n+359 888 123 456",
        "--\nPat",
        "Best regards,\nPat Moss\nCOO",
        "Kind regards\n\nPat Moss | Prospect Ltd",
        "Поздрави,\nПат Мос",
        "С уважение,\nПат Мос\nУправител\nтел. 0888 123 456",
        "Mit freundlichen Grüßen\nPat Moss",
        "Cordialement,\nPat",
        "Un saludo,\nPat",
        "С наилучшими пожеланиями,\nПат Мосс",
        "Sent from my iPhone",
        "Изпратено от моя iPhone",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Отправлено с iPhone",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
    ],
)
@pytest.mark.parametrize("tail", ["", f"\n\n{INTRODUCED[0]}\n{MARKED}", f"\n\n{ORIGINALS[0]}\n\n{QUOTED}"])
def test_a_signature_is_folded(signature: str, tail: str) -> None:
    found = split(f"{WORDS}\n\n{signature}{tail}")
    assert found.visible == WORDS
    assert set(lines(signature)) <= set(lines(found.quoted))


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, that works for me.",
        "Thanks!",
        "Hello Dana,\n\nThank you!\nPat",
        "Best regards,\nPat\n\nP.S. Can you call on Tuesday instead?",
        "We take it.\n\nBest regards,\nPat\n\nP.S. no fax",
        "To: do for next week is the budget.\nFrom: my point of view it is fine.",
        "He wrote:\nplease call me.\nSo call him.",
        "The offer you wrote on 19.11. is fine: we take it.",
        "We need three things:\n- a price\n- a date",
        "Поздрави на екипа! Нека се чуем утре.",
        "On Tuesday I have time:\nfrom 10 to 12",
    ],
)
def test_words_that_only_look_like_it_stay_visible(text: str) -> None:
    assert lines(split(text).visible) == lines(text)


def test_html_alone_is_read_as_text_without_anything_that_acts() -> None:
    page = (
        "<html><head><style>p{color:red}</style><script>alert(1)</script></head><body><p>Yes, let us talk<br>next "
        "week &amp; "
        "soon.</p><img src='https://track.test/p.gif' alt='x'><a href='javascript:x()'>link</a><div "
        "class='gmail_quote'>"
        "On Thu, Nov 19, 2026 at 9:15 AM Dana &lt;dana@ours.test&gt; wrote:<br><blockquote><div>Would a pilot "
        "help?</div>"
        "<div>Reply STOP</div></blockquote></div></body></html>"
    )
    found = classify(letter(page, kind="text/html"), ours=Ours())
    assert lines(found.reply.visible) == ["Yes, let us talk", "next week & soon.", "link"]
    assert lines(found.reply.quoted)[-2:] == ["> Would a pilot help?", "> Reply STOP"]
    assert "track" not in found.reply.visible + found.reply.quoted
    assert "alert" not in found.reply.visible + found.reply.quoted


def test_the_headers_outlook_writes_in_html_fold_what_follows() -> None:
    page = (
        "<p class=MsoNormal>Hallo Dana, bitte nächste Woche.<o:p></o:p></p><div style='border-top:solid #E1E1E1 1.0pt'>"
        "<p><b>Von:</b> Dana Lee &lt;dana@ours.test&gt;<br><b>Gesendet:</b> Donnerstag, 19. November 2026 09:15<br>"
        "<b>An:</b> Moss, Pat<br><b>Betreff:</b> Acme pilot</p></div><p>Would a pilot help?</p>"
    )
    found = split(text_of_html(page))
    assert found.visible == "Hallo Dana, bitte nächste Woche."


@pytest.mark.parametrize(
    ("charset", "coding"),
    [("windows-1251", "8bit"), ("koi8-r", "base64"), ("utf-8", "quoted-printable"), ("iso-8859-5", "8bit")],
)
def test_bulgarian_survives_each_charset(charset: str, coding: str) -> None:
    text = "Здравейте, нека се чуем другата седмица.\n\nНа 19.11.2026 9:15, Дана написа:\n> Ще помогне ли?"
    found = classify(letter(text, charset=charset, coding=coding, subject="Отг: Проект"), ours=Ours())
    assert (found.reply.visible, found.subject) == ("Здравейте, нека се чуем другата седмица.", "Отг: Проект")


@pytest.mark.parametrize(
    ("charset", "named"),
    [("windows-1251", "us-ascii"), ("koi8-r", "x-unknown"), ("utf-8", "us-ascii"), ("utf-8", "utf-8-x")],
)
def test_a_charset_that_is_missing_or_wrong_is_guessed(charset: str, named: str) -> None:
    content = letter("Добър ден, интересно ни е предложението ви.", charset=charset)
    content = content.replace(f"charset={charset}".encode(), f"charset={named}".encode())
    assert classify(content, ours=Ours()).reply.visible == "Добър ден, интересно ни е предложението ви."


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "Unsubscribe.", "Please remove me from your list.", "Do not contact me again",
        "Please stop emailing me.",
        "Отпишете ме, моля.", "Моля, не ми пишете повече.", "Не желая да получавам писма от вас.",
        "Спрете да ми пращате имейли",
        "Bitte keine weiteren E-Mails.", "Bitte streichen und nicht mehr kontaktieren", "Merci de me désinscrire.",
        "I want you to stop emailing me.", "Please opt me out.", "Opt out", "Не ми изпращайте повече оферти.",
        "Моля, изтрийте адреса ми.", "Не присылайте мне больше писем", "Удалите меня из списка.",
        "Veuillez supprimer mon adresse.", "No nos contacten.",
        "Не ме безпокойте повече", "Merci de me retirer de votre liste",
        "Ne me contactez plus.", "Quiero darme de baja", "No me escriban más", "Отпишите меня", "Больше не пишите мне",
    ],
)  # fmt: skip
def test_a_wish_not_to_be_written_to_is_heard_in_the_new_words_only(text: str) -> None:
    found = classify(letter(text), ours=Ours())
    assert (found.kind, bool(found.opt_out)) == ("reply", True)
    quoted = classify(letter(f"{WORDS}\n\n{INTRODUCED[0]}\n> {text}"), ours=Ours())
    assert (quoted.kind, quoted.opt_out) == ("reply", "")


@pytest.mark.parametrize(
    "text",
    [
        "Do not stop.",
        "We stop by on Tuesday.",
        "I remove the old one and take yours.",
        "Не ми е удобно днес.",
        "Do not contact me before Monday.",
        "Please don't send me the price by mail, call me.",
        "Не ми пишете на този адрес, а на другия.",
        "Ich habe keine Nachrichten erhalten.",
        "Спираме до 15 ч.",
        "Can our customers opt out of emails?",
        "Don't email me the contract, post it.",
        "Не ми звънете, пишете ми.",
        "Не ми изпращайте договора, докато не поговорим.",
        "Премахнете менюто от офертата.",
        "Не звоните, напишите на почту.",
        "Не присылайте договор, пока не поговорим.",
        "Удалите настройки и попробуйте снова.",
        "Comment supprimer mon ancien compte ?",
        "No me envíe el contrato todavía.",
        "¿Se puede dar de baja un producto?",
        "How do I unsubscribe users in your product?",
        "Can I remove users from the plan?",
        "We want to stop sending invoices by hand, can you help?",
    ],
)
def test_other_words_are_no_such_wish(text: str) -> None:
    assert wish(text) == ""


PIECES = st.sampled_from(
    [
        *INTRODUCED,
        *ORIGINALS,
        *MARKED.split("\n"),
        WORDS,
        "",
        "-- ",
        "--",
        "Best regards,",
        "Pat",
        "Sent from my iPhone",
        ">",
        "> >",
        "wrote:",
    ]
) | st.text(max_size=60).filter(lambda text: "\r" not in text)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_no_line_is_ever_lost(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    found = split(text)
    assert sorted([*lines(found.visible), *lines(found.quoted)]) == sorted(lines(text))
