"""C01 to C05, I01: clients that leave, those that only seem to, and a worker that is killed."""

import os
import signal
import socket
import threading
import time

import pytest

from tests.faults.clients import PROTOCOLS
from tests.faults.gateway import Board, Gateway, serving, tables
from tests.faults.leaving import KINDS, leave, many, request
from wallas.simulated.script import never, pause, say

REST = "and that was the tale."


def booked_as_left(gateway: Gateway, id: str) -> None:
    """Assert that a request is booked as its client's own end, and that nobody is blamed."""
    row = gateway.outcome(id)
    assert row is not None
    assert (row["outcome"], row["status"], row["attempts"]) == ("cancelled", 499, 1)
    (attempt,) = gateway.rows("select * from attempts where request_id = ?", id)
    assert attempt["outcome"] == "cancelled"
    counts = gateway.rows("select * from circuits where provider = ?", attempt["provider"])
    assert not any(row["fail_count"] or row["success_count"] for row in counts)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_leaves_ends_the_providers_work(gateway: Gateway, kind: str, protocol: str) -> None:
    gone = leave(gateway, kind, protocol=protocol)
    assert gone.seconds is not None and gone.seconds < KINDS[kind][2]
    booked_as_left(gateway, gone.id)
    assert gateway.quiet()


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_resets_its_connection_has_left(gateway: Gateway, kind: str) -> None:
    gone = leave(gateway, kind, reset=True, number=1)
    assert gone.seconds is not None and gone.seconds < KINDS[kind][2]
    booked_as_left(gateway, gone.id)


def test_many_clients_may_leave_at_once(gateway: Gateway) -> None:
    gone = many(gateway, 48)
    assert len(gone) == 48
    late = [row for row in gone if row.seconds is None or row.seconds >= KINDS[row.kind][2]]
    assert late == []
    assert gateway.quiet()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("when", ["at once", "behind the first words"])
def test_C05_a_half_close_is_no_departure(gateway: Gateway, when: str, stream: bool) -> None:
    place = gateway.provider(kind="steady")
    begun = say("Once upon a time ", finish=None)
    place.will(*([begun, pause(1.6)] if when != "at once" else [pause(1.6), begun]), say(REST))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(request(place, protocol="openai", stream=stream, id=f"half-{when}-{stream}"))
        assert gateway.board.wait_until(lambda: place.requests, 5)
        if when != "at once":
            time.sleep(0.2)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while piece := client.recv(65536):
            got += piece
            if b"[DONE]" in got or (not stream and b'"usage"' in got):
                break
    assert b"tale." in got and b"Once" in got
    assert b"error" not in got
    assert gateway.board.wait_until(lambda: place.requests[0].done, 5)


def test_I01_a_worker_that_is_killed_is_seen_by_its_clients_and_replaced(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    with Board() as board, serving(folder, board, config=tables(board)) as gateway:
        place = gateway.provider(kind="steady")
        place.will(say("Once upon a time ", finish=None), never)
        (worker,) = gateway.workers()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(gateway.ask(place)))
        asking.start()
        assert board.wait_until(lambda: place.requests, 5)
        time.sleep(0.2)
        os.kill(worker, signal.SIGKILL)
        asking.join(10)
        (answer,) = answers
        assert answer.cut and answer.text == "Once upon a time "
        assert not (answer.ends or answer.reasons)
        assert board.wait_until(lambda: place.requests[0].cancelled, 3)
        place.will(say(REST))
        again = gateway.ask(place, timeout=20)
        assert again.text == REST
        assert gateway.workers().isdisjoint({worker})
