"""What happens when in an untrimmed video: scores of clips over time, and segments by class."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidkd_jax.inference.answers import VideoAnswer
from vidkd_jax.runtime.files import write_text

SUFFIXES = (".csv", ".json")
_DIGITS = 6


def clips(answer: VideoAnswer, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns what is known of each clip of a video, in time.

    Args:
      answer: of the video.
      names: of the classes, by label.

    Returns:
      For each clip that a classifier or a confidence head saw: "clip", "start" and "end" in seconds
      (None: the frame rate is not known), "class" and "probability" of the most probable class
      (None: no classifier saw the clip), "confidence" (None: there is no such head), and "by", who
      answered it for the video, `VideoAnswer.by`; "" for a clip that does not count.
    """
    scored = answer.clip_probabilities()
    known = {*scored, *(range(answer.num_clips) if answer.confidence is not None else ())}
    rows = []
    for clip in sorted(known):
        start, end = answer.seconds(clip) or (None, None)
        best = int(scored[clip].argmax()) if clip in scored else None
        rows.append(
            {
                "clip": clip,
                "start": _rounded(start),
                "end": _rounded(end),
                "class": None if best is None else names[best],
                "probability": None if best is None else _rounded(scored[clip][best]),
                "confidence": None
                if answer.confidence is None
                else _rounded(answer.confidence[clip]),
                "by": answer.by(clip),
            }
        )
    return rows


def segments(answer: VideoAnswer, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns runs of neighbouring clips whose most probable class is the same.

    Args:
      answer: of the video.
      rows: of `clips`.

    Returns:
      For each run: "start" of its first and "end" of its last clip in seconds, "class", the mean
      "probability" of this class, and "clips", their number. A clip that no classifier saw ends a
      run.
    """
    runs: list[list[dict[str, Any]]] = []
    for row in rows:
        if row["class"] is None:
            continue
        last = runs[-1][-1] if runs else None
        alike = last is not None and last["class"] == row["class"]
        if last and alike and answer.are_neighbours(last["clip"], row["clip"]):
            runs[-1].append(row)
        else:
            runs.append([row])
    return [
        {
            "start": run[0]["start"],
            "end": run[-1]["end"],
            "class": run[0]["class"],
            "probability": _rounded(sum(row["probability"] for row in run) / len(run)),
            "clips": len(run),
        }
        for run in runs
    ]


class Timeline:
    """A file of the timelines of several videos.

    CSV has a line for each clip and for each segment, which "kind" tells apart. JSON has an object
    for each video.
    """

    _FIELDS = (
        "video", "kind", "clip", "start", "end", "class", "probability", "confidence", "by", "clips"
    )  # fmt: skip

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Takes the file, whose suffix is one of `SUFFIXES`, and the classes by label."""
        self._path, self._names = path, names
        self._videos: list[dict[str, Any]] = []

    def __enter__(self) -> "Timeline":
        """Takes videos from here on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Writes the file, also where something came between, with the videos before that."""
        if kind is None or self._videos:
            self.write()
        if kind is not None and self._videos:
            print(f"{self._path} holds the first {len(self._videos)} videos", file=sys.stderr)

    def add(self, answer: VideoAnswer) -> None:
        """Takes a video."""
        rows = clips(answer, self._names)
        self._videos.append(
            {"video": answer.source.name, "segments": segments(answer, rows), "clips": rows}
        )

    def write(self) -> None:
        """Writes the file; names that are not text are escaped."""
        as_json = self._path.suffix.lower() == ".json"
        text = json.dumps(self._videos, indent=1, ensure_ascii=False) if as_json else self._csv()
        write_text(self._path, text, encoding="utf-8", errors="backslashreplace", newline="")

    def _csv(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._FIELDS, restval="", lineterminator="\n")
        writer.writeheader()
        for video in self._videos:
            for kind in ("segments", "clips"):
                for row in video[kind]:
                    writer.writerow({"video": video["video"], "kind": kind[:-1], **row})
        return text.getvalue()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DIGITS)
