"""Threads on loan: few while calls compute, more while they are stuck, never more than so many."""

import threading
import time

from wallas.server_pool import Pool


def wait_until(true) -> None:
    limit = time.monotonic() + 5
    while not true() and time.monotonic() < limit:
        time.sleep(0.001)
    assert true()


def test_calls_run_in_order_in_one_thread_while_that_keeps_up():
    pool, ran = Pool(4, name="test", few=1), []
    for number in range(100):
        pool.submit(ran.append, number)
    wait_until(lambda: len(ran) == 100)
    assert ran == list(range(100)) and pool.threads == 1


def test_stuck_calls_get_others_out_of_their_way_when_pressed():
    pool, go, ran = Pool(3, name="test", few=1), threading.Event(), []
    pool.submit(go.wait, 5)
    pool.submit(go.wait, 5)
    pool.submit(ran.append, 1)
    for _ in range(200):
        pool.press(time.monotonic())
        time.sleep(0.001)
    assert ran == [1] and pool.threads == 3
    go.set()


def test_there_are_never_more_threads_than_allowed():
    pool, go, ran = Pool(2, name="test"), threading.Event(), []
    for _ in range(5):
        pool.submit(go.wait, 5)
    pool.submit(ran.append, 1)
    for _ in range(100):
        pool.press(time.monotonic())
        time.sleep(0.001)
    assert ran == [] and pool.threads == 2
    go.set()
    wait_until(lambda: ran == [1])


def test_a_call_that_breaks_breaks_no_thread(caplog):
    pool, ran = Pool(1, name="test"), []
    pool.submit(int, "x")
    pool.submit(ran.append, 1)
    wait_until(lambda: ran == [1])
    assert "broke" in caplog.text


def test_the_thread_that_slept_last_is_woken_first():
    pool, go, who = Pool(3, name="test"), threading.Event(), []
    for _ in range(3):
        pool.submit(go.wait, 5)
    go.set()
    wait_until(lambda: len(pool.sleepers) == 3)
    for _ in range(5):
        pool.submit(lambda: who.append(threading.get_ident()))
        wait_until(lambda: len(pool.sleepers) == 3)
    assert len(set(who)) == 1
