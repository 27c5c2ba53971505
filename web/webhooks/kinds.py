"""The kinds of sources there are, each with its adapter: a new kind is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from web.webhooks import (
    calcom,
    calendly,
    closecrm,
    espocrm,
    frappe,
    github,
    hubspot,
    liveagent,
    mailgun,
    pipedrive,
    postmark,
    salesforce,
    sendgrid,
    ses,
    standard,
    twenty,
    zoho,
)
from web.webhooks.adapter import Adapter, Headers, parcel
from workflow.actions.parcels import ORIGIN, reread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflow.actions.parcels import Parcel

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "standard": standard.ADAPTER,
    "hubspot": hubspot.ADAPTER,
    "pipedrive": pipedrive.ADAPTER,
    "salesforce": salesforce.ADAPTER,
    "liveagent": liveagent.ADAPTER,
    "zoho": zoho.ADAPTER,
    "close": closecrm.ADAPTER,
    "calendly": calendly.ADAPTER,
    "calcom": calcom.ADAPTER,
    "postmark": postmark.ADAPTER,
    "mailgun": mailgun.ADAPTER,
    "sendgrid": sendgrid.ADAPTER,
    "ses": ses.ADAPTER,
    "twenty": twenty.ADAPTER,
    "espocrm": espocrm.ADAPTER,
    "frappe": frappe.ADAPTER,
    "github": github.ADAPTER,
}


def read_again(kind: str, body: bytes, headers: Headers) -> Parcel:
    """A kept delivery as its adapter understands it today, for a replay. Raises KeyError for a kind that is gone."""
    if ORIGIN in headers:
        # No adapter keeps such a header: this one was written by ourselves.
        return reread("", headers, body)
    return parcel(ADAPTERS[kind], headers, body)
