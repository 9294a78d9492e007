"""Ctrl-C and SIGTERM, of which none is lost."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vidkd_jax.errors import chain


class Stopped(KeyboardInterrupt):
    """The process was told to end (SIGTERM), as schedulers do: it ends as by Ctrl-C."""


class Interrupts:
    """Raises `Stopped` in the main thread on SIGTERM, and `KeyboardInterrupt` on SIGINT.

    What is raised may be lost: Python ignores it while it frees objects, as JAX has it do many
    times in a run, and libraries catch it with everything else, as Orbax does while it reads a
    checkpoint. A thread looks whether it is still on its way, and else has it raised again.
    """

    def __init__(self) -> None:
        self._own, self._told = os.getpid(), list[KeyboardInterrupt]()
        self._read, self._write = os.pipe()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hears of the signals inside."""
        before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        otherwise = sys.unraisablehook

        def hear(ignored: "sys.UnraisableHookArgs") -> None:
            if not isinstance(ignored.exc_value, KeyboardInterrupt):
                otherwise(ignored)

        self._watcher.start()
        signal.signal(signal.SIGTERM, self._interrupt)
        if before[signal.SIGINT] is signal.default_int_handler:  # it is ignored in the background
            signal.signal(signal.SIGINT, self._interrupt)
        sys.unraisablehook = hear
        try:
            yield
        finally:
            self._over.set()
            os.close(self._write)
            self._watcher.join()
            os.close(self._read)
            sys.unraisablehook = otherwise
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _interrupt(self, number: int, _: object) -> None:
        if os.getpid() != self._own:  # a forked worker
            os._exit(128 + number)
        is_stopped = number == signal.SIGTERM or any(isinstance(e, Stopped) for e in self._told)
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)  # whoever repeats it does not want to wait
            signal.signal(signal.SIGINT, self._interrupt)  # by which it comes again
        self._told.append(Stopped() if is_stopped else KeyboardInterrupt())
        os.write(self._write, b".")  # without a lock, which the main thread may hold
        raise self._told[-1]

    def _watch(self) -> None:
        while os.read(self._read, 1):
            lost = 0
            while lost < 2:  # at one look it may be between two frames that handle it
                if self._over.wait(0.2):
                    return
                lost = 0 if self._told[-1] in chain(_handled_by_main()) else lost + 1
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _handled_by_main() -> BaseException | None:
    """Returns the exception that the main thread handles now."""
    found: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    return found[1] if isinstance(found, tuple) else found  # a tuple in Python 3.11


def end_when_told(grace: float = 20.0) -> None:
    """Lets SIGTERM end this process in any case; for the main thread, once.

    Python handles a signal when its main thread comes back from C. One that waits there for a
    process which has ended already may not come back for minutes. What a run has saved is whole.

    Args:
      grace: seconds that it has to end by itself.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written at once, whoever waits

    def wait() -> None:
        while signal.SIGTERM not in os.read(read, 1):
            pass
        time.sleep(grace)
        os.write(2, b"interrupted; run the same command again to continue\n")
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
