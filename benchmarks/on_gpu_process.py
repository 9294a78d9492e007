"""A process that is started ahead of its turn, and prints one line of JSON within a time limit."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

_TAIL = 2000  # the last characters of a failed process's messages, which are printed


class Process:
    """Starts a command, which prepares and then waits; `result` tells it to go on.

    The command goes on when it reads a line from standard input.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, cwd: pathlib.Path
    ) -> None:
        # Files instead of pipes: a pipe stays open while any process that the command started runs.
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `end`
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=self._err,
            env=environment,
            cwd=cwd,
            text=True,
            process_group=0,  # so that `end` also ends what the command started, such as compilers
        )

    def result(self, limit: float) -> dict[str, Any]:
        """Returns the JSON that the process prints, or {"error": reason}.

        Args:
          limit: seconds after which the process is ended.
        """
        try:
            self._child.communicate("go\n", timeout=limit)
        except subprocess.TimeoutExpired:
            found: dict[str, Any] = {"error": f"took longer than {limit:.1f} s"}
        else:
            found = self._printed(self._child.returncode)
        if "error" in found:
            print(self._read(self._err)[-_TAIL:], file=sys.stderr, flush=True)
        self.end()
        return found

    def _printed(self, code: int) -> dict[str, Any]:
        for line in reversed(self._read(self._out).splitlines()):
            if line.startswith("{"):
                return json.loads(line)
        said = self._read(self._err).strip().rpartition("\n")[2]
        return {"error": f"ended with {code}: {said}"[:500]}

    def end(self) -> None:
        """Ends the process and those that it started, unless they have ended already."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._out.close()
        self._err.close()

    @staticmethod
    def _read(file: Any) -> str:
        file.seek(0)
        return file.read()
