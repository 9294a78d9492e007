"""A tiny data set of video files whose classes differ only in motion, and a short run on it."""

import numpy as np


def write_square(path, direction, seed, num_frames=24, fps=12.0):
    """Writes a video file of a bright square that moves left or right over a texture."""
    from vidkd_jax.video import write_video

    rng = np.random.default_rng(seed)
    background = rng.integers(0, 90, (6, 8, 3), np.uint8).repeat(6, axis=0).repeat(6, axis=1)
    frames = []
    for t in range(num_frames):
        frame = background.copy()
        left = 2 + t if direction else 26 - t
        frame[10:22, max(left, 0) : max(left, 0) + 10] = 230
        frames.append(frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, fps=fps)


# A whole run in seconds: 4 frames of 24 x 24, 2 channels, 10 layers, one step an epoch.
SMALL_RUN = {
    "data.frames": 4,
    "data.stride": 2,
    "data.crop": 24,
    "data.short_side": 36,
    "data.val_fraction": 0.3,
    "model.name": "ty_r3d_10",
    "model.width": 1 / 32,
    "train.batch_size": 4,
    "train.epochs": 3,
    "train.log_every": 1,
    "eval.batch_size": 4,
    "optim.learning_rate": 0.01,
}
