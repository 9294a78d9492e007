"""PCL and PCL+KD: views, terms and banks against NumPy, and short whole runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import augment, losses, methods
from vidkd_jax.augment import Augment, pretext
from vidkd_jax.errors import InputError
from vidkd_jax.methods import banks
from vidkd_jax.models import Head
from vidkd_jax.samplers import Tuples

RNG = np.random.default_rng(5)
CLIPS = RNG.integers(0, 256, (6, 3, 8, 6, 6, 3)).astype(np.uint8)
VIDEOS = np.array([4, 1, 4, 0, 2, 3])
BATCH = {"clip": jnp.asarray(CLIPS), "video": jnp.asarray(VIDEOS), "label": jnp.zeros(6, int)}
PLAIN = np.asarray(augment.plain(BATCH)["clip"])
KEY = jax.random.key(2)


def create(name="pcl", **options):
    return methods.create(name, augment=Augment.none(), **options)


def unit(shape):
    rows = RNG.normal(size=shape)
    return jnp.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), jnp.float32)


def answers(**changes):
    own = {
        "pretext": jnp.asarray(RNG.normal(size=(6, 5)), jnp.float32),
        "projection": unit((6, 3, 4)),
    }
    return {**own, **changes}


def context(memory=None, step=0):
    return methods.Context(KEY, jnp.asarray(step), BATCH, memory or {})


def sizes(videos=5):
    return methods.Sizes(KEY, {}, {}, (), videos)


def labels_of(method, batch=BATCH):
    """Returns the labels of a step: of answers that are certain, the loss tells each of them."""
    found = np.full(6, -1)
    for label in range(5):
        certain = answers(pretext=jnp.tile(20.0 * jnp.eye(5)[label], (6, 1)))
        term = method.terms(certain, {}, methods.Context(KEY, 0, batch, {}))["pretext"]
        found[np.asarray(term.value) < 1] = label
    return found


def test_only_the_middle_clip_is_transformed_and_by_what_the_loss_expects():
    method = create()
    seen = np.asarray(method.views(KEY, BATCH)["clip"])
    plain = PLAIN
    np.testing.assert_array_equal(seen[:, [0, 2]], plain[:, [0, 2]])
    labels = labels_of(method)
    assert len(set(labels)) > 2
    for row, label in enumerate(labels):
        before, after = plain[row, 1], seen[row, 1]
        same_pixels = np.array_equal(np.sort(before, axis=None), np.sort(after, axis=None))
        assert same_pixels == (label != 4)
        assert np.array_equal(before, after) == (label == 0)
        frames = {f.tobytes() for f in before}
        assert all(f.tobytes() in frames for f in after) == (label in (0, 3, 4))


def test_a_remote_clip_is_the_fifth_transform_where_the_video_has_room_for_it():
    method = create(fifth="remote")
    assert method.clips == (0, 1, 2) and method.sampler(8, 2).num_clips == 4
    near = jnp.concatenate([BATCH["clip"], BATCH["clip"][:, 1:2]], axis=1)
    far = near.at[:, 3].set(255 - near[:, 3])
    batch = {**BATCH, "clip": near}
    draws = {"near": [], "far": []}
    for number in range(40):
        key = jax.random.key(number)
        for name, clips in (("near", near), ("far", far)):
            draws[name].append(np.asarray(method._labels(key, {**batch, "clip": clips})))
    assert 4 not in np.unique(draws["near"])
    assert 0.1 < np.mean(np.array(draws["far"]) == 4) < 0.3
    seen = np.asarray(method.variants({**batch, "clip": far})["clip"])
    np.testing.assert_array_equal(seen[:, 4, 1], seen[:, 4, 3])
    half = far.at[:3].set(near[:3])
    possible = method.variants({**batch, "clip": half})["possible"]
    assert possible[:, :4].all() and possible[:, 4].tolist() == [False] * 3 + [True] * 3
    assert create().variants(BATCH)["possible"].all()


def test_clips_that_would_not_follow_one_another_are_refused():
    assert create(interval=-14).sampler(8, 2).span == 17  # clips of 15 frames begin 1 apart
    with pytest.raises(InputError, match=r"config\.method\.interval: -15, .* use -14 or more"):
        create(interval=-15).sampler(8, 2)


def test_variants_show_every_transform_and_are_the_same_whenever_they_are_asked():
    method = create()
    seen = np.asarray(method.variants(BATCH)["clip"])
    assert seen.shape == (6, 5, 3, 8, 6, 6, 3)
    np.testing.assert_array_equal(seen[:, 0], PLAIN)
    np.testing.assert_array_equal(seen, method.variants(BATCH)["clip"])
    # The order of a batch does not matter: the number of the video does.
    turned = {name: value[::-1] for name, value in BATCH.items()}
    np.testing.assert_array_equal(seen[::-1], method.variants(turned)["clip"])
    options = dataclasses.replace(create(), quadrants="fixed")
    np.testing.assert_array_equal(
        options.variants(BATCH)["clip"][:, 2, 1], np.roll(seen[:, 0, 1], (3, 3), (2, 3))
    )


def test_in_batch_terms():
    student = answers()
    terms = create(contrast_temperature=0.2).terms(student, {}, context())
    assert {name: term.weight for name, term in terms.items()} == {"pretext": 1.0, "contrast": 0.5}
    ends = student["projection"][:, 0], student["projection"][:, -1]
    expected = losses.two_clip_contrast(*ends, BATCH["video"], temperature=0.2)
    np.testing.assert_array_equal(terms["contrast"].value, expected)
    assert set(create(contrast="none").terms(student, {}, context())) == {"pretext"}
    assert set(create(contrast_weight=0.0).terms(student, {}, context())) == {"pretext"}
    assert create(contrast_weight=2.0).terms(student, {}, context())["contrast"].weight == 2.0


def test_the_accuracy_is_that_of_the_transforms():
    method, labels = create(), labels_of(create())
    told = np.where(np.arange(6) < 4, labels, (labels + 1) % 5)
    student = answers(pretext=jnp.eye(5)[told])
    assert method.metrics(student, {}, context()) == {"pretext_top1": pytest.approx(4 / 6)}


def test_options_reach_sampler_heads_and_transforms():
    method = create(fifth="remote", remote_gap=3, windows="tuple", tuple_length=5, interval=2)
    assert method.sampler(8, 2) == Tuples(8, 2, 5, 2, remote_gap=3)
    assert create().sampler(8, 2) == Tuples(8, 2, 3, 8, own_windows=True)
    assert create(projection=6, hidden=7).heads(9, ()) == {
        "pretext": Head(5, over="tuple"),
        "projection": Head(6, hidden=7, unit=True),
    }
    assert create(classified="clip").heads(9, ())["pretext"] == Head(5, over="middle")
    assert create(split_banks=True, contrast="banks").sharded_memory == ("first_bank", "last_bank")
    assert create().sharded_memory == create(contrast="banks").sharded_memory == ()
    many = {"clip": jnp.tile(BATCH["clip"][:1], (24, 1, 1, 1, 1, 1)), "video": jnp.arange(24)}
    swapped = {
        kind: {x.tobytes() for x in np.asarray(create(segments=kind).variants(many)["clip"][:, 3])}
        for kind in pretext.SEGMENTS
    }
    assert {kind: len(found) for kind, found in swapped.items()} == {"adjacent": 3, "any": 6}


def test_what_is_random_of_a_transform_is_drawn_for_each_clip():
    many = {"clip": jnp.tile(BATCH["clip"][:1], (40, 1, 1, 1, 1, 1)), "video": jnp.zeros(40, int)}
    method = create()
    seen = np.asarray(method.views(KEY, many)["clip"][:, 1])
    rotated = seen[np.asarray(method._labels(KEY, many)) == 1]
    assert len({clip.tobytes() for clip in rotated}) == 3


def test_banks_begin_uniform_on_rows_that_devices_can_share():
    bank = np.asarray(banks.first_bank(KEY, 100, 12))
    assert bank.shape == (128, 12)
    np.testing.assert_allclose([bank.min(), bank.max()], [-0.5, 0.5], atol=0.01)


def test_a_bank_moves_as_numpy_moves_it():
    bank, seen = np.asarray(banks.first_bank(KEY, 5, 4)), np.asarray(unit((6, 4)))
    expected = bank.copy()
    for video in set(VIDEOS):
        row = 0.3 * bank[video] + 0.7 * seen[video == VIDEOS].mean(axis=0)
        expected[video] = row / np.linalg.norm(row)
    moved = jax.jit(banks.move_bank)(bank, VIDEOS, seen, 0.3)
    np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-6)


def test_the_contrast_with_banks_equals_numpy():
    method = create(contrast="banks", negatives=7, projection=4)
    memory, student = method.init_memory(sizes()), answers()
    found = method.terms(student, {}, context(memory))["contrast"].value
    total = np.zeros(6)
    queries = np.asarray(student["projection"][:, 2]), np.asarray(student["projection"][:, 0])
    for number, name in enumerate(("first_bank", "last_bank")):
        bank = np.asarray(memory[name])
        key = jax.random.fold_in(methods.own_key(KEY, 2), number)
        drawn = np.asarray(jax.random.randint(key, (6, 7), 0, 5))
        for i, query in enumerate(queries[number]):
            scores = np.exp(np.append(query @ bank[VIDEOS[i]], bank[drawn[i]] @ query) / 0.07)
            total[i] -= np.log(scores[0] / scores.sum())
    np.testing.assert_allclose(found, total, rtol=1e-4)


def test_remembering_moves_each_bank_by_its_own_end_of_the_tuple():
    method = create(contrast="banks", projection=4, bank_momentum=0.0)
    memory, student = method.init_memory(sizes()), answers()
    after = method.remember(student, {}, context(memory), {})
    row = list(VIDEOS).index(1)
    for name, end in (("first_bank", 0), ("last_bank", -1)):
        np.testing.assert_allclose(after[name][1], student["projection"][row, end], rtol=1e-5)
    slow = dataclasses.replace(method, bank_momentum=0.9)
    after = slow.remember(student, {}, context(memory), {})
    expected = banks.move_bank(memory["last_bank"], VIDEOS, student["projection"][:, -1], 0.9)
    np.testing.assert_allclose(after["last_bank"], expected, rtol=1e-5)
    assert (memory["first_bank"] != memory["last_bank"]).all()
    assert create().init_memory(sizes()) == {}


@pytest.mark.parametrize(("distilled", "rows"), [("pretext", 1), ("projection", 3), ("logits", 3)])
def test_a_teacher_adds_tau_squared_times_the_kl_of_the_named_output(distilled, rows):
    method = create("pcl_distillation", kd_weight=2.0, distilled=distilled)
    student = answers(logits=jnp.asarray(RNG.normal(size=(6, 3, 7)), jnp.float32))
    teacher = answers(logits=jnp.asarray(RNG.normal(size=(6, 3, 7)), jnp.float32))
    terms = method.terms(student, {"frozen": (teacher,)}, context())
    assert set(terms) == {"pretext", "contrast", "kl"} and terms["kl"].weight == 2.0
    p, q = (
        np.asarray(jax.nn.softmax(x[distilled] / 4.0)).reshape(6, rows, -1)
        for x in (teacher, student)
    )
    expected = 16 * (p * np.log(p / q)).sum(-1).mean(-1)
    np.testing.assert_allclose(terms["kl"].value, expected, rtol=1e-3, atol=1e-5)


def test_without_a_weight_nothing_is_copied():
    method = create("pcl_distillation", kd_weight=0.0)
    terms = method.terms(answers(), {"frozen": (answers(),)}, context())
    assert set(terms) == {"pretext", "contrast"}


def test_what_a_teacher_must_have():
    agreed = ("tuple_length", "quadrants", "segments", "fifth")
    assert create("pcl_distillation").agrees_on == agreed
    (source,) = create("pcl_distillation").teachers
    assert source.heads == ("pretext",) and not source.reads_logits
    (source,) = create("pcl_distillation", distilled="logits", fifth="remote").teachers
    assert source.reads_logits and source.clips == (0, 1, 2)
    assert "logits" in create("pcl_distillation", distilled="logits").heads(4, ())
    assert "logits" not in create("pcl_distillation").heads(4, ())


@pytest.mark.parametrize(
    "options",
    [{"fifth": "far"}, {"contrast": "bank"}, {"quadrants": "mixed"}, {"segments": "all"}],
)
def test_an_unknown_name_is_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=rf"config\.method\.{name}: no '"):
        create(**options)
    with pytest.raises(InputError, match="tuple_length"):
        create(tuple_length=2)
    with pytest.raises(InputError, match="distilled: no 'answers'"):
        create("pcl_distillation", distilled="answers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"negatives": 5}, "negatives: 5, but contrast='in_batch' does not read it; leave it out"),
        ({"split_banks": True}, "split_banks: True, but contrast='in_batch' does not read it"),
        ({"bank_momentum": 0.9, "contrast": "none"}, "bank_momentum: 0.9, but contrast='none' do"),
        ({"contrast_weight": 1.0, "contrast": "none"}, "contrast_weight: 1.0, but contrast='none'"),
        ({"remote_gap": 3}, "remote_gap: 3, but fifth='repeat' does not read it; leave it out"),
    ],
)
def test_an_option_that_nothing_reads_is_refused(options, said):
    """Two runs that differ in it would be the same."""
    with pytest.raises(InputError, match=rf"config\.method\.{said}"):
        create(**options)


def test_flow_is_refused():
    with pytest.raises(InputError, match=r"config\.data\.modality: PCL rotates"):
        create().views(KEY, {**BATCH, "clip": BATCH["clip"][..., :2]})


def test_the_names_are_those_of_the_transforms():
    assert len(pretext.TRANSFORMS) == create().heads(9, ())["pretext"].width == 5
