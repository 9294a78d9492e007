"""Folders of weights with the heads of samplers, made from a small run without training them."""

import dataclasses
import shutil

import numpy as np

from vidkd_jax.models import Head
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Variables


def save_sampler(folder, run, *, classifier=True, confidence=True, seed=1, **card_fields):
    """Saves a sampler with the backbone of `run` and random heads, and the run's config."""
    card, variables = weights.load(run)
    heads = {"confidence": Head(1)} if confidence else {}
    if classifier:
        heads["logits"] = Head(card.num_classes)
    card = dataclasses.replace(
        card,
        heads=heads,
        has_classifier=classifier,
        num_classes=card.num_classes if classifier else 0,
        **card_fields,
    )
    rng = np.random.default_rng(seed)
    params = {"backbone": variables.params["backbone"]}
    for name, head in heads.items():
        shape = (variables.params["logits"]["kernel"].shape[0], head.width)
        params[name] = {  # far from zero, so that clips differ in more than the last bits
            "kernel": 3 * rng.standard_normal(shape, np.float32),
            "bias": rng.standard_normal(head.width, np.float32),
        }
    weights.save(folder, card, Variables(params, variables.batch_stats))
    shutil.copy(run / "config.json", folder)
    return folder
