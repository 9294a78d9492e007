"""Progress with ETA, on stderr."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Iterable[Any] | None = None, **options: Any) -> tqdm:
    """Returns tqdm's bar: it moves on a terminal, and in a log file is a line now and then.

    Args:
      iterable: what it goes over; None: it is moved by its `update`.
      **options: tqdm's.
    """
    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(iterable, mininterval=interval, dynamic_ncols=True, **options)
