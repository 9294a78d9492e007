"""What the folder of a run tells before anything of it is loaded."""

import pytest

from vidkd_jax.networks.checkpoints import saved_epoch


@pytest.mark.parametrize(
    ("latest", "best", "goes_on"),
    [
        (["2", "3"], ["1", "3"], 3),
        (["3"], ["2"], 3),  # the newest epoch was not the best one
        (["1"], [], 0),  # killed while the first epoch was written
        (["4", "5"], [], 5),  # and says what is lost
        (["1"], ["2", "3"], 1),  # likewise: newer states were deleted
        (["11"], ["10", "11"], 11),  # a fork
        ([], ["1"], 0),
        (["1.orbax-checkpoint-tmp"], ["1"], 0),
        ([], [], 0),
    ],
)
def test_a_run_goes_on_from_a_state_and_a_best_student(tmp_path, latest, best, goes_on):
    for name, epochs in (("latest", latest), ("best", best)):
        for epoch in epochs:
            (tmp_path / "checkpoints" / name / epoch).mkdir(parents=True)
    assert saved_epoch(tmp_path) == goes_on
