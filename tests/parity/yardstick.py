"""Compares our networks with PyTorch's on random weights."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax.traverse_util import flatten_dict
from torch import nn
from torch_state import from_torch

from vidkd_jax import models
from vidkd_jax.networks.network import Variables

NUM_CLASSES = 5
_NOISE = 1e-6  # relative to all gradients: the rounding error of a gradient that should be zero


def randomise(module, seed=0):
    """Draws weights that keep activations near one, and statistics unlike the initial ones.

    The biases of the norms are about 2, so that few values are near the kink of ReLU. Near the
    kink, rounding errors alone (PyTorch's, too) change the gradients by one per cent.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.normal_(part.weight, std=0.5 / part.weight[0].numel() ** 0.5)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.3)
        elif isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, mean=2, std=0.3)
            nn.init.normal_(part.running_mean, std=0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)


def assert_parity(module, model, *, head, shape):
    """Compares logits in evaluation, and statistics and all gradients of one training step.

    The gradients must agree in at least one of three draws of weights. A draw says nothing about
    gradients if two values in a max-pool, or a value and zero in a ReLU, differ by less than the
    rounding error.

    Args:
      module: The PyTorch network, from [b, c, t, h, w] to logits.
      model: Our network, a `Recogniser` with the same classes.
      head: Name of the classifier in PyTorch.
      shape: Shape of the clips, [b, t, h, w, c].
    """
    rng = np.random.default_rng(0)
    clip = rng.normal(size=shape).astype(np.float32)
    weight = rng.normal(size=(shape[0], NUM_CLASSES)).astype(np.float32)
    template = Variables(**jax.eval_shape(lambda: model.init(jax.random.key(0), clip, train=False)))
    apply, step = _compiled(model, clip, weight)
    for seed in range(3):
        randomise(module, seed)
        variables = _variables(module.state_dict(), template, head)
        _assert_same_logits(module.eval(), apply, variables, clip)
        actual = step(variables.params, variables.batch_stats)
        expected = _torch_step(module.train(), clip, weight, variables, head)
        assert not (far := _far(actual.batch_stats, expected.batch_stats)), far
        if not (far := _far(actual.params, expected.params)):
            return
    raise AssertionError(far)


def _variables(state, template, head):
    # The arrays are copied, because PyTorch's step changes its statistics in place.
    arrays = {name: value.detach().numpy().copy() for name, value in state.items()}
    variables, report = from_torch(arrays, template, head)
    assert not report.skipped and not report.initialised, report
    return variables


def _in_torch(clip):
    return torch.from_numpy(clip.transpose(0, 4, 1, 2, 3).copy())


def _compiled(model, clip, weight):
    """Returns compiled functions for our logits in evaluation, and for our training step.

    The step returns gradients and the new statistics.
    """

    def loss(params, batch_stats):
        variables = {"params": params, "batch_stats": batch_stats}
        outputs, updated = model.apply(variables, clip, train=True, mutable=["batch_stats"])
        return (outputs["logits"] * weight).sum(), updated["batch_stats"]

    step = jax.jit(lambda *variables: Variables(*jax.grad(loss, has_aux=True)(*variables)))
    return jax.jit(lambda variables: model.apply(variables, clip, train=False)["logits"]), step


def _assert_same_logits(module, apply, variables, clip):
    with torch.no_grad():
        expected = module(_in_torch(clip)).numpy()
    actual = apply(variables.as_dict())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def _torch_step(module, clip, weight, variables, head):
    """Returns PyTorch's gradients, and the statistics that Flax should have after the step.

    The gradients are in the place of the parameters.
    """
    norms = {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d)
    }
    before = {name: norm.running_var.clone() for name, norm in norms.items()}
    values = {}  # number of values per channel
    hooks = [
        norm.register_forward_hook(
            lambda _, inputs, __, name=name: values.update({name: inputs[0][:, 0].numel()})
        )
        for name, norm in norms.items()
    ]
    module.zero_grad()
    (module(_in_torch(clip)) * torch.from_numpy(weight)).sum().backward()
    for hook in hooks:
        hook.remove()
    state = dict(module.state_dict())
    state |= {name: parameter.grad for name, parameter in module.named_parameters()}
    for name, norm in norms.items():
        # PyTorch keeps the unbiased variance, Flax the biased one.
        kept = (1 - norm.momentum) * before[name]
        biased = (values[name] - 1) / values[name]
        state[f"{name}.running_var"] = kept + biased * (norm.running_var - kept)
    return _variables(state, jax.eval_shape(lambda: variables), head)


def _far(actual, expected):
    """Returns a message that names the tensors with errors above 1e-3 of their norm, or ""."""
    actual, expected = flatten_dict(actual), flatten_dict(expected)
    assert actual.keys() == expected.keys()
    norms = {path: np.linalg.norm(value) for path, value in expected.items()}
    noise = _NOISE * np.linalg.norm(list(norms.values()))
    far = {
        "/".join(path): float(distance / norms[path])
        for path, value in expected.items()
        if not (distance := np.linalg.norm(actual[path] - value)) <= 1e-3 * norms[path] + noise
    }
    worst = sorted(far.items(), key=lambda item: -item[1])[:5]
    return f"{len(far)} of {len(expected)} tensors differ, the most: {worst}" if far else ""


def small(name_or_backbone, width=1 / 8, **options):
    """Makes a small network of a name, or of a backbone, for `NUM_CLASSES` classes."""
    if isinstance(name_or_backbone, str):
        return models.create(name_or_backbone, NUM_CLASSES, width=width, **options)
    backbone = name_or_backbone(width=width, dtype=jnp.float32)
    return models.Recogniser(backbone, {"logits": models.Head(NUM_CLASSES)}, **options)
