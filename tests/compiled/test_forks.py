"""A fork waits for the thread that holds one of our locks."""

import os
import threading

import pytest

from jpegdomain.compiled.forks import lock_that_forks_wait_for


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_never_inherits_a_lock_that_is_never_released():
    lock = lock_that_forks_wait_for()
    state, held = ["whole"], threading.Event()

    def work():
        with lock:
            state[0] = "half done"
            held.set()
            # Until the fork waits, which is all that it can do.
            threading.Event().wait(0.2)
            state[0] = "whole"

    thread = threading.Thread(target=work)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if state[0] == "whole" and lock.acquire(blocking=False) else 1)
    thread.join()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    # The lock is free again, here too.
    with lock:
        pass
