"""Runs one measurement of `benchmarks.on_gpu`; the argument is the measurement, in JSON.

The process imports what it needs, waits for a line on standard input, measures, and prints one line
of JSON: what it found, or "error".
"""

import argparse
import importlib
import json
import sys
import traceback
from typing import Any


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Returns what a measurement finds.

    Raises:
      RuntimeError: there is no GPU and this is not a dry run, or `benchmarks.on_gpu` has ended.
    """
    # The import must not touch the device: the measurement before this one may still be running.
    side = importlib.import_module(f"benchmarks.on_gpu_{args.side}")
    if not sys.stdin.readline():
        raise RuntimeError("benchmarks.on_gpu ended before this measurement's turn")
    device = side.device()
    if device == "cpu" and not args.dry_run:
        raise RuntimeError(
            f"{args.side} sees no GPU: install {args.side} with CUDA, or use --dry_run"
        )
    return {"device": device, **side.KINDS[args.kind](args)}


def main() -> None:
    """Measures and prints one line of JSON."""
    try:
        found = measure(argparse.Namespace(**json.loads(sys.argv[1])))
    except Exception as error:  # whatever it is, the other measurements go on
        traceback.print_exc()
        said = str(error).strip().partition("\n")[0]
        found = {"error": f"{type(error).__name__}: {said}"[:500]}
    print("\n" + json.dumps(found), flush=True)  # a library may not have ended its line


if __name__ == "__main__":
    main()
