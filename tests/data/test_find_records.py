import pytest

from vidkd_jax.data.records import find_records
from vidkd_jax.errors import InputError


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("marionette", "--preset=standard --out"),
        ("marionette_small", "--preset=small"),
        ("marionette_untrimmed", "--preset=untrimmed"),
        ("marionette_long", "--preset=long"),
        ("marionette_background", "--preset=standard --variant=background"),
    ],
)
def test_missing_built_in_records_say_how_to_render_them(tmp_path, name, rendered):
    with pytest.raises(InputError) as error:
        find_records(tmp_path, name, split=2, short_side=56)
    assert f"data_prep.marionette {rendered}" in str(error.value)
    assert f"--dataset=marionette --name={name}" in str(error.value)
    assert "--split=2 --short_side=56" in str(error.value)
