"""What the folder of a run tells before anything of it is loaded."""

import pytest

from vidkd_jax.networks.checkpoints import has_checkpoint


@pytest.mark.parametrize(
    ("latest", "best", "goes_on"),
    [
        (["2", "3"], ["1", "3"], True),
        (["3"], ["2"], True),  # the newest epoch was not the best one
        (["1"], [], False),  # killed while the first epoch was written
        ([], ["1"], False),
        (["1.orbax-checkpoint-tmp"], ["1"], False),
        ([], [], False),
    ],
)
def test_a_run_goes_on_from_a_state_and_a_best_student(tmp_path, latest, best, goes_on):
    for name, epochs in (("latest", latest), ("best", best)):
        for epoch in epochs:
            (tmp_path / "checkpoints" / name / epoch).mkdir(parents=True)
    assert has_checkpoint(tmp_path) == goes_on
