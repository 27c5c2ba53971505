"""What is foretold of a real prospect at a moment is what production then does, whatever happened before."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.engine.production import SENDER, Look, live, templates
from tests.engine.test_simulate_random import PIECES, agree, book, share, through
from tests.support import books
from workflow.actions.preview import Preview
from workflow.engine.life import Life
from workflow.mail.transport import Outcome, Phase, Reason
from workflow.reports import forecast
from workflow.workspace import Workspace

SENT = Outcome("sent", Phase.REPLIED, 250, "2.0.0 Ok", "x")
TROUBLE = (
    Outcome("uncertain", Phase.DOT),
    Outcome("uncertain", Phase.DOT),
    Outcome("transient", Phase.RCPT, 451, "greylisted", scope="recipient", reason=Reason.DEFERRED),
    Outcome("transient", Phase.CONNECT, scope="host", reason=Reason.UNREACHABLE),
    Outcome("permanent", Phase.RCPT, 550, "no such user", scope="recipient", reason=Reason.NO_SUCH_ADDRESS),
    Outcome("permanent", Phase.DATA, 554, "too large", scope="message", reason=Reason.REFUSED),
    Outcome("permanent", Phase.AUTH, 535, "bad password", scope="mailbox", reason=Reason.LOGIN),
)


def hold(seed: int) -> None:
    """Live until somebody looks, ask what is to come, and live on. A third of the time the playbook is a new one."""
    case = books.case(seed)
    chance = random.Random(-seed)
    after = chance.randint(0, len(case.script))
    renewed = books.case(seed + 1).playbook if chance.random() < 0.34 else case.playbook
    source = books.case(seed + 1).source if renewed is not case.playbook else case.source
    outcomes = tuple(chance.choice((SENT, SENT, SENT, *TROUBLE)) for _ in range(20))

    def takes(ws: Workspace, prospect_id: str) -> Life:
        with ws.database.read() as tx:
            events = case.script[after:]
            writer = Preview(templates(), SENDER)
            return forecast.forecast(ws, tx, prospect_id, events, horizon=books.HORIZON, writer=writer)

    look = Look(after, takes, book(source, "renewed"), outcomes)
    lived = live(book(case.source), case.person, case.script, case.begins, books.HORIZON, look)
    assert isinstance(lived.seen, Life)
    agree(lived.seen, lived, replace(case, playbook=renewed), case)


@pytest.mark.parametrize("piece", range(PIECES))
def test_a_forecast_comes_true(piece: int) -> None:
    through(share(piece, first=0, count=100), hold)


def test_a_forecast_comes_true_while_a_mail_server_is_away() -> None:
    """The deadline of an email passes in the meantime; a case that few others have."""
    hold(201_730)


@pytest.mark.differential
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("piece", range(PIECES))
def test_two_thousand_forecasts_come_true(piece: int) -> None:
    through(share(piece, first=200_000, count=2_000), hold)
