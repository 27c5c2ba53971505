"""What to click in each vendor so that it delivers to us: `onward source add` prints it, in English or Bulgarian.

Words only. The names of a vendor's buttons stay as the vendor writes them. docs/sources/ says more of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD: Final = {
    "en": "Enter the address and the secret above where the events come from; the secret is not shown again.",
    "bg": "Въведете горния адрес и тайната там, откъдето идват събитията; тайната няма да бъде показана повторно.",
}
_KEY_OF_THEIRS: Final = {
    "en": "This vendor makes the secret itself. Once you have it: onward source rotate {name} --secret SECRET",
    "bg": "Този доставчик сам създава тайната. Щом я имате: onward source rotate {name} --secret ТАЙНА",
}
THEIRS: Final = frozenset({"hubspot", "close", "mailgun"})
"""Kinds whose secret the vendor makes: one of ours is only a place holder."""

_STEPS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "standard": (
        (
            "Send POST requests signed by Standard Webhooks to the address (docs/webhooks.md).",
            "Изпращайте заявки POST до адреса, подписани по Standard Webhooks (docs/webhooks.md).",
        ),
        (
            "Use the secret whole, with whsec_ before it.",
            "Използвайте цялата тайна, с whsec_ отпред.",
        ),
    ),
    "hubspot": (
        (
            "In your private or public app open “Webhooks” and enter the address as target URL.",
            "В своето приложение (private или public app) отворете „Webhooks“ и въведете адреса като target URL.",
        ),
        (
            (
                "Subscribe to deal.creation, and to deal.propertyChange for dealstage; for people, to "
                "contact.propertyChange for email, phone, company and jobtitle."
            ),
            (
                "Абонирайте се за deal.creation и за deal.propertyChange на dealstage; за хората – за "
                "contact.propertyChange на email, phone, company и jobtitle."
            ),
        ),
        (
            "Copy the client secret of the app from “Auth”.",
            "Копирайте client secret на приложението от „Auth“.",
        ),
        (
            "Optional: onward source token {name} takes the app's access token, to ask for what is left out.",
            "По желание: onward source token {name} приема access token на приложението, за да се пита за липсващото.",
        ),
    ),
    "pipedrive": (
        (
            "Open “Tools and apps”, then “Webhooks”, and choose “Create new webhook”.",
            "Отворете „Tools and apps“, после „Webhooks“, и изберете „Create new webhook“.",
        ),
        (
            "Event action *, event object deal; once more with person, and with activity if calls should count.",
            "Event action *, event object deal; после още веднъж с person, и с activity, ако обажданията се броят.",
        ),
        (
            "Endpoint URL: the address. HTTP auth username: onward. HTTP auth password: the secret.",
            "Endpoint URL: адресът. HTTP auth username: onward. HTTP auth password: тайната.",
        ),
        (
            "Optional: onward source token {name} takes your API token, by which Onward asks for what is left out.",
            "По желание: onward source token {name} приема вашия API token и Onward сам пита за липсващото.",
        ),
    ),
    "salesforce": (
        (
            (
                "In Setup open “Outbound Messages”, choose the object Opportunity (or Lead) and enter the "
                "address as endpoint URL."
            ),
            (
                "В Setup отворете „Outbound Messages“, изберете обекта Opportunity (или Lead) и въведете адреса "
                "като endpoint URL."
            ),
        ),
        (
            (
                "Select the fields Id, LastModifiedDate and StageName (for Lead: Status, Email, FirstName, "
                "LastName, Company)."
            ),
            (
                "Изберете полетата Id, LastModifiedDate и StageName (за Lead: Status, Email, FirstName, "
                "LastName, Company)."
            ),
        ),
        (
            "Let a record-triggered flow send the message when StageName changes.",
            "Нека flow, задействан от записа, изпраща съобщението, когато StageName се промени.",
        ),
        (
            "The address holds the secret: show it to nobody.",
            "Адресът съдържа тайната: не го показвайте на никого.",
        ),
    ),
    "liveagent": (
        (
            (
                "Open “Configuration”, “Automation”, “Rules” and make a rule with the action “HTTP request”, "
                "method POST."
            ),
            (
                "Отворете „Configuration“, „Automation“, „Rules“ и създайте правило с действие „HTTP request“, "
                "метод POST."
            ),
        ),
        (
            "Enter the address, and the header X-Webhook-Secret with the secret.",
            "Въведете адреса и заглавие X-Webhook-Secret с тайната.",
        ),
        (
            (
                'Body: {"event":"customer_message","ticket_id":"{$conversationid}","code":"{$conversationcode}"} '
                "– and more fields as docs/sources/liveagent.md says."
            ),
            (
                'Тяло: {"event":"customer_message","ticket_id":"{$conversationid}","code":"{$conversationcode}"} '
                "– и още полета според docs/sources/liveagent.md."
            ),
        ),
    ),
    "zoho": (
        (
            "Call the Notifications API (actions/watch) with the address as notify_url and the secret as token.",
            "Извикайте Notifications API (actions/watch) с адреса като notify_url и тайната като token.",
        ),
        (
            "Events: Deals.all, Leads.all, Contacts.all, and return_affected_field_values: true.",
            "Събития: Deals.all, Leads.all, Contacts.all, и return_affected_field_values: true.",
        ),
        (
            "A channel ends after a week at most: renew it on a schedule.",
            "Каналът изтича най-късно след седмица: подновявайте го редовно.",
        ),
    ),
    "close": (
        (
            "Call POST /api/v1/webhook/ of Close with the address as url.",
            "Извикайте POST /api/v1/webhook/ на Close с адреса като url.",
        ),
        (
            "Events: opportunity, lead and contact, each with created and updated; activity.call with completed.",
            "Събития: opportunity, lead и contact с created и updated; activity.call с completed.",
        ),
        (
            "The answer holds signature_key: that is the secret.",
            "Отговорът съдържа signature_key: това е тайната.",
        ),
    ),
    "calendly": (
        (
            "Call POST /webhook_subscriptions of Calendly with the address as url and the secret as signing_key.",
            "Извикайте POST /webhook_subscriptions на Calendly с адреса като url и тайната като signing_key.",
        ),
        (
            "Events: invitee.created, invitee.canceled, invitee_no_show.created.",
            "Събития: invitee.created, invitee.canceled, invitee_no_show.created.",
        ),
    ),
    "calcom": (
        (
            "Open “Settings”, “Developer”, “Webhooks” and choose “New”.",
            "Отворете „Settings“, „Developer“, „Webhooks“ и изберете „New“.",
        ),
        (
            "Subscriber URL: the address. Secret: the secret, without which we refuse everything.",
            "Subscriber URL: адресът. Secret: тайната – без нея отказваме всичко.",
        ),
        (
            (
                "Triggers: booking created, rescheduled, cancelled, no-show updated, meeting ended. Leave the "
                "template as it is."
            ),
            (
                "Trigger-и: booking created, rescheduled, cancelled, no-show updated, meeting ended. Не "
                "променяйте шаблона."
            ),
        ),
    ),
    "postmark": (
        (
            "Open the server, its message stream, “Webhooks”, and choose “Add webhook”.",
            "Отворете сървъра, потока от съобщения, „Webhooks“ и изберете „Add webhook“.",
        ),
        (
            "Webhook URL: the address. Basic auth: user onward, password the secret.",
            "Webhook URL: адресът. Basic auth: потребител onward, парола – тайната.",
        ),
        (
            (
                "Events: bounce, spam complaint, subscription change. For replies enter the same in the inbound "
                "stream, with https://onward:SECRET@ before the host."
            ),
            (
                "Събития: bounce, spam complaint, subscription change. За отговорите въведете същото във "
                "входящия поток, с https://onward:ТАЙНА@ пред името на сървъра."
            ),
        ),
    ),
    "mailgun": (
        (
            (
                "Open “Sending”, “Webhooks”, and add the address for permanent failure, spam complaints and "
                "unsubscribes."
            ),
            "Отворете „Sending“, „Webhooks“ и добавете адреса за permanent failure, spam complaints и unsubscribes.",
        ),
        (
            (
                "For replies make a route under “Receiving” with forward() to the address; raw MIME is "
                "understood as well."
            ),
            "За отговорите създайте route в „Receiving“ с forward() към адреса; чист MIME също се разбира.",
        ),
        (
            "Copy the “HTTP webhook signing key” from “API security”.",
            "Копирайте „HTTP webhook signing key“ от „API security“.",
        ),
    ),
    "sendgrid": (
        (
            (
                "For events open “Settings”, “Mail settings”, “Event webhook”, switch “Signed event webhook” on "
                "and copy the verification key: onward source add sendgrid NAME --secret KEY"
            ),
            (
                "За събития отворете „Settings“, „Mail settings“, „Event webhook“, включете „Signed event "
                "webhook“ и копирайте verification key: onward source add sendgrid ИМЕ --secret КЛЮЧ"
            ),
        ),
        (
            "Post URL: the address. Choose bounced, dropped, spam reports, unsubscribes, group unsubscribes.",
            "Post URL: адресът. Изберете bounced, dropped, spam reports, unsubscribes, group unsubscribes.",
        ),
        (
            (
                "For replies open “Inbound parse” and enter the address of a source made without --secret: it "
                "holds the secret."
            ),
            (
                "За отговорите отворете „Inbound parse“ и въведете адреса на източник, създаден без --secret: "
                "той съдържа тайната."
            ),
        ),
    ),
    "ses": (
        (
            "In SNS make a topic, set its SignatureVersion to 2, and let SES publish bounces and complaints to it.",
            "В SNS създайте topic, задайте SignatureVersion 2 и нека SES публикува в него bounces и complaints.",
        ),
        (
            "Subscribe the address by https, without raw message delivery. It holds the secret: show it to nobody.",
            "Абонирайте адреса по https, без raw message delivery. Той съдържа тайната: не го показвайте на никого.",
        ),
        (
            "Then: onward source confirm {name} – it fetches Amazon's certificate and confirms the subscription.",
            "После: onward source confirm {name} – изтегля сертификата на Amazon и потвърждава абонамента.",
        ),
    ),
    "twenty": (
        (
            "Open “Settings”, “APIs & Webhooks”, “Create webhook”.",
            "Отворете „Settings“, „APIs & Webhooks“, „Create webhook“.",
        ),
        (
            "Endpoint URL: the address. Filters: opportunity and person, all actions. Secret: the secret.",
            "Endpoint URL: адресът. Филтри: opportunity и person, всички действия. Secret: тайната.",
        ),
    ),
    "espocrm": (
        (
            "Open “Administration”, “Webhooks”, “Create webhook”, once for each event.",
            "Отворете „Administration“, „Webhooks“, „Create webhook“ – по веднъж за всяко събитие.",
        ),
        (
            (
                "URL: the address with the event behind it, such as /Lead.create or /Opportunity.update. Events: "
                "the same."
            ),
            "URL: адресът и зад него събитието, например /Lead.create или /Opportunity.update. Събития: същите.",
        ),
        (
            "EspoCRM shows a secret key for each: onward source rotate {name} --secret KEY1,KEY2",
            "EspoCRM показва secret key за всеки: onward source rotate {name} --secret КЛЮЧ1,КЛЮЧ2",
        ),
    ),
    "frappe": (
        (
            "Open “Webhook”, “New”: document type CRM Deal (and CRM Lead), event on_update, request method POST.",
            ("Отворете „Webhook“, „New“: document type CRM Deal (и CRM Lead), събитие on_update, request method POST."),
        ),
        (
            "Request URL: the address. Switch “Enable security” on and enter the secret.",
            "Request URL: адресът. Включете „Enable security“ и въведете тайната.",
        ),
        (
            "Data: doctype, name, modified, status, email, organization, lead.",
            "Данни: doctype, name, modified, status, email, organization, lead.",
        ),
    ),
    "github": (
        (
            "Sign the body with HMAC-SHA256 and send it as X-Hub-Signature-256: sha256=…",
            "Подписвайте тялото с HMAC-SHA256 и го изпращайте като X-Hub-Signature-256: sha256=…",
        ),
        (
            "Name each delivery in X-GitHub-Delivery: the same at every attempt.",
            "Дайте име на всяка доставка в X-GitHub-Delivery: едно и също при всеки опит.",
        ),
        (
            "For n8n import docs/sources/n8n.json and enter the address and the secret in it.",
            "За n8n импортирайте docs/sources/n8n.json и въведете в него адреса и тайната.",
        ),
    ),
}


def steps(kind: str, name: str, language: str) -> tuple[str, ...]:
    """What to do at the vendor, a line each, for the source of this kind and name."""
    place = 1 if language == "bg" else 0
    told = [_HEAD[language], *(f"{number}. {step[place]}" for number, step in enumerate(_STEPS[kind], start=1))]
    if kind in THEIRS:
        told.append(_KEY_OF_THEIRS[language])
    return tuple(line.replace("{name}", name) for line in told)
