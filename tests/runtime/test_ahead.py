"""Items are made before they are needed, and none is lost."""

import pytest

from vidkd_jax.runtime.ahead import ahead


@pytest.mark.parametrize("by", [0, 1, 2, 7])
def test_the_next_items_are_made_before_one_is_handed_out(by):
    made: list[int] = []
    values = (made.append(number) or number for number in range(5))
    found = [(value, len(made)) for value in ahead(values, by)]
    assert found == [(value, min(value + 1 + by, 5)) for value in range(5)]


def test_nothing_ahead_of_nothing():
    assert list(ahead([], 2)) == []
