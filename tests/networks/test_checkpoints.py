"""Checkpoints are written while the run goes on: what is saved is as of the call."""

import shutil

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax.errors import InputError, is_disk_full
from vidkd_jax.networks.checkpoints import Checkpoints, load_best_of
from vidkd_jax.networks.network import Variables


def network(value):
    return Variables(params={"kernel": jnp.full((64, 256, 256), value)}, batch_stats={})


def numbers():
    return iter(grain.MapDataset.range(9).to_iter_dataset())


def progress(best_epoch):
    return {"best_epoch": best_epoch}


def test_saved_is_what_was_there_though_the_next_step_overwrites_it(tmp_path):
    step = jax.jit(lambda variables: jax.tree.map(lambda x: x + 1, variables), donate_argnums=0)
    data, variables = numbers(), network(0.0)
    next(data)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(1, variables)
        checkpoints.save_latest(1, variables, data, progress(1))
        for _ in range(3):
            variables = step(variables)
            next(data)
        best = checkpoints.load_best(1, variables)
        again = numbers()
        latest, _ = checkpoints.load_latest(variables, again)
    assert float(variables.params["kernel"].max()) == 3
    for loaded in (best, latest):
        np.testing.assert_array_equal(loaded.params["kernel"], 0.0)
    assert next(again) == 1


@pytest.mark.parametrize("lost", ["best", "latest"])
def test_an_epoch_of_which_one_half_was_lost_is_done_again(tmp_path, lost):
    variables = network(0.0)
    with Checkpoints(tmp_path) as checkpoints:
        for epoch in (1, 2, 3):
            checkpoints.save_best(epoch, variables)
            checkpoints.save_latest(epoch, variables, numbers(), progress(epoch))
    shutil.rmtree(tmp_path / "checkpoints" / lost / "3")
    with Checkpoints(tmp_path) as checkpoints:
        _, saved = checkpoints.load_latest(variables, numbers())
        assert saved == progress(2)
        checkpoints.load_best(2, variables)
    assert not list((tmp_path / "checkpoints").glob("*/3"))


@pytest.mark.parametrize(("best_of_3", "lost"), [(1, "1"), (3, "2")])
def test_a_best_student_that_is_gone_is_named_before_anything_is_trained(tmp_path, best_of_3, lost):
    variables = network(0.0)
    with Checkpoints(tmp_path) as checkpoints:
        for epoch, best in ((1, 1), (2, min(best_of_3, 2)), (3, best_of_3)):
            if best == epoch:
                checkpoints.save_best(epoch, variables)
            checkpoints.save_latest(epoch, variables, numbers(), progress(best))
    shutil.rmtree(tmp_path / "checkpoints" / "best")
    with pytest.raises(InputError, match=rf"best/{lost}' is gone, .* delete '.*checkpoints' to"):
        Checkpoints(tmp_path)
    assert {"2", "3"} <= {path.name for path in (tmp_path / "checkpoints/latest").iterdir()}


def test_an_epoch_to_keep_is_never_taken_for_a_half(tmp_path):
    """The newest states were damaged, and deleted; the kept one's best student is long gone."""
    variables = network(0.0)
    with Checkpoints(tmp_path, keep_epochs=(1,)) as checkpoints:
        for epoch in (1, 2, 3):
            checkpoints.save_best(epoch, variables)
            checkpoints.save_latest(epoch, variables, numbers(), progress(epoch))
    latest = tmp_path / "checkpoints/latest"
    for newer in ("2", "3"):
        shutil.rmtree(latest / newer)
    with pytest.raises(InputError, match=r"best/1' is gone, the best student"):
        Checkpoints(tmp_path, keep_epochs=(1,))
    assert [path.name for path in latest.iterdir()] == ["1"]


def test_a_best_student_of_an_older_epoch_stays(tmp_path):
    variables = network(0.0)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(1, variables)
        for epoch in (1, 2):
            checkpoints.save_latest(epoch, variables, numbers(), progress(1))
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_epoch() == 2
        checkpoints.load_best(1, variables)


def test_a_best_student_that_was_deleted_is_no_damage(tmp_path):
    with pytest.raises(InputError, match=r"checkpoint '.*best/3' is not there; copy it from"):
        load_best_of(tmp_path, 3)


def test_a_full_disk_is_raised_before_anybody_takes_the_checkpoint_for_saved(small_disk):
    disk, resize = small_disk
    assert resize(4)
    noise = jax.random.normal(jax.random.key(0), (4, 1024, 1024))  # 16 MiB, and no pattern in it
    variables = Variables(params={"kernel": noise}, batch_stats={})
    with pytest.raises(ValueError, match="No space left") as caught, Checkpoints(disk) as saving:
        saving.save_best(1, variables)
        saving.load_best(1, variables)
    assert is_disk_full(caught.value)
    assert not list(disk.glob("checkpoints/best/1"))
