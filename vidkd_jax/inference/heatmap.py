"""A picture of where the network that answers looks, in the surest clip of each video."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.errors import InputError, naming
from vidkd_jax.inference.answers import VideoAnswer
from vidkd_jax.inference.pair import Pair
from vidkd_jax.inference.picture import VIDEOS, name_of, write
from vidkd_jax.inference.sources import reread
from vidkd_jax.networks.grad_cam import grad_cam
from vidkd_jax.networks.network import Variables

_FRAMES = 8
_INCHES = 1.5
_COLOURS = "inferno"
_MOST = 0.7  # how far the hottest place is covered


def check(both: Pair, block: str) -> None:
    """Refuses a network that does not say where it looks, before anything is answered.

    Raises:
      InputError: see `grad_cam`.
    """
    clip = jnp.zeros(both.clip_shape, jnp.uint8)
    with naming("--heatmap"):
        jax.eval_shape(_looking(both, block), both.teacher.variables, clip, jnp.array(0))


def save(
    path: Path, answers: Sequence[VideoAnswer], both: Pair, max_clips: int | None, block: str = ""
) -> None:
    """Draws frames of each video's surest clip, and where they speak for the class it is given.

    Of each video a row of up to eight frames, as the network sees them, and below it the same with
    the heat of `grad_cam` over it. The clip is read again from the file.

    Args:
      path: of the picture.
      answers: of the videos, which are files; the first `VIDEOS` are drawn.
      both: the networks that gave them.
      max_clips: that a video had at most; None: all.
      block: see `grad_cam`.

    Raises:
      InputError: a video was answered by the sampler alone.
      VideoError: a file cannot be read any more.
    """
    look, answers = jax.jit(_looking(both, block)), answers[:VIDEOS]
    size = (_FRAMES * _INCHES, len(answers) * _INCHES * 2.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(2 * len(answers), _FRAMES)
    for line, answer in enumerate(answers):
        label = int(answer.probabilities.argmax())
        clip, probability = surest(answer, label)
        pixels = reread(both.reading(max_clips), answer.source, answer.num_frames, clip).pixels
        seen, heat = map(np.asarray, look(both.teacher.variables, pixels, label))
        said = f"{both.class_names[label]} {probability:.0%}"
        shown = np.linspace(0, len(seen) - 1, min(_FRAMES, len(seen))).round().astype(int)
        for column, number in enumerate(shown.tolist()):
            plain, over = (figure.add_subplot(grid[2 * line + row, column]) for row in (0, 1))
            plain.imshow(seen[number])
            over.imshow(covered(seen[number], heat[number]))
            plain.set_title(f"frame {number}", fontsize=7)
            for panel, text in ((plain, f"{name_of(answer)}\nclip {clip}"), (over, said)):
                panel.set(xticks=[], yticks=[])
                panel.set_ylabel("" if column else text, fontsize=7, parse_math=False)
    write(path, figure)


def _looking(both: Pair, block: str) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Returns the function from a clip's pixels and a class to frames in 0..1 and their heat."""

    def look(
        variables: Variables, pixels: jax.Array, label: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        batch, labels = {"clip": pixels[None]}, jnp.asarray(label)[None]
        seen, heat = grad_cam(variables, batch, labels, network=both.teacher.network, block=block)
        return jnp.clip((seen[0].astype(jnp.float32) + 1) / 2, 0, 1), heat[0]

    return look


def surest(answer: VideoAnswer, label: int) -> tuple[int, float]:
    """Returns the clip whose answer by the teacher is surest of a class, and its probability."""
    found = answer.clip_probabilities()
    clips = {clip: float(found[clip][label]) for clip in answer.teacher.clips.tolist()}
    if not clips:
        raise InputError(
            f"--heatmap: '{answer.source.name}' was answered by the sampler alone; use a larger "
            "--k, or a smaller --k_student"
        )
    clip = max(clips, key=lambda number: clips[number])
    return clip, clips[clip]


def covered(frame: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Returns a frame [h, w, 3] in 0..1 under the colours of its heat [h, w] in 0..1."""
    colours = mpl.colormaps[_COLOURS](heat)[..., :3]
    share = _MOST * heat[..., None]
    return np.asarray((1 - share) * frame + share * colours)
