"""Scores of clips that are drawn at random, for studies."""

import numpy as np

from vidkd_jax.inference.scores import Scores


def drawn(counts, num_classes=4, seed=0, average="softmax", scale=2.0):
    """Videos of `counts` clips; everything is random, the labels are cyclic."""
    rng = np.random.default_rng(seed)
    n, v = sum(counts), len(counts)
    return Scores(
        teacher=(scale * rng.standard_normal((n, num_classes))).astype(np.float32),
        labels=np.arange(v) % num_classes,
        videos=np.repeat(np.arange(v), counts),
        names=np.array([f"v{i}" for i in range(v)]),
        groups=np.array([f"g{i % 5}" for i in range(v)]),
        spans=np.concatenate([np.arange(c)[:, None] * 8 + [0, 8] for c in counts]),
        average=average,
        sampler=(scale * rng.standard_normal((n, num_classes))).astype(np.float32),
        confidence=rng.standard_normal(n).astype(np.float32),
    )
