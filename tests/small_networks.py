"""Folders of weights with the heads of samplers, made from a small run without training them."""

import dataclasses
import functools
import shutil

import jax
import numpy as np

from vidkd_jax.models import Head
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Variables


def save_sampler(folder, run, *, classifier=True, confidence=True, seed=1, **card_fields):
    """Saves a sampler like the network of `run`, with random heads, and the run's config."""
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
    network = weights.network_of(card, heads=("confidence",) if confidence else ())
    clip = np.zeros((1, card.frames, card.size, card.size, 3), np.float32)
    fresh = jax.jit(functools.partial(network.init, train=False))(jax.random.key(seed), clip)
    params = {**fresh["params"]}
    if "backbone" in variables.params and "frames" not in card_fields:
        params["backbone"] = variables.params["backbone"]
    # Heads far from zero, so that clips differ in more than the last bits.
    params = {
        n: p if n == "backbone" else jax.tree.map(lambda x: 9 * x, p) for n, p in params.items()
    }
    weights.save(folder, card, Variables(params, fresh["batch_stats"]))
    shutil.copy(run / "config.json", folder)
    return folder
