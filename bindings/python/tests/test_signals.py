"""Ctrl-C, and the end of Python, while a call is at work: each case is a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import logging, os, signal, sys, threading, time, warnings
import ctm, numpy as np
# Whoever runs the tests in the background may have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
IMAGE = np.arange(9_000_000, dtype=np.float32).reshape(3000, 3000)
SMALL = np.zeros((2, 2), np.float32)
"""
# A call that takes long, of which the last colours' comparisons are the longest part.
LONG = "context.analyze(IMAGE[:, :300], outputs=['labels'], max_count=400, nearest='euclidean', tolerance=1e9"


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", START + program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, f"status {done.returncode}: {done.stderr}"
    return done.stdout


def backends(function):  # type: ignore[no-untyped-def]
    return pytest.mark.parametrize("backend", ["'cpu'", "'cpu', threads=1", "'vulkan', 'llvmpipe'"])(function)


INTERRUPTED = """
def interrupt():
    # Sent to the process, as a terminal does, and to whichever thread.
    os.kill(os.getpid(), signal.SIGINT)
context = ctm.Context({backend})
for after in (0.001, 0.03, 0.1):
    timer = threading.Timer(after, interrupt)
    try:
        timer.start()
        while True:
            {call}
    except KeyboardInterrupt:
        print("stopped")
    timer.join()
assert context.masks(SMALL).shape == (1, 2, 2)
"""


@backends
@pytest.mark.parametrize(
    "call",
    [
        "context.analyze(IMAGE, max_count=2)",
        "context.analyze(IMAGE, max_count=2, progress=lambda done: None)",
        "ctm.Counts(context).add(IMAGE)",
        f"{LONG})",
    ],
    ids=["plain", "progress", "counts", "nearest"],
)
def test_interrupted(backend: str, call: str) -> None:
    assert run(INTERRUPTED.format(backend=backend, call=call)) == "stopped\n" * 3


@backends
def test_an_interrupted_call_stops_soon(backend: str) -> None:
    # It stops where it is: its last progress was long before the end.
    program = """
context = ctm.Context({backend})
told = []
def progress(done):
    told.append(done)
    if len(told) == 3:
        os.kill(os.getpid(), signal.SIGINT)
try:
    context.analyze(IMAGE, max_count=2, progress=progress)
except KeyboardInterrupt:
    print(len(told) <= 4)
"""
    assert run(program.format(backend=backend)) == "True\n"


def test_a_call_without_progress_is_stopped_not_waited_for() -> None:
    program = f"""
context = ctm.Context("cpu")
signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    {LONG.replace("[:, :300]", "")})  # Minutes.
except ZeroDivisionError:
    print("stopped")
"""
    assert run(program) == "stopped\n"


def test_signals_that_raise_nothing_change_nothing() -> None:
    program = """
context = ctm.Context("cpu")
heard = []
signal.signal(signal.SIGALRM, lambda *_: heard.append(len(context.masks(SMALL))))
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
count = context.analyze(IMAGE, outputs=["labels"], max_count=2).mask_count
signal.setitimer(signal.ITIMER_REAL, 0)
print(count, set(heard))
"""
    assert run(program) == "2 {1}\n"


def test_what_a_logger_raises_comes_out_of_the_call() -> None:
    program = """
class Loud(logging.Handler):
    def handle(self, record):
        if here:
            raise KeyboardInterrupt
here = False
logger = logging.getLogger("loud")
logger.addHandler(Loud())
logger.setLevel(logging.DEBUG)
context = ctm.Context("cpu", logger=logger)
for image in IMAGE, SMALL:
    here = True
    try:
        context.analyze(image, outputs=["labels"], max_count=2)
    except KeyboardInterrupt:
        print("raised")
    here = False
try:
    here = True
    ctm.Context("cpu", logger=logger)
except KeyboardInterrupt:
    print("raised")
"""
    assert run(program) == "raised\n" * 3


def test_a_logger_that_calls_its_context_is_refused() -> None:
    program = """
class Loud(logging.Handler):
    def handle(self, record):
        try:
            context.masks(SMALL)
        except ctm.InvalidArgumentError:
            refused.append(record)
        except NameError:
            pass  # While the context is made.
refused = []
logger = logging.getLogger("loud")
logger.addHandler(Loud())
logger.setLevel(logging.DEBUG)
context = ctm.Context("cpu", logger=logger)
context.analyze(IMAGE, outputs=["labels"], max_count=2)
print(bool(refused))
"""
    assert run(program) == "True\n"


ENDING = """
logger = logging.getLogger("ctm")
logger.addHandler(logging.NullHandler())
logger.setLevel(logging.DEBUG)
inside = threading.Event()
def work():
    context = ctm.Context({backend}, logger=logger)
    while True:
        try:
            context.analyze(IMAGE, outputs=["labels"], max_count=2{progress})
        except ctm.CancelledError:
            pass
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
inside.wait() if {waits} else time.sleep(0.5)
"""


@backends
@pytest.mark.parametrize("progress", ["", ", progress=lambda done: inside.set()"], ids=["plain", "progress"])
def test_python_ends_while_a_daemon_thread_is_inside(backend: str, progress: str) -> None:
    for _ in range(5):
        run(ENDING.format(backend=backend, progress=progress, waits=bool(progress)))


def test_calls_at_the_very_end() -> None:
    # Registered before ctm's own, and so called after it.
    program = "import atexit\natexit.register(lambda: print(len(context.masks(SMALL)), len(context.masks(IMAGE, max_count=1))))\n"
    done = subprocess.run(
        [sys.executable, "-c", program + START + "context = ctm.Context('cpu')"], capture_output=True, text=True, timeout=300
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1 1\n", "", 0)


def test_a_forked_process_ends_at_once() -> None:
    program = """
context = ctm.Context("cpu")
def progress(done):
    if done == 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That other threads are not forked is what this is about.
            child = os.fork()
        if child == 0:
            sys.exit()
        print(os.waitpid(child, 0)[1])
thread = threading.Thread(target=lambda: context.analyze(SMALL, progress=progress))
thread.start()
thread.join()
"""
    assert run(program).splitlines()[-1] == "0"
