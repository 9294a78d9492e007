"""Whether a method fits the run, before anything is trained: its clips, evaluators and patterns."""

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from vidkd_jax.data import Splits
from vidkd_jax.errors import InputError, suggest
from vidkd_jax.evaluation import evaluators
from vidkd_jax.methods import Frozen, Method, Shapes
from vidkd_jax.networks.network import Network
from vidkd_jax.run.optimizer import path_names
from vidkd_jax.runtime import sharding
from vidkd_jax.samplers import Sampler


def check_clips(method: Method, sampler: Sampler) -> None:
    """Refuses clips that the sampler does not draw: an index beyond the last means the last one.

    Raises:
      InputError: the student or a teacher is to see such a clip.
    """
    seen = [("the student", method.clips)]
    seen += [("a teacher", s.clips) for s in method.teachers if isinstance(s, Frozen)]
    for who, clips in seen:
        if clips is not None and (not clips or not set(clips) <= set(range(sampler.num_clips))):
            raise InputError(
                f"config.method.name: {who} is to see the clips {clips}, but the method draws "
                f"{sampler.num_clips} of each video, numbered from 0"
            )


def check_evaluated(max_clips: int, sampler: Sampler) -> None:
    """Refuses all clips of a video, where each has frames from all over it.

    Args:
      max_clips: the setting; 0: all.
      sampler: draws them.

    Raises:
      InputError: they have.
    """
    if max_clips == 0 and sampler.offsets is None:
        raise InputError(
            f"config.eval.max_clips: 0, all clips, but the run sees {sampler.describe()}, and the "
            "longer a video is, the more such clips it has, of all of it; give a number"
        )


def check_choosing(method: Method, sampler: Sampler) -> None:
    """Refuses a student that is to choose among a video's clips, where each shows all of the video.

    Args:
      method: whose evaluators may judge its confidence of clips.
      sampler: draws its clips.

    Raises:
      InputError: they do, and clips have frames from all over a video.
    """
    known = evaluators.known()
    judged = {o for name in method.tested_by if name in known for o in known[name].outputs}
    if "confidence" in judged and sampler.offsets is None:
        raise InputError(
            "config.data.sampler: 'segments', but the student is to choose among the clips of a "
            "video, and each would show all of it; set data.sampler='clip'"
        )


def check_lengths(splits: Splits, sampler: Sampler) -> None:
    """Says how many videos are too short for what a method draws; refuses more than half.

    Those of validation and test count, too: what is repeated there is judged.

    Of a short video's tuple of clips the later ones would be still pictures, as its last frame is
    repeated, and neighbouring segments would have the same frame. One clip is as in TY, which
    repeats the last frame.

    Raises:
      InputError: more than half of the videos of a split are too short.
    """
    if sampler.num_clips == 1 and sampler.offsets is not None:
        return
    named = {"training": splits.train, "validation": splits.val, "test": splits.test}
    for name, subset in named.items():
        frames = [video.num_frames for video in subset.videos]
        short = [count for count in frames if count < sampler.span]
        if not short:
            continue
        found = (
            f"{len(short):,} of {len(frames):,} {name} videos are shorter than "
            f"{sampler.describe()}: {sampler.span} frames; the shortest has {min(short)}"
        )
        if 2 * len(short) > len(frames):
            remedy = f"use {_remedy(sampler)}, or longer videos"
            raise InputError(f"config.data.frames: {found}; {remedy}")
        if sharding.is_main():
            print(f"{found}. Frames of theirs are repeated.", file=sys.stderr)


def _remedy(sampler: Sampler) -> str:
    if sampler.offsets is None:  # sparse clips have no stride
        return "fewer frames"
    return "fewer frames, a smaller data.stride or method.interval"


def check_evaluators(method: Method, outputs: Shapes) -> None:
    """Refuses evaluators that do not exist, or read an output that the student does not have.

    Args:
      method: names them.
      outputs: of the student.

    Raises:
      InputError: names the evaluator.
    """
    known = evaluators.known()
    for name in (*method.validated_by, *method.tested_by):
        if name not in known:
            raise InputError(f"config.method.name: no evaluator '{name}'{suggest(name, known)}")
        for output in known[name].outputs:
            if output not in outputs:
                raise InputError(
                    f"config.method.name: the evaluator '{name}' reads the output '{output}'; the "
                    f"student has no such output, but {', '.join(sorted(outputs))}"
                )


def check_answers(method: Method, answering: Collection[str]) -> None:
    """Refuses evaluators that read the answers of teachers which the method does not have.

    Args:
      method: names them.
      answering: sources of teachers that answer in the run's classes.

    Raises:
      InputError: names the evaluator and the source.
    """
    for name in (*method.validated_by, *method.tested_by):
        for source in evaluators.known()[name].reads:
            if source not in answering:
                raise InputError(
                    f"config.method.name: the evaluator '{name}' reads the answers of '{source}' "
                    "teachers, and the method has none that answers in the run's classes"
                )


def check_patterns(patterns: Iterable[str], student: Network, clip_shape: Sequence[int]) -> None:
    """Refuses a pattern of `optim.multipliers` that matches no parameter.

    Args:
      patterns: regular expressions.
      student: whose parameters they are to match.
      clip_shape: of its input.

    Raises:
      InputError: names the pattern, and the parts of the network.
    """
    patterns = list(patterns)
    if not patterns:
        return
    init = partial(student.model.init, jax.random.key(0), train=False)
    shapes = jax.eval_shape(init, jax.ShapeDtypeStruct((1, *clip_shape), jnp.float32))["params"]
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    names = ["/".join(path_names(path)) for path, _ in leaves]
    for pattern in patterns:
        if not any(re.search(pattern, name) for name in names):
            parts = sorted({name.partition("/")[0] for name in names})
            raise InputError(
                f"config.optim.multipliers: '{pattern}' matches no parameter; their paths begin "
                f"with {', '.join(parts)}"
            )
