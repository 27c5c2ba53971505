"""A topic of Amazon's is taken up when a person asks for it: certificate fetched, offer checked, then confirmed."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.conftest import Clock
from tests.web.vendors import BASE, CERTIFICATE_URL, TOPIC, amazon, sns
from web import create_app
from workers.confirmations import Confirmations
from workflow.actions import sources, subscriptions
from workflow.errors import BadInput, NotFound
from workflow.workspace import Workspace

OFFER = {
    "Type": "SubscriptionConfirmation",
    "Token": "t" * 64,
    "Message": "You have chosen to subscribe to the topic.",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t",
}


class Amazon:
    """Amazon's own addresses, with what is behind them."""

    def __init__(self, certificate: str) -> None:
        self.asked: list[str] = []
        self._certificate = certificate

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self._certificate.encode() if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


@pytest.fixture
def path(ws: Workspace) -> str:
    return sources.address(ws, "ses", "mail", sources.add(ws, "ses", "mail")).removeprefix(BASE)


def test_it_is_confirmed_and_from_then_on_only_its_signature_counts(
    ws: Workspace, client: FlaskClient, clock: Clock, path: str
) -> None:
    assert client.post(path, data=sns("", clock.now, parts=OFFER)).status_code == 200
    told = Amazon(amazon(0)[1])
    assert subscriptions.confirm(ws, "mail", told).topic == TOPIC
    # The web remembers a source for two seconds; this one looks anew.
    client = create_app(ws, clock=clock).test_client()
    assert told.asked == [CERTIFICATE_URL, OFFER["SubscribeURL"]]
    clock.advance(seconds=5)
    assert client.post(path, data=sns("x", clock.now)).status_code == 200
    assert client.post(path, data=sns("x", clock.now, parts={"TopicArn": TOPIC + "-of-another"})).status_code == 401
    assert client.post("/webhooks/mail", data=sns("x", clock.now)).status_code == 401
    assert client.post(path, data=sns("x", clock.now, number=1)).status_code == 401
    # Amazon's next certificate is not known yet: until it is fetched, the token in the address stands for it.
    later = CERTIFICATE_URL.replace("0000.pem", "0001.pem")
    assert client.post(path, data=sns("x", clock.now, number=1, parts={"SigningCertURL": later})).status_code == 200


def test_an_offer_is_taken_up_by_itself_and_not_for_ever(
    ws: Workspace, client: FlaskClient, clock: Clock, path: str
) -> None:
    assert subscriptions.offered(ws) == ()
    client.post(path, data=sns("", clock.now, parts=OFFER))
    forged = Amazon(amazon(1)[1])
    for _ in range(subscriptions.TRIES):
        assert subscriptions.offered(ws) == ("mail",)
        assert not subscriptions.take_up(ws, "mail", forged)
    assert subscriptions.offered(ws) == ()
    assert OFFER["SubscribeURL"] not in forged.asked

    clock.advance(seconds=5)
    client.post(path, data=sns("", clock.now, parts=OFFER | {"MessageId": "another-offer"}))
    told = Amazon(amazon(0)[1])
    confirmations = Confirmations(ws, told)
    confirmations.look()
    confirmations.wait(10)
    assert told.asked == [CERTIFICATE_URL, OFFER["SubscribeURL"]]
    assert subscriptions.offered(ws) == ()


def test_an_offer_that_is_not_signed_so_is_left(ws: Workspace, client: FlaskClient, clock: Clock, path: str) -> None:
    client.post(path, data=sns("", clock.now, parts=OFFER))
    other = Amazon(amazon(1)[1])
    with pytest.raises(BadInput, match="does not fit"):
        subscriptions.confirm(ws, "mail", other)
    assert other.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://sns.eu-west-1.amazonaws.com/", "https://127.0.0.1/", "file:///etc/passwd"]
)
def test_nobody_but_amazon_is_called(ws: Workspace, client: FlaskClient, clock: Clock, path: str, url: str) -> None:
    client.post(path, data=sns("", clock.now, parts=OFFER | {"SubscribeURL": url}))
    told = Amazon(amazon(0)[1])
    with pytest.raises(BadInput, match="not Amazon's own"):
        subscriptions.confirm(ws, "mail", told)
    assert told.asked == []
    with pytest.raises(BadInput):
        subscriptions.fetch(url)


def test_without_an_offer_there_is_nothing_to_confirm(ws: Workspace, path: str) -> None:
    sources.add(ws, "github", "other")
    assert path
    for name, error in (("mail", NotFound), ("nobody", NotFound), ("other", BadInput)):
        with pytest.raises(error):
            subscriptions.confirm(ws, name, Amazon(""))
