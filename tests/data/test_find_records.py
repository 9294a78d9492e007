import pytest

from vidkd_jax.data import RecordSet
from vidkd_jax.errors import InputError


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("marionette", "--preset=standard --seed=9300 --out"),
        ("marionette_small", "--preset=small"),
        ("marionette_untrimmed", "--preset=untrimmed"),
        ("marionette_long", "--preset=long"),
        ("marionette_scene_bias", "--preset=standard --seed=9300 --scene_bias=0.8 --out"),
        ("marionette_new_scenes", "--preset=standard --seed=9300 --scene_bias=0.8 --unseen_scenes"),
        ("marionette_background", "--preset=standard --seed=9300 --variant=background"),
    ],
)
def test_missing_built_in_records_say_how_to_render_them(tmp_path, name, rendered):
    with pytest.raises(InputError) as error:
        RecordSet(tmp_path, name, split=2, short_side=56).folders()
    assert f"data_prep.marionette {rendered}" in str(error.value)
    assert f"--dataset=marionette --name={name}" in str(error.value)
    assert "--split=2 --short_side=56" in str(error.value)


def test_missing_records_of_other_tasks_say_how_to_make_their_list(tmp_path):
    with pytest.raises(InputError) as error:
        RecordSet(tmp_path, "marionette_scene", split=1, short_side=56).folders()
    said = str(error.value)
    assert "data_prep.marionette --preset=teachers --seed=7100" in said
    assert "data_prep.marionette.tasks --task=scene" in said
    assert "--dataset=csv --name=marionette_scene" in said
