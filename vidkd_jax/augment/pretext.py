"""The five transforms of PCL's pretext task, and how a clip's one is drawn.

A network is to tell which of them a clip has undergone (PCL+KD 2024, section 3.2.1). The transforms
are pure functions of one clip [t, h, w, c] and their parameters, and keep shape and dtype.
"""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.errors import InputError

# The labels 0 to 4, in the order of the released code.
TRANSFORMS = ("none", "rotation", "quadrants", "segments", "fifth")
QUADRANTS, SEGMENTS, FIFTH = ("random", "fixed"), ("adjacent", "any"), ("repeat", "remote")
_PARTS = 4  # segments of a clip
_ORDERS = tuple(itertools.permutations(range(4)))[1:]  # the first one changes nothing


def rotate(clip: jax.Array, quarter_turns: jax.Array | int) -> jax.Array:
    """Rotates every frame by quarter turns, anticlockwise; the identity for 0.

    Args:
        clip: square frames, `[t, s, s, c]`.
        quarter_turns: any integer.
    """
    turns = jnp.asarray(quarter_turns) % 4
    # One turn is a transposition, then a reversal of the rows; two turns reverse rows and columns.
    clip = jnp.where(turns % 2 == 1, jnp.swapaxes(clip, 1, 2), clip)
    clip = jnp.where((turns == 1) | (turns == 2), clip[:, ::-1], clip)
    return jnp.where((turns == 2) | (turns == 3), clip[:, :, ::-1], clip)


def permute_quadrants(clip: jax.Array, order: jax.Array) -> jax.Array:
    """Puts quadrant `order[i]` of every frame in place i; the identity for (0, 1, 2, 3).

    Args:
        clip: frames of even height and width, `[t, h, w, c]`.
        order: int `[4]`, of upper left, upper right, lower left, lower right.
    """
    t, h, w, c = clip.shape
    parts = clip.reshape(t, 2, h // 2, 2, w // 2, c).transpose(1, 3, 0, 2, 4, 5)
    moved = parts.reshape(4, *parts.shape[2:])[order].reshape(parts.shape)
    return moved.transpose(2, 0, 3, 1, 4, 5).reshape(clip.shape)


def segment_swaps(frames: int, kind: str) -> np.ndarray:
    """Returns all orders of a clip's frames with two of its four segments swapped, int [m, frames].

    Segments are as equal as can be, the longer ones first. (The released code has a short rest
    instead where four does not divide the frames.)

    Args:
        frames: of the clip.
        kind: "adjacent": two neighbours, 3 orders (the 2024 paper); "any": two different ones, 6
            orders (PCL's released code).
    """
    parts = np.array_split(np.arange(frames), _PARTS)
    orders = []
    for i, j in itertools.combinations(range(_PARTS), 2):
        if kind == "any" or j == i + 1:
            places = list(range(_PARTS))
            places[i], places[j] = j, i
            orders.append(np.concatenate([parts[place] for place in places]))
    return np.stack(orders)


def repeated_segment(frames: int) -> np.ndarray:
    """Returns the order of frames that has the fourth segment instead of the second, int [frames].

    It is the 2024 paper's fifth transform, "temporal shuffling". Where the fourth segment is
    shorter, its last frame is repeated.
    """
    parts = np.array_split(np.arange(frames), _PARTS)
    shown = np.minimum(np.arange(len(parts[1])), len(parts[3]) - 1)
    return np.concatenate([parts[0], parts[3][shown], parts[2], parts[3]])


@dataclasses.dataclass(frozen=True)
class Pretext:
    """How the five transforms are drawn; where the paper and PCL's released code differ, both.

    Attributes:
        quadrants: "random": any order but the right one (the 2024 paper's words); "fixed": reversed
            (the code).
        segments: which two of four segments are swapped, "adjacent" (the paper) or "any" (the
            code).
        fifth: "repeat": the fourth segment stands in place of the second (the paper); "remote": the
            clip is another one, from far away in the video (the code).
    """

    quadrants: str = "random"
    segments: str = "adjacent"
    fifth: str = "repeat"

    def transform(
        self, clip: jax.Array, label: jax.Array, key: jax.Array, remote: jax.Array | None
    ) -> jax.Array:
        """Returns the clip after one transform.

        Args:
            clip: `[t, s, s, c]`, s even.
            label: number of the transform in `TRANSFORMS`, int `[]`.
            key: what else is random comes from it: by how much to rotate, what to swap.
            remote: the clip that takes its place, for "remote"; else None.

        Raises:
            InputError: the frames cannot be divided.
        """
        t, h, w, _ = clip.shape
        if h != w or h % 2 or t < _PARTS:
            raise InputError(
                f"data.crop, data.frames: PCL cuts {t} frames of {h}x{w} into quadrants and "
                f"{_PARTS} segments; use an even crop and at least {_PARTS} frames"
            )
        turn_key, order_key, swap_key = jax.random.split(key, 3)
        turns = jax.random.randint(turn_key, (), 1, 4)
        orders = np.array(_ORDERS if self.quadrants == "random" else _ORDERS[-1:])
        order = jax.random.choice(order_key, orders)
        swaps = segment_swaps(t, self.segments)
        frames = jnp.where(label == 3, jax.random.choice(swap_key, swaps), np.arange(t))
        if remote is None:
            frames = jnp.where(label == 4, repeated_segment(t), frames)
        else:
            clip = jnp.where(label == 4, remote, clip)
        clip = rotate(clip[frames], jnp.where(label == 1, turns, 0))
        return permute_quadrants(clip, jnp.where(label == 2, order, np.arange(4)))


def draw_labels(key: jax.Array, possible: jax.Array) -> jax.Array:
    """Draws a transform for each clip, all that are possible with the same probability.

    Args:
        key: of this batch.
        possible: bool `[b, 5]`, at least one in each row.

    Returns:
        int32 `[b]`.
    """
    scores = jnp.where(possible, 0.0, -jnp.inf)
    return jax.random.categorical(key, scores, axis=-1).astype(jnp.int32)
