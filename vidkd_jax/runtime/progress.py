"""Progress bars with the remaining time, on stderr."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Iterable[Any] | None = None, **options: Any) -> tqdm:
    """Returns a bar of tqdm. It moves on a terminal; in a log file it adds a line every 10 seconds.

    Args:
      iterable: What to iterate over. With None, call `update` to move the bar.
      **options: Options of tqdm.
    """
    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(iterable, mininterval=interval, dynamic_ncols=True, **options)
