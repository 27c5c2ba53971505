"""Automatic mail in six languages: known by headers, by subject, by wording, and never taken from a person."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.letters import ORIGINAL, PAT, letter
from workflow.mail.inbound.away import Away
from workflow.mail.inbound.classify import Classified, Kind, classify
from workflow.mail.inbound.matching import Ours

SENT = datetime(2026, 11, 19, 8, 15, tzinfo=UTC)
REPLYING = {"In-Reply-To": ORIGINAL, "Return-Path": f"<{PAT}>"}
CODINGS = [("utf-8", "8bit"), ("utf-8", "base64"), ("utf-8", "quoted-printable")]
CYRILLIC = [*CODINGS, ("windows-1251", "8bit"), ("windows-1251", "quoted-printable"), ("koi8-r", "base64")]
LATIN = [*CODINGS, ("iso-8859-1", "8bit"), ("iso-8859-15", "quoted-printable")]

# Subject, text, the day of return, the charsets of such mail.
ABSENCES = [
    (
        "Automatic reply: Acme pilot",
        "I am out of the office and will be back on 12 January.",
        date(2027, 1, 12),
        CODINGS,
    ),
    (
        "Out of Office Re: Acme pilot",
        "Thanks for your mail. I am on annual leave until Monday, 30 November.",
        date(2026, 11, 30),
        CODINGS,
    ),
    (
        "Автоматичен отговор: Acme",
        "Здравейте, в отпуск съм до 12.01.2027 г. При спешност: 0888 123 456.",
        date(2027, 1, 12),
        CYRILLIC,
    ),
    ("Извън офиса: Acme pilot", "Отсъствам от 5 до 9 януари. Ще Ви отговоря след това.", date(2027, 1, 10), CYRILLIC),
    ("Автоматичен отговор", "Няма да бъда в офиса до 12 януари включително.", date(2027, 1, 13), CYRILLIC),
    ("Automatische Antwort: Acme", "Ich bin bis einschließlich 12. Januar nicht im Büro.", date(2027, 1, 13), LATIN),
    ("Abwesenheitsnotiz", "Ich bin vom 21.12.2026 bis zum 04.01.2027 im Urlaub.", date(2027, 1, 5), LATIN),
    (
        "Réponse automatique : Acme",
        "Je suis absent du bureau. Je serai de retour le 5 janvier 2027.",
        date(2027, 1, 5),
        LATIN,
    ),
    (
        "Absence du bureau",
        "Absente jusqu'au 4 janvier. En cas d'urgence, contactez l'accueil.",
        date(2027, 1, 4),
        LATIN,
    ),
    ("Respuesta automática: Acme", "Estaré de vacaciones hasta el 7 de enero de 2027.", date(2027, 1, 7), LATIN),
    ("Fuera de la oficina", "Volveré el lunes 11 de enero.", date(2027, 1, 11), LATIN),
    ("Автоматический ответ: Acme", "Я в отпуске до 11 января 2027 г.", date(2027, 1, 11), CYRILLIC),
    (
        "Автоответ",
        "Буду отсутствовать с 28 декабря по 10 января. По всем вопросам обращайтесь к коллегам.",
        date(2027, 1, 11),
        CYRILLIC,
    ),
]


def read(content: bytes) -> Classified:
    return classify(content, ours=Ours())


@pytest.mark.parametrize(
    ("subject", "text", "back", "charset", "coding"),
    [(subject, text, back, *way) for subject, text, back, ways in ABSENCES for way in ways],
)
def test_an_absence_is_read_in_each_language_and_charset(
    subject: str, text: str, back: date, charset: str, coding: str
) -> None:
    bare = read(letter(text, subject=subject, charset=charset, coding=coding, headers=REPLYING))
    assert (bare.kind, bare.rule, bare.about) == (Kind.AUTOMATIC, "automatic.subject", "away")
    assert bare.away is not None
    assert bare.away.returns_on(ZoneInfo("Europe/Sofia")) == back
    told = read(
        letter(text, subject="Re: Acme", charset=charset, coding=coding, headers={"Auto-Submitted": "auto-replied"})
    )
    assert (told.rule, told.about, told.away and told.away.returns_on()) == ("automatic.header", "away", back)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Auto-Submitted", "auto-replied"),
        ("Auto-Submitted", "auto-generated; vacation"),
        ("AUTO-SUBMITTED", "Auto-Replied (vacation)"),
        ("Auto-Submitted", "auto-notified"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", "Acme pilot"),
        ("X-AutoReply-From", PAT),
        ("X-Mail-Autoreply", "1"),
        ("Precedence", "bulk"),
        ("Precedence", "auto_reply"),
        ("Precedence", "Junk"),
        ("Preference", "auto_reply"),
        ("X-POST-MessageClass", "9; Autoresponder"),
        ("Return-Path", "<>"),
    ],
)
def test_a_header_that_says_so_makes_it_automatic(name: str, value: str) -> None:
    found = read(letter("Thank you.", headers={name: value}))
    assert found.kind is Kind.AUTOMATIC
    assert value.lower() in found.evidence.lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", "No (a person)"),
        ("Auto-Submitted", ""),
        ("X-Auto-Response-Suppress", "None"),
        ("X-Auto-Response-Suppress", "DR, RN, NRN"),
        ("X-Autoreply", "no"),
        ("Precedence", "normal"),
        ("Precedence", "list"),
    ],
)
def test_a_header_that_denies_it_does_not(name: str, value: str) -> None:
    assert read(letter("Yes, please call me.", headers={name: value})).kind is Kind.REPLY


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Out of office next week?", "No, I am here. Call me on Tuesday."),
        ("Re: Automatic reply: Acme pilot", "Thanks for waiting, I am back now."),
        ("Re: Acme pilot", "I am on vacation until Monday, let us talk on Tuesday."),
        ("Re: Acme pilot", "I am out of the office until 12 January. Can we talk after that?"),
        ("Re: Acme pilot", "В отпуск съм до понеделник, нека се чуем във вторник."),
        ("Re: Acme pilot", "Отсъствам до петък. Моля, пишете ми тогава, предложението е интересно."),
        ("AW: Acme pilot", "Ich bin bis Montag im Urlaub, danach gerne."),
        ("RE: Acme pilot", "Je suis absent cette semaine, on peut se parler lundi ?"),
        ("RE: Acme", "Estoy de vacaciones hasta el lunes, hablamos el martes."),
        ("Отв: Acme", "Я в отпуске до понедельника, давайте созвонимся во вторник."),
        ("Vacation rentals", "We would be interested in your product for our vacation business."),
        ("Re: Acme pilot", "Благодаря, в отпуск съм. Ще ви отговоря в понеделник."),
        ("Out of office next week", "I am away from Monday. Shall we move the call?"),
        ("Re: Acme pilot", "Please contact my colleague Sam, he decides."),
        ("Re: Acme pilot", "This is urgent, please call me today."),
        ("Отсъствие на документи", "Липсва договорът. Изпратете ми го, моля."),
        ("Request for a demo", "We received your mail and want a demo next week."),
        (
            "Re: Acme pilot",
            "I am out of the office\n\nOn Thu, Nov 19, 2026 at 9:15 AM Dana <d@ours.test> wrote:\n> please contact us",
        ),
    ],
)
def test_a_person_who_is_away_and_answers_has_answered(subject: str, text: str) -> None:
    assert read(letter(text, subject=subject, headers=REPLYING)).kind is Kind.REPLY


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("This is an automatic reply. I am out of office.", "away"),
        (
            "I am currently out of the office with limited access to email. For urgent matters please contact Sam.",
            "away",
        ),
        ("Това е автоматично съобщение. Моля, не отговаряйте на него.", "other"),
        ("В момента съм в отпуск. При спешни въпроси се обърнете към офиса.", "away"),
        ("Ich bin zurzeit nicht im Büro. In dringenden Fällen wenden Sie sich an Frau Maier.", "away"),
        ("Je suis absent. En cas d'urgence, veuillez contacter M. Petit.", "away"),
        ("Estoy fuera de la oficina. Para temas urgentes contacte con Ana.", "away"),
        ("Я в отпуске. По срочным вопросам обращайтесь к Ивану.", "away"),
    ],
)
def test_wording_alone_is_enough_where_nothing_in_it_answers(text: str, about: str) -> None:
    found = read(letter(text, headers=REPLYING))
    assert (found.kind, found.rule, found.about, found.sure) == (Kind.AUTOMATIC, "automatic.wording", about, False)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Your ticket number is 4711.", "acknowledgement"),
        ("Получихме Вашето запитване.", "acknowledgement"),
        ("Pat Moss is no longer with the company. Please write to info@prospect.test.", "left"),
        ("Пат Мос вече не работи в дружеството.", "left"),
        ("Frau Moss ist nicht mehr für unser Unternehmen tätig.", "left"),
        ("Please click here to verify your message and deliver it.", "challenge"),
        ("Hello.", "other"),
    ],
)
def test_what_an_automatic_mail_is_about_is_told_apart(text: str, about: str) -> None:
    found = read(letter(text, headers={"Auto-Submitted": "auto-replied"}))
    assert (found.kind, found.about, found.away) == (Kind.AUTOMATIC, about, None)


@pytest.mark.parametrize(
    "subject", ["[#4711] We received your request: Acme", "Ticket received: Acme", "Ihre Anfrage ist eingegangen"]
)
def test_an_acknowledgement_without_headers_is_known_by_its_title(subject: str) -> None:
    found = read(letter("We have received your request. Ihre Ticketnummer: 4711", subject=subject))
    assert (found.kind, found.about) == (Kind.AUTOMATIC, "acknowledgement")


def test_an_absence_without_any_header_that_promises_an_answer_is_automatic_where_it_answers_nothing_by_id() -> None:
    text = "Благодаря за писмото. В отпуск съм до 5 януари и ще отговоря след завръщането си."
    assert read(letter(text, subject="Re: Acme pilot")).kind is Kind.AUTOMATIC
    assert read(letter(text, subject="Re: Acme pilot", headers=REPLYING)).kind is Kind.REPLY


def test_a_read_receipt_is_automatic() -> None:
    content = (
        f"From: {PAT}\nTo: dana@ours.test\nSubject: Read: Acme pilot\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: "
        "text/plain\n\n"
        "Your message was displayed.\n--b\nContent-Type: message/disposition-notification\n\n"
        f"Final-Recipient: rfc822;{PAT}\nOriginal-Message-ID: {ORIGINAL}\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\n--b--\n"
    )
    found = read(content.encode())
    assert (found.kind, found.about, found.evidence) == (Kind.AUTOMATIC, "receipt", "displayed")


SAYINGS = [
    ("I am out of office until 1 December. Contact sam@x.com.", "2026-12-01"),
    ("Ich bin bis 1. Dezember nicht im Buero.", "2026-12-01"),
    ("Thanks, I am travelling.", None),
    ("I'm back in the office on Monday, January 12th, 2027", "2027-01-12"),
    ("Ще се върна на 12 януари.", "2027-01-12"),
    ("Ще бъда на разположение отново на 12.01.2027", "2027-01-12"),
    ("Отново на линия от 30 ноември", "2026-11-30"),
    ("Отсъствам в периода 23.11.2026 г. - 27.11.2026 г.", "2026-11-28"),
    ("до понеделник няма да съм в офиса", "2026-11-23"),
    ("Ab dem 7. Januar bin ich wieder erreichbar.", "2027-01-07"),
    ("Ich bin ab 7.1. wieder im Büro", "2027-01-07"),
    ("Bin bis Montag unterwegs", "2026-11-23"),
    ("Nächste Woche bin ich wieder da", "2026-11-23"),
    ("bis zum 30.11. im Urlaub", "2026-11-30"),
    ("Je suis absent du 21 décembre au 4 janvier inclus.", "2027-01-05"),
    ("Estaré de vacaciones del 21 de diciembre al 6 de enero", "2027-01-07"),
    ("Вернусь 11.01.2027.", "2027-01-11"),
    ("С 30 ноября снова на связи", "2026-11-30"),
    ("Я отсутствую по 25 ноября включительно", "2026-11-26"),
    ("I am out of the office until Monday.", "2026-11-23"),
    ("I'll be back tomorrow.", "2026-11-20"),
    ("Out of office 2026-12-21 to 2027-01-04", "2027-01-05"),
    ("I will return 2027-01-04", "2027-01-04"),
    ("I am away from December 21 through January 4.", "2027-01-05"),
    ("I am on leave January 5-9.", "2027-01-10"),
    ("On vacation 23.11. - 27.11.", "2026-11-28"),
    ("I am not available from 23 to 27 November", "2026-11-28"),
    ("I will not be back until 5 January", "2027-01-05"),
    ("out of the office starting 11/20/2026 and will not return until 12/01/2026", "2026-12-01"),
    ("From 20.11.2026 I am on vacation. I will be back on 30.11.2026.", "2026-11-30"),
    ("limited access to email until Nov 25, returning Nov 26", "2026-11-26"),
    ("on parental leave until the end of December", "2027-01-01"),
    ("I was out until 15 November.", None),
    ("I have been with the company since 12.03.2019.", None),
    ("Call +359 2 12.11.22, version 2.12, until 17.30", None),
    ("back on 12 January 2031", None),
    ("I will be back on the 2nd.", "2026-12-02"),
    ("I'm back on the 25th at 9 am", "2026-11-25"),
    ("out of the office 12/22-1/3", "2027-01-04"),
    ("Дата на връщане: 04.01.2027", "2027-01-04"),
    ("until 12-Jan-2027", "2027-01-12"),
    ("I am out of the office this week.", "2026-11-23"),
    ("Днес не съм в офиса.", "2026-11-20"),
    ("Out of office today and tomorrow, back on 24 November", "2026-11-24"),
    ("closed between 24 and 31 December", "2027-01-01"),
    ("out of office starting Friday 20 November and returning on Wednesday 2 December.", "2026-12-02"),
    ("I'll respond when I return on Monday, Nov 30. PTO Nov 23 - Nov 27.", "2026-11-30"),
    ("I am on maternity leave until June 2027.", "2027-06-01"),
    ("На работа съм от 30.11.2026 г.", "2026-11-30"),
    ("отпуск 23-27.11.2026", "2026-11-28"),
    ("Отсъствам от офиса до 1-ви декември.", "2026-12-01"),
    ("Ich bin vom 23. bis 27. November im Urlaub und ab dem 30. November wieder für Sie da.", "2026-11-30"),
    ("Je serai de retour lundi.", "2026-11-23"),
    ("Estaré ausente del 23/11/2026 al 27/11/2026, ambos inclusive", "2026-11-28"),
    ("Vuelvo el lunes", "2026-11-23"),
    ("Выйду на работу 30.11", "2026-11-30"),
    ("Ich bin nicht im Büro und ab 1. Dezember wieder da. Es vertritt mich Frau Müller.", "2026-12-01"),
    ("Bin ab Mo., 30.11. wieder da.", "2026-11-30"),
    ("Буду на работе 30 ноября.", "2026-11-30"),
    ("Меня не будет на работе 30 ноября.", None),
    ("Ще съм в офиса на 30 ноември.", "2026-11-30"),
    ("Няма да съм в офиса на 30 ноември.", None),
    ("I am not in the office and back on 1 December.", "2026-12-01"),
    ("Няма ме в офиса и се връщам на 1 декември.", "2026-12-01"),
    ("Je ne suis pas au bureau et de retour le 1er décembre.", "2026-12-01"),
    ("I am out of the office until further notice.", None),
    ("I will be out of the office on 24 November.", None),
    ("Thank you for your message of 18.11.2026. I am absent until 24.11.2026.", "2026-11-24"),
    ("Will be back mid December", None),
    ("I am on leave until November", None),
    ("I am on leave until June 2031", None),
    ("I am out of the office for two weeks.", "2026-12-03"),
    ("I am on vacation for a week.", "2026-11-26"),
    ("I will be away for the next 10 days.", "2026-11-29"),
    ("В отпуск съм за две седмици.", "2026-12-03"),
    ("Отсъствам две седмици", "2026-12-03"),
    ("Следващите три дни няма да съм в офиса.", "2026-11-22"),
    ("Ich bin zwei Wochen im Urlaub.", "2026-12-03"),
    ("Ich bin für eine Woche nicht im Büro", "2026-11-26"),
    ("Je suis en congé pour deux semaines", "2026-12-03"),
    ("Estoy de vacaciones dos semanas", "2026-12-03"),
    ("Я в отпуске две недели", "2026-12-03"),
    ("I am on leave for three months.", "2027-02-19"),
    ("I'll be back in two weeks.", "2026-12-03"),
    ("Ще се върна след две седмици.", "2026-12-03"),
    ("Bin in zwei Wochen wieder da", "2026-12-03"),
    ("I am away for two weeks, back on 1 December.", "2026-12-01"),
    ("I am on leave. We answer within two days.", None),
    ("I have been away for the last two weeks.", None),
    ("I am out of office. Orders take two weeks.", None),
    ("Отсъствам. Ще отговорим до два дни.", None),
    ("Отсъствам, ще отговоря утре.", "2026-11-20"),
    ("Извън офиса съм. Ще Ви отговоря на писмото в понеделник.", "2026-11-23"),
    ("I am out today and will answer tomorrow.", "2026-11-20"),
    ("I am away. I will reply to your message of 19 November when I can.", None),
    ("Отсъствам до 30.XI.2026 г.", "2026-11-30"),
    ("отпуск 23.ХI. - 27.XI.", "2026-11-28"),
    ("На работа съм от 4.I.2027", "2027-01-04"),
    ("отпуск 23-27.XI.2026", "2026-11-28"),
    ("Chapter 1.ii, until 3.v and so on", None),
    ("I am out of office; please give two weeks notice.", None),
    ("I left two weeks ago and am away.", None),
    ("I will be out for a couple of days", "2026-11-21"),
    ("Преди две седмици излязох в отпуск.", None),
]


@pytest.mark.parametrize(("text", "day"), SAYINGS)
def test_the_day_of_return_is_read_from_what_people_write(text: str, day: str | None) -> None:
    found = Away(text, SENT).returns_on(ZoneInfo("Europe/Sofia"))
    assert (found.isoformat() if found else None) == day


def test_1_12_is_read_as_the_sender_writes_it() -> None:
    american = letter(
        "I will be back on 12/1.", headers={"Auto-Submitted": "auto-replied"}, date="Thu, 19 Nov 2026 08:15:30 -0500"
    )
    european = letter("I will be back on 1/12.", headers={"Auto-Submitted": "auto-replied"})
    named = letter("I will be back on 12/1.", headers={"Auto-Submitted": "auto-replied", "Content-Language": "en-US"})
    for content in (american, european, named):
        away = read(content).away
        assert away is not None
        assert away.returns_on() == date(2026, 12, 1)


def test_tomorrow_is_that_of_the_prospect() -> None:
    away = Away("I'll be back tomorrow.", datetime(2026, 11, 19, 23, 30, tzinfo=UTC))
    assert away.returns_on(ZoneInfo("America/New_York")) == date(2026, 11, 20)
    assert away.returns_on(ZoneInfo("Europe/Sofia")) == date(2026, 11, 21)
