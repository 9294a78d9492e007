"""PyTorch networks as yardsticks: random weights, and the comparison of a network with its own."""

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax.traverse_util import flatten_dict
from torch import nn

from vidkd_jax import models
from vidkd_jax.convert.torch_layout import from_torch
from vidkd_jax.network import Variables

NUM_CLASSES = 5
_NOISE = 1e-6  # of all gradients: what is left of one that is zero but for rounding


def randomise(module, seed=0):
    """Draws weights that keep activations near one, and statistics that are not the initial ones.

    The norms' biases are about 2 or -2: few values then lie near ReLU's kink, where rounding alone,
    PyTorch's own included, changes the gradients by a per cent.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    for part in module.modules():
        if isinstance(part, nn.Conv3d | nn.Linear):
            nn.init.normal_(part.weight, std=0.5 / part.weight[0].numel() ** 0.5)
            if part.bias is not None:
                nn.init.normal_(part.bias, std=0.3)
        elif isinstance(part, nn.BatchNorm3d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
            part.bias.data += 2 * torch.randn(part.bias.shape).sign()
            nn.init.normal_(part.running_mean, std=0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)


def assert_parity(module, model, *, head, shape):
    """Logits in evaluation; statistics and all gradients of one training step.

    Args:
      module: the PyTorch network, from [b, c, t, h, w] to logits.
      model: ours, a `Recogniser` of the same classes.
      head: the classifier's name in PyTorch.
      shape: of the clips, [b, t, h, w, c].
    """
    randomise(module)
    rng = np.random.default_rng(0)
    clip = rng.normal(size=shape).astype(np.float32)
    weight = rng.normal(size=(shape[0], NUM_CLASSES)).astype(np.float32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), clip, train=False))
    variables = _variables(module.state_dict(), Variables(**shapes), head)
    _assert_same_logits(module.eval(), model, variables, clip)
    _assert_same_step(module.train(), model, variables, clip, weight, head)


def _variables(state, template, head):
    # Copies: PyTorch's step changes its statistics in place.
    arrays = {name: value.detach().numpy().copy() for name, value in state.items()}
    variables, report = from_torch(arrays, template, head)
    assert not report.skipped and not report.initialised, report
    return variables


def _in_torch(clip):
    return torch.from_numpy(clip.transpose(0, 4, 1, 2, 3).copy())


def _assert_same_logits(module, model, variables, clip):
    with torch.no_grad():
        expected = module(_in_torch(clip)).numpy()
    apply = jax.jit(lambda variables, clip: model.apply(variables, clip, train=False)["logits"])
    actual = apply(variables.as_dict(), clip)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def _assert_same_step(module, model, variables, clip, weight, head):
    expected = _torch_step(module, clip, weight, variables, head)

    @jax.jit
    def step(params, batch_stats):
        def loss(params):
            outputs, updated = model.apply(
                {"params": params, "batch_stats": batch_stats},
                clip,
                train=True,
                mutable=["batch_stats"],
            )
            return (outputs["logits"] * weight).sum(), updated["batch_stats"]

        gradients, updated = jax.grad(loss, has_aux=True)(params)
        return Variables(gradients, updated)

    actual = step(variables.params, variables.batch_stats)
    _assert_close(actual.batch_stats, expected.batch_stats)
    _assert_close(actual.params, expected.params)


def _torch_step(module, clip, weight, variables, head):
    """Gradients in place of parameters, and the statistics that Flax should have after the step."""
    norms = {k: m for k, m in module.named_modules() if isinstance(m, nn.BatchNorm3d)}
    before = {name: norm.running_var.clone() for name, norm in norms.items()}
    values = {}  # in each channel
    for name, norm in norms.items():
        norm.register_forward_hook(
            lambda _, inputs, __, name=name: values.update({name: inputs[0][:, 0].numel()})
        )
    (module(_in_torch(clip)) * torch.from_numpy(weight)).sum().backward()
    state = dict(module.state_dict())
    state |= {name: parameter.grad for name, parameter in module.named_parameters()}
    for name, norm in norms.items():
        # PyTorch keeps the unbiased variance, Flax the biased one.
        kept = (1 - norm.momentum) * before[name]
        biased = (values[name] - 1) / values[name]
        state[f"{name}.running_var"] = kept + biased * (norm.running_var - kept)
    return _variables(state, jax.eval_shape(lambda: variables), head)


def _assert_close(actual, expected):
    """Each tensor within 1e-3 of its norm."""
    actual, expected = flatten_dict(actual), flatten_dict(expected)
    total = np.sqrt(sum(np.sum(np.square(value)) for value in expected.values()))
    assert actual.keys() == expected.keys()
    far = {
        "/".join(path): float(distance / np.linalg.norm(value))
        for path, value in expected.items()
        if (distance := np.linalg.norm(actual[path] - value))
        > 1e-3 * np.linalg.norm(value) + _NOISE * total
    }
    worst = sorted(far.items(), key=lambda item: -item[1])[:5]
    assert not far, f"{len(far)} of {len(expected)} tensors are far, these most: {worst}"


def small(name_or_backbone, width=1 / 8, **options):
    """The network of a name, or a backbone of a family, for a few classes."""
    if isinstance(name_or_backbone, str):
        return models.create(name_or_backbone, NUM_CLASSES, width=width, **options)
    backbone = name_or_backbone(width=width, dtype=jnp.float32)
    return models.Recogniser(backbone, {"logits": NUM_CLASSES}, **options)
