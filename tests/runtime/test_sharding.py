"""Where arrays lie on the devices."""

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.runtime import sharding


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ({"queue": np.zeros(4)}, "names 'quue', and its memory holds queue; correct the name"),
        ({}, "its memory holds nothing"),
    ],
)
def test_a_name_that_the_memory_does_not_hold_is_refused(memory, message):
    with pytest.raises(InputError, match=message):
        sharding.place(memory, ("quue",), sharding.create_mesh())
