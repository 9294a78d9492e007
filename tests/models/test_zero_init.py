"""With zero-initialised last norms, residual blocks start as their shortcuts.

test_parameter_counts.py tests the names of these norms.
"""

from functools import partial

import jax
import numpy as np

from vidkd_jax import models
from vidkd_jax.run.state import create_variables

SHAPE = (4, 16, 16, 3)


def test_the_convolutions_of_a_block_do_not_matter_at_first():
    model = models.create("vcop_r3d", 2, width=1 / 32)
    norm = models.lookup("vcop_r3d").last_norm
    clip = jax.random.uniform(jax.random.key(2), (1, *SHAPE), minval=-1)
    apply = jax.jit(partial(model.apply, train=False))

    def logits(zero_norms, factor):
        variables = create_variables(
            jax.random.key(1), SHAPE, model=model, zero_norms=zero_norms
        ).as_dict()
        for stage in (2, 3, 4, 5):
            conv = variables["params"]["backbone"][f"conv{stage}.block1"][
                "conv1.temporal_spatial_conv"
            ]
            conv["kernel"] = factor * conv["kernel"]
        return np.asarray(apply(variables, clip)["logits"])

    np.testing.assert_array_equal(logits(norm, 1.0), logits(norm, -2.0))
    assert np.abs(logits("", 1.0) - logits("", -2.0)).max() > 1e-3
