"""The line of writers: first come, first in; whoever gives up leaves no gap behind."""

from __future__ import annotations

import threading

from workflow.records.line import Line


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    line, told, threads = Line(), [], []
    with line.turn(1) as got:
        assert got
        with line.turn(0.01) as second:
            assert not second
        for number in range(8):
            waits = threading.Event()

            def take(number: int = number, waits: threading.Event = waits) -> None:
                waits.set()
                with line.turn(10) as mine:
                    told.append((number, mine))

            threads.append(threading.Thread(target=take))
            threads[-1].start()
            waits.wait(10)
            while len(line._waiting) <= number:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(10)
    assert told == [(number, True) for number in range(8)]
    with line.turn(0) as free:
        assert free
