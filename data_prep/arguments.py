"""Command-line flags that several commands of this package have."""

import argparse

from vidkd_jax.annotations.files import MAX_SKIPPED
from vidkd_jax.data.record_sets import USUAL_QUALITY
from vidkd_jax.runtime.cores import usable_cores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every conversion has."""
    parser.add_argument(
        "--quality", type=_quality, default=USUAL_QUALITY, help="JPEG quality, 1 to 100"
    )
    parser.add_argument(
        "--frames_per_record",
        type=positive,
        default=32,
        help="approximate; a record is read whole, and twice the length of a clip is fastest",
    )
    add_workers(parser, "processes")
    parser.add_argument(
        "--max_skipped",
        type=fraction,
        default=MAX_SKIPPED,
        help="fraction of unusable videos to accept",
    )


def add_workers(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--workers`; the default is the number of cores that this process may use."""
    parser.add_argument("--workers", type=positive, default=usable_cores(), help=what)


def positive(text: str) -> int:
    """Parses a whole number of at least 1."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def _quality(text: str) -> int:
    if not 1 <= (value := int(text)) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100")
    return value


def fraction(text: str) -> float:
    """Parses a number from 0 to 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
