"""Compares optimisers with PyTorch's, also when a schedule changes rates between epochs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import models
from vidkd_jax.run.optimizer import create_optimizer, path_names, set_rates
from vidkd_jax.settings.settings import OptimSettings

SGD = {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": False}


def create(learning_rate, **options):
    return create_optimizer(OptimSettings(learning_rate=learning_rate, **options))


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_decay_on_kernels_spares_biases_norms_and_shortcuts(name):
    params = {
        "stem": {"kernel": jnp.ones(2), "bias": jnp.ones(2)},
        "norm": {"scale": jnp.ones(2)},
        "block": {
            "downsample.0": {"kernel": jnp.ones(2)},
            "shortcut_conv": {"kernel": jnp.ones(2)},
            "branch1_conv": {"kernel": jnp.ones(2)},
        },
    }
    options = {"name": name, "momentum": 0.0, "weight_decay": 0.5, "nesterov": False}
    zeros = jax.tree.map(jnp.zeros_like, params)
    moved = {}
    for decay_on in ("all", "kernels"):
        optimizer = create(0.1, decay_on=decay_on, **options)
        updates, _ = optimizer.update(zeros, optimizer.init(params), params)
        moved[decay_on] = [float(leaf[0]) for leaf in jax.tree.leaves(updates)]
    np.testing.assert_allclose(moved["all"], [-0.05] * 6, rtol=1e-6)
    # Leaves in order: those of the block's three shortcuts, norm/scale, stem/bias, stem/kernel.
    np.testing.assert_allclose(moved["kernels"], [0, 0, 0, 0, 0, -0.05], rtol=1e-6)


@pytest.mark.parametrize(("name", "nesterov"), [("sgd", False), ("sgd", True), ("adamw", False)])
def test_optimizer_is_pytorchs(name, nesterov):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=5), rng.normal(size=(4, 5))
    weights = torch.tensor(start, requires_grad=True)
    theirs = (
        torch.optim.SGD([weights], 0.1, momentum=0.8, weight_decay=0.01, nesterov=nesterov)
        if name == "sgd"
        else torch.optim.AdamW([weights], 0.1, betas=(0.8, 0.999), weight_decay=0.01)
    )
    ours = create(0.1, name=name, momentum=0.8, weight_decay=0.01, nesterov=nesterov)
    params = jnp.asarray(start, jnp.float32)
    state = ours.init(params)
    for grad in grads:
        weights.grad = torch.tensor(grad)
        theirs.step()
        updates, state = ours.update(jnp.asarray(grad, jnp.float32), state, params)
        params = params + updates
    np.testing.assert_allclose(params, weights.detach().numpy(), rtol=1e-5)


def test_learning_rate_is_read_from_the_state():
    optimizer = create(0.1, **SGD)
    state = set_rates(optimizer.init(jnp.ones(2)), 0.0, [])
    updates, _ = optimizer.update(jnp.ones(2), state, jnp.ones(2))
    assert (updates == 0).all()


def test_of_several_patterns_the_first_that_matches_anywhere_counts():
    one = jnp.ones(())
    params = {"backbone": {"bias": one}, "logits": {"bias": one, "kernel": one}}
    patterns = (("bias", 0.5), ("^logits/", 0.1))
    options = {"momentum": 0.0, "weight_decay": 0.0, "nesterov": False}
    optimizer = create(1.0, multipliers=patterns, **options)
    first = optimizer.init(params)
    later = set_rates(first, 2.0, [0.3, 0.2])
    for state, expected in ((first, [-0.5, -0.5, -0.1]), (later, [-0.6, -0.6, -0.4])):
        updates, _ = optimizer.update(params, state, params)
        np.testing.assert_allclose(jax.tree.leaves(updates), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_multipliers_are_parameter_groups_of_pytorch(name):
    """A part of the network has its own learning rate; momentum and decay are the same."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    start = {"backbone": rng.normal(size=5), "confidence": rng.normal(size=3)}
    leaves = {n: torch.tensor(v, requires_grad=True) for n, v in start.items()}
    rates = {"backbone": 0.1, "confidence": 0.02}
    groups = [{"params": [leaves[n]], "lr": rates[n]} for n in leaves]
    theirs = (
        torch.optim.SGD(groups, momentum=0.8, weight_decay=0.01)
        if name == "sgd"
        else torch.optim.AdamW(groups, betas=(0.8, 0.999), weight_decay=0.01)
    )
    ours = create(
        0.1,
        name=name,
        momentum=0.8,
        weight_decay=0.01,
        nesterov=False,
        multipliers=(("^confidence/", 0.2),),
    )
    params = {n: {"kernel": jnp.asarray(v, jnp.float32)} for n, v in start.items()}
    state = ours.init(params)
    for number in range(6):
        grads = {n: rng.normal(size=v.shape) for n, v in start.items()}
        if number == 3:  # the schedule drops only the rate of the branch
            groups[1]["lr"] = theirs.param_groups[1]["lr"] = 0.002
            state = set_rates(state, 0.1, [0.02])
        for n, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[n])
        theirs.step()
        updates, state = jax.jit(ours.update)(
            {n: {"kernel": jnp.asarray(g, jnp.float32)} for n, g in grads.items()}, state, params
        )
        params = jax.tree.map(jnp.add, params, updates)
    for n, leaf in leaves.items():
        np.testing.assert_allclose(params[n]["kernel"], leaf.detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize("name", ["r3d_18", "hara_r3d_18", "ty_r3d_18", "vcop_r3d", "x3d_s"])
def test_every_projected_shortcut_is_spared(name):
    """Of a stage's first block the convolution that leads around it is a kernel without decay."""
    model = models.create(name, 5, width=1 / 8 if name == "x3d_s" else 1 / 16)
    clip = jax.ShapeDtypeStruct((1, 8, 32, 32, 3), jnp.float32)
    shapes = jax.eval_shape(lambda c: model.init(jax.random.key(0), c, train=False), clip)["params"]
    optimizer = create(
        0.1, name="sgd", momentum=0.0, weight_decay=0.5, nesterov=False, decay_on="kernels"
    )
    ones = jax.tree.map(lambda leaf: jnp.ones(leaf.shape[:0]), shapes)
    zeros = jax.tree.map(jnp.zeros_like, ones)
    updates, _ = optimizer.update(zeros, optimizer.init(ones), ones)
    kept = [
        p
        for p, u in jax.tree_util.tree_leaves_with_path(updates)
        if float(u) == 0 and path_names(p)[-1] == "kernel"
    ]
    assert len(kept) >= 3
