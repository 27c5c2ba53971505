"""The sentences of an explanation by their codes, in English and Bulgarian; `telling` fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SAYS: Final[Mapping[str, tuple[str, str]]] = {
    # --- a touch: when it was to be
    "planned.first": (
        "The sequence began. This step comes {delay} after {since}, which makes it due {due}.",
        "Поредицата започна. Тази стъпка е {delay} след {since}, тоест {due}.",
    ),
    "planned.at_once": (
        "The sequence began. This step comes at once, which makes it due {due}.",
        "Поредицата започна. Тази стъпка е веднага, тоест {due}.",
    ),
    "planned.after": (
        "The sequence began. This step comes {delay} after the end of step “{before}”, expected {due}.",
        "Поредицата започна. Тази стъпка е {delay} след края на стъпка „{before}“, очаквано {due}.",
    ),
    "planned.meeting": (
        "The sequence began. This step comes {lead} before the meeting of {meeting}, which makes it due {due}.",
        "Поредицата започна. Тази стъпка е {lead} преди срещата от {meeting}, тоест {due}.",
    ),
    "planned.skipped": (
        "The sequence began, and this step was left out: {reason}",
        "Поредицата започна, а тази стъпка беше пропусната: {reason}",
    ),
    "released": (
        "What it waited for ended {since}. This step comes {delay} later, which makes it due {due}.",
        "Това, което изчакваше, приключи {since}. Тази стъпка е {delay} по-късно, тоест {due}.",
    ),
    "anchored": (
        "The meeting is {meeting} now. This step comes {lead} before it, which makes it due {due}.",
        "Срещата вече е {meeting}. Тази стъпка е {lead} преди нея, тоест {due}.",
    ),
    "followed": (
        "Version {number} of the playbook was published, and the sequence follows it. This step is now due {due}.",
        "Публикувана беше версия {number} на наръчника и поредицата я следва. Тази стъпка вече е за {due}.",
    ),
    "joined": (
        "Version {number} of the playbook was published and has this step too, due {due}.",
        "Публикувана беше версия {number} на наръчника, в която има и тази стъпка, за {due}.",
    ),
    "moved_by_window": (
        "By the delay alone it would have been {raw}; the send window ({window}) moved it to the next opening.",
        "Само по срока щеше да е {raw}; времето за изпращане ({window}) го премести до следващото отваряне.",
    ),
    "place": (
        "Counted by the clock of {zone} ({whose}).",
        "Броено по часовника на {zone} ({whose}).",
    ),
    "place.country": (
        "Counted by the clock of {zone} ({whose}), with the holidays of {country}.",
        "Броено по часовника на {zone} ({whose}), с празниците на {country}.",
    ),
    "until": ("It may leave until {until}.", "Може да тръгне до {until}."),
    # --- a touch: its turn
    "begun": ("Its turn came, and nothing held it.", "Дойде редът му и нищо не го спря."),
    "begun.window": ("The send window ({window}) was open.", "Беше време за изпращане ({window})."),
    "begun.any_hour": ("This step may leave at any hour.", "Тази стъпка може да тръгне по всяко време."),
    "begun.forced": (
        "A person sent it ahead of its time, so neither window nor gap was asked.",
        "Изпратен е предсрочно от човек, затова не са гледани нито времето за изпращане, нито паузата.",
    ),
    "held.limit": (
        "Held: the prospect has got as many emails as the playbook allows. Asked again {next}.",
        "Задържан: клиентът е получил толкова имейла, колкото позволява наръчникът. Нов ред {next}.",
    ),
    "begun.gap": (
        "The prospect's last email was {last}, longer ago than the gap of {gap}.",
        "Последният имейл до клиента беше {last}, по-отдавна от паузата от {gap}.",
    ),
    "held.window": (
        "Held: the send window ({window}) was closed. Asked again at its opening, {next}.",
        "Задържан: беше извън времето за изпращане ({window}). Нов ред при отварянето му, {next}.",
    ),
    "held.away": (
        "Held: the prospect is out of the office until {until}. Asked again {next}.",
        "Задържан: клиентът е извън офиса до {until}. Нов ред {next}.",
    ),
    "held.pause": (
        "Held: the prospect asked for a pause until {until}. Asked again {next}.",
        "Задържан: клиентът поиска пауза до {until}. Нов ред {next}.",
    ),
    "held.held": (
        "Held: a colleague wants no email to leave until {until}. Asked again {next}.",
        "Задържан: по желание на колега имейлите изчакват до {until}. Нов ред {next}.",
    ),
    "held.gap": (
        "Held: the prospect's last email was {last}, and {gap} lie between two. Asked again {next}.",
        "Задържан: последният имейл до клиента беше {last}, а между два има {gap}. Нов ред {next}.",
    ),
    "late": (
        "Skipped: it should have left by {until}, and its turn came later.",
        "Пропуснат: трябваше да тръгне до {until}, а редът му дойде по-късно.",
    ),
    "late.ask": (
        "It should have left by {until}, and its turn came later: since then it waits for a person to send or skip it.",
        "Трябваше да тръгне до {until}, а редът му дойде по-късно: оттогава чака човек да го изпрати или пропусне.",
    ),
    "late.send": (
        "It should have left by {until}, and its turn came later: its playbook sends it all the same.",
        "Трябваше да тръгне до {until}, а редът му дойде по-късно: по наръчника се изпраща въпреки това.",
    ),
    "limit.all": (
        (
            "It was due {due} and left {span} later: all mailboxes together had sent {count} emails,"
            " and the playbook allows {limit} in {window}."
        ),
        (
            "Беше за {due} и тръгна {span} по-късно: всички кутии заедно вече бяха изпратили {count} имейла,"
            " а наръчникът позволява {limit} за {window}."
        ),
    ),
    "limit.hour": (
        (
            "It was due {due} and left {span} later: its mailbox had sent {count} emails in the hour before,"
            " and the playbook allows {limit}."
        ),
        (
            "Беше за {due} и тръгна {span} по-късно: кутията вече беше изпратила {count} имейла за час,"
            " а наръчникът позволява {limit}."
        ),
    ),
    "limit.day": (
        (
            "It was due {due} and left {span} later: its mailbox had sent {count} emails in the day before,"
            " and the playbook allows {limit}."
        ),
        (
            "Беше за {due} и тръгна {span} по-късно: кутията вече беше изпратила {count} имейла за ден,"
            " а наръчникът позволява {limit}."
        ),
    ),
    "limit.gap": (
        "It was due {due} and left {span} later: its mailbox leaves {gap} between two emails.",
        "Беше за {due} и тръгна {span} по-късно: кутията оставя {gap} между два имейла.",
    ),
    "limit.other": (
        (
            "It was due {due}, and its turn came {span} later: others were before it, its mailbox was paused,"
            " or nothing was running."
        ),
        (
            "Беше за {due}, а редът му дойде {span} по-късно: преди него имаше други, кутията беше спряна"
            " или нищо не работеше."
        ),
    ),
    "waits": ("{reason} Asked again {next}.", "{reason} Нов ред {next}."),
    "put_back": ("Put back before it left. Asked again {next}.", "Върнат, преди да тръгне. Нов ред {next}."),
    "sent": ("Sent: the mail server took it.", "Изпратен: пощенският сървър го прие."),
    "sent.code": ("Sent: the mail server took it ({code}).", "Изпратен: пощенският сървър го прие ({code})."),
    "written.shipped": (
        "Written in {language} from the template “{template}” as it came with the product.",
        "Написан на {language} по шаблона „{template}“, както е в продукта.",
    ),
    "written.version": (
        "Written in {language} from version {number} of the template “{template}”.",
        "Написан на {language} по версия {number} на шаблона „{template}“.",
    ),
    "written.own": (
        "Written by hand for this one email (version {number}), in place of the template “{template}”.",
        "Написан само за този имейл (версия {number}), вместо шаблона „{template}“.",
    ),
    "written.variant": (
        "Of the variants of this step “{variant}” was taken.",
        "От вариантите на стъпката е взет „{variant}“.",
    ),
    "because": ("{reason}", "{reason}"),
    # --- a touch: how it stands
    "stands.waits": (
        "It waits for step “{before}”, which is {state}.",
        "Изчаква стъпка „{before}“, която е {state}.",
    ),
    "stands.due": ("It is planned for {due}.", "Планиран е за {due}."),
    "stands.asks": (
        "It waits since {since} for a person to send or skip it.",
        "От {since} чака човек да го изпрати или пропусне.",
    ),
    "stands.held": ("It is due, and does not leave now: {reason}", "Време му е, а сега не тръгва: {reason}"),
    "stands.ended": ("It is {state}: {reason}", "Състояние: {state}. {reason}"),
    "stands": ("It is {state}.", "Състояние: {state}."),
    "stopped": ("The sequence was stopped: {reason}", "Поредицата беше спряна: {reason}"),
    "stopped.by": ("That was told by {actor}: {event}.", "Съобщено от: {actor} ({event})."),
    "not_kept": (
        "It was planned before Onward kept what it decides from, so only the result is known.",
        "Планирано е, преди Onward да пази от какво решава, затова се знае само резултатът.",
    ),
    "differs": (
        (
            "Careful: asked again, this line does not come out as it stands ({what}). It was altered, or this release"
            " decides differently."
        ),
        "Внимание: при повторно питане този ред не излиза така ({what}). Той е променян или тази версия решава иначе.",
    ),
    "unreadable": ("A line of the record cannot be read.", "Един ред от записа не може да бъде прочетен."),
    "lost_step": (
        "Version {number} of the playbook ({digest}) has no such step any more.",
        "Във версия {number} на наръчника ({digest}) вече няма такава стъпка.",
    ),
    # --- a sequence or step that is not there
    "starts.stage": (
        "It begins when the prospect enters the stage “{stage}” (line {line} of the playbook).",
        "Започва, когато клиентът влезе в етап „{stage}“ (ред {line} от наръчника).",
    ),
    "starts.stage.outcome": (
        (
            "It begins when the prospect enters the stage “{stage}” with the outcome “{outcome}” (line {line} of the"
            " playbook)."
        ),
        "Започва, когато клиентът влезе в етап „{stage}“ с резултат „{outcome}“ (ред {line} от наръчника).",
    ),
    "starts.event": (
        "It begins with this event: {event} (line {line} of the playbook).",
        "Започва с това събитие: {event} (ред {line} от наръчника).",
    ),
    "no_start": ("No such event has come yet.", "Такова събитие още няма."),
    "no_start.stage": (
        "The prospect has not entered that stage yet and stands in “{here}” since {since}.",
        "Клиентът още не е влизал в този етап и е в „{here}“ от {since}.",
    ),
    "way": ("The way there: {way}.", "Пътят дотам: {way}."),
    "way.none": ("No way leads there from “{here}”.", "От „{here}“ няма път дотам."),
    "way.ready": (
        "The next move, “{trigger}”, lacks nothing: somebody has to make it.",
        "За следващия преход „{trigger}“ не липсва нищо: някой трябва да го направи.",
    ),
    "way.missing": (
        "The next move, “{trigger}”, is not possible yet: {reason}",
        "Следващият преход „{trigger}“ още не е възможен: {reason}",
    ),
    "withheld": (
        "Its start came ({event}), and it was withheld: {reason}",
        "Началото ѝ дойде ({event}), но тя не започна: {reason}",
    ),
    "was_active": (
        "Its start came ({event}) while it was under way already, so nothing new began.",
        "Началото ѝ дойде ({event}), докато тя вече течеше, затова не започна нова.",
    ),
    "other_version": (
        "Its start came ({event}) under version {number} of the playbook ({digest}), in which it does not begin it.",
        "Началото ѝ дойде ({event}) при версия {number} на наръчника ({digest}), в която то не я започва.",
    ),
    "other_outcome": (
        "The prospect entered the stage, but with another outcome: {outcome}.",
        "Клиентът влезе в етапа, но с друг резултат: {outcome}.",
    ),
    "start_not_kept": (
        "Its start came ({event}), and of that time nothing was kept that says why it did not begin.",
        "Началото ѝ дойде ({event}), но от това време не е запазено защо не е започнала.",
    ),
    "refused": (
        "An event that came ({event}) was not applied: {reason}",
        "Дойде събитие ({event}), което не беше приложено: {reason}",
    ),
    "began": (
        "The sequence began, by version {number} of the playbook ({digest}).",
        "Поредицата започна по версия {number} на наръчника ({digest}).",
    ),
    "began.by": (
        (
            "The sequence began after this: {event}, told by {actor}. It follows version {number} of the playbook"
            " ({digest})."
        ),
        (
            "Поредицата започна след това: {event}, съобщено от: {actor}. Тя следва версия {number} на наръчника"
            " ({digest})."
        ),
    ),
    "running": ("It is under way.", "Тя тече."),
    "completed": ("It came to its end.", "Тя завърши."),
    "failed": ("It ended: {reason}", "Тя беше прекратена: {reason}"),
    "no_step": (
        "The version that this enrollment follows has no step “{step}”.",
        "Във версията, която следва, няма стъпка „{step}“.",
    ),
    "no_step.newer": (
        "The version that this enrollment follows has no step “{step}”; the playbook in force has it, at line {line}.",
        "Във версията, която следва, няма стъпка „{step}“; сегашният наръчник я има, на ред {line}.",
    ),
    "step_stands": ("Step “{step}” is {state}: {reason}", "Стъпка „{step}“ е {state}: {reason}"),
    "step_due": ("Step “{step}” is {state}, planned for {due}.", "Стъпка „{step}“ е {state}, планирана за {due}."),
    "step_waits": (
        "Step “{step}” waits for step “{before}”, which is {state}.",
        "Стъпка „{step}“ изчаква стъпка „{before}“, която е {state}.",
    ),
    "not_now": (
        "The playbook in force has no such sequence any more.",
        "В сегашния наръчник вече няма такава поредица.",
    ),
    "may_begin": (
        "Should its start come now, it would begin.",
        "Ако началото ѝ дойде сега, тя ще започне.",
    ),
    "would_be_withheld": (
        "Should its start come now, it would not begin: {reason}",
        "И ако началото ѝ дойде сега, тя няма да започне: {reason}",
    ),
}
