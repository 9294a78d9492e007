"""Ends a process that is told to end while it waits for another one inside JAX."""

import os
import signal
import threading
import time


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
