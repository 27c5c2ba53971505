"""What actions refuse, for readers of another language: sentences as they are, and those that carry a value.

An action raises its sentence in English, which is its own key here. Decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from web.i18n import gettext as _
from web.i18n import later

AS_THEY_ARE: Final = (
    later("Your role does not allow this: ask an administrator."),
    later("Someone was faster: load the newer state and decide again."),
    later("There is nothing at this address: it may have been removed, or never was."),
    later("What was sent cannot be used: correct the named field and send it again."),
    later("There is no such fact: check the address."),
    later("There is no such language here."),
    later("Choose what to do with these emails, and load the list again."),
    later("The list is not the one that was shown: load it again."),
    later("Nobody can stand in for themselves, nor while they are away: choose somebody who is here."),
    later("There is no such person: check the id."),
    later("There is no such rep: check the id."),
    later("There is no such enrollment: check the id."),
    later("This enrollment has ended already."),
    later("“until” must lie in the future, within a year."),
    later("The prospect is away or asked for a pause, and their mail waits for that."),
    later("The mail of this prospect does not wait for anybody."),
    later("The prospect asked for a pause: only an administrator ends it, with a reason."),
    later("A call is planned for 1 to 1440 minutes: write a whole number."),
    later("There is no such prospect: check the id."),
    later("There is no such prospect: it may have been removed, or belong to somebody else."),
    later("There is no such email or task: it may have been removed, or belong to somebody else."),
    later("There is no such meeting: it may have been removed, or belong to somebody else."),
    later("There is no such message: it may have been removed, or belong to somebody else."),
    later("There is no such email: it may not have been written yet."),
    later("There is nothing of that id that you put off: it may be back on your list."),
    later("The playbook has no such script: choose one of its own."),
    later("This call was thrown away: begin a new one."),
    later("This call was written down already: it cannot be thrown away."),
    later("This source has no API token: give it one first, with `onward source token NAME`."),
    later("Changes are looked for every 1 to 1,440 minutes."),
    later("The name of an endpoint has up to 40 small letters, digits, dots, hyphens and underscores."),
    later("There is no such endpoint: it may have been removed."),
    later("There is no such event in the outbox: check the id."),
    later("There is no such event for this endpoint: check the id."),
    later("Nothing is delivered there, because it is switched off: resume it first."),
    later("An import is being worked off, which may name them: erase them when it is over."),
    later("There is no such import: it may have been removed."),
    later("The file of this import was put away: send it again."),
    later("Only an import that was checked can run: check it first."),
    later("The file has a row of column names and nothing below it."),
    later("The delimiter must be a comma, a semicolon, a tab or |."),
    later("Somebody who is known is skipped, updated or merged: say which."),
    later("Dates are dmy or mdy, and the decimal sign is a comma or a point."),
    later("There is no such person to hand the prospects to."),
    later("The import has gone on meanwhile, or is over: look at it again."),
    later("There is no such delivery: check the id."),
    later("The name of a mailbox has up to 40 small letters, digits, dots, hyphens and underscores."),
    later("This is the installation's own mailbox: set ONWARD_MAIL_FROM to let it write as somebody else."),
    later("This is the installation's own mailbox: set ONWARD_MAIL_FROM and ONWARD_SMTP_URL to change it."),
    later("There is no such mailbox."),
    later("There is no such mailbox: check the id."),
    later("There is no such meeting: check the id."),
    later("This meeting was not marked as held or missed: there is nothing to take back."),
    later("A prospect cannot be merged with itself: choose another one."),
    later("One of the two was merged already: open the prospect that it went into."),
    later("One of the two was erased: nothing can be merged with them."),
    later("The mailbox of this email is paused: resume it first."),
    later("There is no such touch: check the id."),
    later("The mail server did not take this email: try it again, or drop it."),
    later("This email has no text of its own: it follows its template already."),
    later("There is no such email: check the id."),
    later("Too many people are signing in just now: try again in half a minute."),
    later("There is no such time zone: write one such as Europe/Sofia."),
    later("A key is valid for 1 to 3660 days, or without end."),
    later("There is no such key, or it was revoked before."),
    later("This is the last administrator: make somebody else one first."),
    later("There is no such publication: check the id."),
    later("Another publication is still moving those in flight: wait until it is done, a clock finishes it."),
    later("A prospect cannot be linked with itself: choose another one."),
    later("These two prospects are not linked: load the page again."),
    later("One of the two was merged meanwhile: open the prospect that it went into."),
    later("One of the two was erased: nobody can be linked with them."),
    later("There is no such replay: check the id."),
    later("The secret must be whsec_ and the base64 of 24 to 64 random bytes."),
    later("The secret must be the signature_key that Close shows: 32 to 128 hexadecimal signs."),
    later("The public key cannot be read: copy it whole from SendGrid, one line of 124 signs."),
    later(
        "The secret must be a token for the address, a certificate of Amazon SNS (PEM), or both, and "
        "may name the topic (arn:aws:sns:…), with commas between them."
    ),
    later("The name of a source has up to 40 small letters, digits and hyphens: it becomes part of its address."),
    later("The API token has up to 4,000 letters, digits and signs on one line: copy it from the vendor again."),
    later("There is no such source: check the id."),
    later("An email has a name of up to 64 small letters, digits, hyphens and underscores."),
    later("Say of each column where it goes."),
    later("No column holds an address, a name, a company or a phone number: say which one."),
    later("The spreadsheet unpacks into far too much: save it as .csv, or split it."),
    later("The spreadsheet is locked with a password: save it without one."),
    later("The spreadsheet holds definitions that no spreadsheet needs."),
    later("The file is empty: it should have a row of column names and a row for each person."),
    later("This is an old .xls file or has a password: save it as .xlsx or .csv."),
    later("This is neither a CSV file nor a spreadsheet: it holds zero bytes."),
    later("The names of the columns cannot be read: choose another encoding."),
    later("The first row cannot be read: its quotes do not match."),
    later("The first row holds a long text where the name of a column should stand."),
    later("The DKIM key is of a kind that DKIM does not know: use RSA or Ed25519."),
    later("The DKIM key cannot be read: give a private key in PEM form without a password."),
    later("The address of the token endpoint must begin with https://."),
    later("The address of the IMAP server cannot be read: write it as imaps://user:password@host."),
)
"""Found by their own words; they stand here so that the catalogue has them."""
_WITH_VALUES: Final = (
    later("Something went wrong on our side; the log tells more under this id: %(id)s"),
    later("“%(field)s” is no plausible time."),
    later("The source %(name)s is paused, or has no API token: resume it, or give it one."),
    later("The playbook has no sequence “%(key)s”: …"),
    later("The playbook has no stage “%(key)s”: use %(known)s."),
    later("The stage for “%(stage)s” has up to %(most)s signs: use an id of the vendor."),
    later("A goal is a whole number from 0 to %(most)s."),
    later("The playbook is larger than %(most)s KB: shorten it."),
    later("There is an endpoint named %(name)s already: choose another name."),
    later("There are no events of the type “%(type)s”: the types are %(known)s."),
    later("An email to them is on its way just now: erase them …."),
    later("The file is larger than %(most)s MB: split it."),
    later("This file was imported in the same way before (%(at)s UTC): nothing was written."),
    later("There is no source “%(name)s”: `onward source` lists them."),
    later("There is a mailbox named %(name)s already: choose another name."),
    later("The DKIM key signs for %(key)s, and the mailbox writes as %(box)s."),
    later("Nobody here has the address %(email)s: add them with `onward rep add`."),
    later("There is no mailbox named %(name)s: `onward mailbox list` shows them."),
    later("The prospect is at version …, not …: look at it again."),
    later("The prospect is at version …, not …: load it again and decide anew."),
    later("This touch is …: only an uncertain email can be resolved."),
    later("The prospect asked for a pause until %(day)s: only an administrator may end it, with a reason."),
    later("The text of one email has at most %(most)s characters: shorten it."),
    later("This email is …: its text can be changed no more."),
    later("The password is too short: use at least %(num)s characters."),
    later("The password is longer than %(num)s characters."),
    later("There is a rep with the address %(email)s already: choose another address."),
    later("There is a key named %(name)s already: choose another name."),
    later("There is no valid key named %(name)s."),
    later("The address %(email)s belongs to another prospect (…): open that one instead."),
    later("Prospects stand in stages that the new playbook does not have: %(named)s; say where they go, old=new."),
    later("The stage “%(stage)s” is in the new playbook: nobody need be led out of it."),
    later("There is no removed stage “%(stage)s”: …"),
    later("The new playbook has no stage “%(stage)s”: …"),
    later("“%(old)s” cannot become “%(new)s”, because only one of the two is final."),
    later("There is no sequence “%(key)s”: …"),
    later("The secret must have %(least)s to %(most)s signs, on one line."),
    later("The token must have at most %(most)s signs: Zoho takes no longer one."),
    later("The token of the address must have at least %(least)s signs."),
    later("Sources of the kind “%(kind)s” are not known: use %(known)s."),
    later("There is a source named %(name)s already: choose another name, or rotate its secret."),
    later("Only the vendors of %(names)s can be asked by an API: this source needs no token."),
    later("There is no source named %(name)s."),
    later("%(host)s cannot be reached: try again in a minute."),
    later("%(domain)s is no domain: write it as @example.com."),
    later("The whole domain of this address is barred: remove @%(domain)s from the list."),
    later("Write the text of %(name)s in English first: it stands in for every language that is missing."),
    later("Two columns go to “%(name)s”: lead one of them elsewhere."),
    later("“%(target)s” is no place for the column “%(name)s”: use a field, or custom.<key>."),
    later("The column “%(name)s” goes to a text, not to a number or date."),
    later("There is no column “%(name)s”: the file has %(known)s."),
    later("There is no sheet “%(name)s” in the file: choose one of those it has."),
    later("The file has more than %(most)s rows: split it."),
    later("The file has more than %(most)s columns: leave out those you do not need."),
    later("The column “%(name)s” is there %(times)s times: rename or remove one."),
    later("The DKIM key has %(bits)s bits, which receivers ignore: make one of 2048 bits."),
    later("“%(value)s” cannot be the … of a DKIM key: use letters, digits, hyphens and dots."),
    later("%(host)s refuses the sign-in: %(why)s"),
    later("%(host)s does not open the folder: %(why)s"),
    later("The certificate of %(host)s does not hold: %(why)s."),
    later("The IMAP server %(host)s is away (…)."),
    later("%(host)s answers without a token."),
    later("%(host)s answers %(code)s to the request for a token."),
    later("%(host)s cannot be asked for a token."),
    later("%(host)s refuses the refresh token (%(code)s): give the mailbox a new one."),
    later("The address …: write it like https://example.com/hooks."),
    later("Nobody here has the address %(email)s."),
    later("There is no such …: check the id."),
)
"""The dots stand for what is told to nobody but programs."""
_VALUE: Final = re.compile(r"%\((\w+)\)s")


def in_words(sentence: str) -> str:
    """The sentence of an error in the reader's language; as it is, where nobody has translated it."""
    told = _(sentence)
    if told != sentence:
        return told
    for shape, message in _shapes():
        found = shape.fullmatch(sentence)
        if found is not None:
            return _(message) % found.groupdict()
    return sentence


@lru_cache(maxsize=1)
def _shapes() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_shape(message), re.DOTALL), message) for message in _WITH_VALUES)


def _shape(message: str) -> str:
    parts = _VALUE.split(message)
    return "".join(f"(?P<{part}>.*)" if at % 2 else re.escape(part).replace("…", ".*") for at, part in enumerate(parts))
