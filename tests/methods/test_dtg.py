"""DTG-Net: queues, weights and losses against NumPy, and a short whole run with two teachers."""

import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import build

from vidkd_jax import losses, methods, train
from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError
from vidkd_jax.methods import guidance, queues
from vidkd_jax.networks import weights
from vidkd_jax.networks.checkpoints import Checkpoints, load_epoch
from vidkd_jax.run import beginning
from vidkd_jax.run.tracking import read_records
from vidkd_jax.samplers import Segments

RNG = np.random.default_rng(6)
WIDTHS = (4, 3)
VIDEOS = np.array([2, 0, 5])


def create(name="dtg", **options):
    return methods.create(name, augment=Augment.none(), **{"queue": 5, **options})


def rows(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def unit(array):
    return np.asarray(array) / np.linalg.norm(array, axis=-1, keepdims=True)


def test_student_and_teachers_see_the_two_sequences_of_a_video():
    method = create()
    (teachers,) = method.teachers
    assert (method.clips, teachers.clips) == ((0,), (1,))
    assert method.sampler(8, 1).num_clips == 2


def batch_of():
    student = {f"anchor{k}": jnp.asarray(unit(rows(3, w))) for k, w in enumerate(WIDTHS)}
    teachers = {"frozen": tuple({"features": rows(3, w)} for w in WIDTHS)}
    return student, teachers


def context(queue, step=0):
    batch = {"video": jnp.asarray(VIDEOS), "label": jnp.array([1, 0, 1])}
    return methods.Context(jax.random.key(0), jnp.asarray(step), batch, {"queue": queue})


def filled():
    """Returns queues of 5 rows: two of videos of the batch, two of others, one empty."""
    features = tuple(jnp.asarray(unit(rows(5, w))) for w in WIDTHS)
    return {"features": features, "videos": jnp.array([0, 7, 8, 5, queues.NOBODY])}


def reference(student, teachers, queue, shares, temperature=0.07):
    """Returns the losses [b, teachers] and the similarities of positives, in loops."""
    found, near = np.zeros((3, 2)), np.zeros((3, 2))
    for k in range(2):
        anchors, guides = np.asarray(student[f"anchor{k}"]), unit(teachers["frozen"][k]["features"])
        for i in range(3):
            near[i, k] = anchors[i] @ guides[i]
            far = [
                anchors[i] @ np.asarray(queue["features"][k])[row]
                for row, video in enumerate(queue["videos"].tolist())
                if video not in (queues.NOBODY, VIDEOS[i])
            ]
            scores = np.exp(np.array([near[i, k], *far]) / temperature)
            found[i, k] = -np.log(scores[0] / scores.sum())
    return (found * shares).sum(axis=1), near


def test_the_weighted_losses_equal_numpy():
    (student, teachers), queue = batch_of(), filled()
    shares = np.array([0.75, 0.25])
    method = create(teacher_weights=(3.0, 1.0))
    term = method.terms(student, teachers, context(queue))["contrast"]
    expected, _ = reference(student, teachers, queue, shares)
    np.testing.assert_allclose(term.value, expected, rtol=1e-4, atol=1e-5)
    assert term.weight == 1.0
    logged = method.metrics(student, teachers, context(queue))
    assert {name: float(value) for name, value in logged.items()} == {
        "weight0": 0.75,
        "weight1": 0.25,
    }


def test_online_weights_are_of_each_video_and_have_no_gradient():
    (student, teachers), queue = batch_of(), filled()
    _, near = reference(student, teachers, queue, 1.0)
    softmax = np.exp(near) / np.exp(near).sum(axis=1, keepdims=True)
    expected, _ = reference(student, teachers, queue, softmax)
    method = create(weights="online1")
    found = method.terms(student, teachers, context(queue))["contrast"].value
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def total(anchor, fixed):
        shown = {**student, "anchor0": anchor}
        if fixed is None:
            return method.terms(shown, teachers, context(queue))["contrast"].value.sum()
        pairs = [
            (
                jnp.sum(shown[f"anchor{k}"] * unit(teachers["frozen"][k]["features"]), axis=1),
                shown[f"anchor{k}"] @ queue["features"][k].T,
            )
            for k in range(2)
        ]
        counted = queues.counted(queue, jnp.asarray(VIDEOS))
        each = [losses.info_nce(p, n, temperature=0.07, counted=counted) for p, n in pairs]
        return sum((fixed[:, k] * each[k]).sum() for k in range(2))

    grads = [jax.grad(total)(student["anchor0"], fixed) for fixed in (None, jnp.asarray(softmax))]
    np.testing.assert_allclose(*grads, rtol=1e-3, atol=1e-5)


def test_teachers_of_one_width_are_fused_as_eq_1_has_it():
    """One anchor for all of them, against the weighted sum of their features."""
    anchor = jnp.asarray(unit(rows(3, 4)))
    student = {"anchor0": anchor}
    teachers = {"frozen": tuple({"features": rows(3, 4)} for _ in range(2))}
    features = tuple(jnp.asarray(unit(rows(5, 4))) for _ in range(2))
    queue = {"features": features, "videos": jnp.array([10, 11, 12, 13, 14])}
    method = create(fused="features", teacher_weights=(0.2, 0.8))
    alike, others = ([{"features": jnp.zeros((3, w))} for w in each] for each in ((4, 4), (4, 3)))
    assert set(method.heads(2, alike)) == {"anchor0"}
    assert {n: head.width for n, head in method.heads(2, others).items()} == {
        "anchor0": 4,
        "anchor1": 3,
    }
    found = method.terms(student, teachers, context(queue))["contrast"].value
    guides = [unit(outputs["features"]) for outputs in teachers["frozen"]]
    fused = 0.2 * guides[0] + 0.8 * guides[1]
    queued = 0.2 * features[0] + 0.8 * features[1]
    expected = losses.info_nce(jnp.sum(anchor * fused, axis=1), anchor @ queued.T, temperature=0.07)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_may_keep_their_length():
    (student, teachers), queue = batch_of(), filled()
    method = create(unit=False, temperature=1.0)
    (head, _) = method.heads(2, teachers["frozen"]).values()
    assert not head.unit
    found = (
        method.metrics(student, teachers, context(queue)),
        method.terms(student, teachers, context(queue)),
    )
    kept = method.remember(student, teachers, context(queue), {})["queue"]["features"]
    for new, outputs in zip(kept, teachers["frozen"], strict=True):
        np.testing.assert_array_equal(new[:3], outputs["features"])
    near = [
        np.sum(np.asarray(student[f"anchor{k}"]) * teachers["frozen"][k]["features"], axis=1)
        for k in range(2)
    ]
    far = [np.asarray(student[f"anchor{k}"]) @ queue["features"][k].T for k in range(2)]
    counted = queues.counted(queue, jnp.asarray(VIDEOS))
    each = [
        losses.info_nce(*pair, temperature=1.0, counted=counted)
        for pair in zip(near, far, strict=True)
    ]
    np.testing.assert_allclose(found[1]["contrast"].value, (each[0] + each[1]) / 2, rtol=1e-5)


def test_offline_weights_are_the_papers():
    shares = guidance.shares_of(jnp.array([59.98, 49.96, 62.01, 61.83]), "softmax")
    np.testing.assert_allclose(shares, [0.067, 3.0e-6, 0.51, 0.43], rtol=2e-2)
    method = create(weights="offline", accuracies=(59.98, 62.01))
    (student, teachers), queue = batch_of(), filled()
    weight = method.metrics(student, teachers, context(queue))["weight1"]
    np.testing.assert_allclose(weight, 1 / (1 + np.exp(59.98 - 62.01)), rtol=1e-5)


def test_offline_weights_may_be_divided():
    method = create(weights="offline", shares="division", accuracies=(0.9, 59.1))
    (student, teachers), queue = batch_of(), filled()
    logged = method.metrics(student, teachers, context(queue))
    np.testing.assert_allclose([*logged.values()], [0.015, 0.985], rtol=1e-5)


@pytest.mark.parametrize("how", guidance.SHARES)
def test_online_weights_go_by_similarity_or_by_its_rank(how):
    (student, teachers), queue = batch_of(), filled()
    _, near = reference(student, teachers, queue, 1.0)
    ranks = np.ones((3, 2))
    for k, i in itertools.product(range(2), range(3)):
        far = [
            np.asarray(student[f"anchor{k}"])[i] @ np.asarray(queue["features"][k])[row]
            for row, video in enumerate(queue["videos"].tolist())
            if video not in (queues.NOBODY, VIDEOS[i])
        ]
        ranks[i, k] = np.mean(np.array(far) < near[i, k])
    for name, scores in (("online1", near), ("online2", ranks)):
        method = create(weights=name, shares=how)
        _, found = method._contrast(student, teachers, context(queue))
        expected = guidance.shares_of(jnp.asarray(scores), how)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("how", guidance.SHARES)
def test_shares_have_no_gradient(how):
    gradient = jax.grad(lambda x: guidance.shares_of(x, how)[0])(jnp.array([0.2, 0.5]))
    np.testing.assert_array_equal(gradient, [0.0, 0.0])


def test_options_reach_the_sampler():
    assert create(overlap=False).sampler(4, 2) == Segments(4, sequences=2, overlap=False)
    assert create(guidance="image").sampler(4, 2) == Segments(4, sequences=2, images=True)


@pytest.mark.parametrize(
    ("name", "how"),
    [("fixed", "softmax"), *itertools.product(("online1", "online2"), guidance.SHARES)],
)
@pytest.mark.parametrize("fused", ["losses", "features"])
def test_weights_sum_to_one_for_each_video(name, how, fused):
    (student, teachers), queue = batch_of(), filled()
    method = create(weights=name, shares=how, fused=fused)
    value, found = method._contrast(student, teachers, context(queue))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
    assert (np.asarray(found) >= 0).all() and np.isfinite(value).all()


def test_division_counts_what_is_below_zero_as_zero():
    scores = jnp.array([[3.0, 1.0], [2.0, -5.0], [-1.0, -2.0]])
    found = guidance.shares_of(scores, "division")
    assert found.tolist() == [[0.75, 0.25], [1.0, 0.0], [0.5, 0.5]]


def test_a_rank_is_the_share_of_negatives_that_are_less_similar():
    negatives = jnp.array([[0.9, 0.1, 0.5, 0.2], [0.9, 0.1, 0.5, 0.2]])
    counted = jnp.array([[True] * 4, [False] * 4])
    found = guidance.rank_score(jnp.array([0.3, 0.0]), negatives, counted)
    assert found.tolist() == [0.5, 1.0]


def test_a_queue_is_a_ring_that_gives_way_to_the_newest():
    queue = queues.first_queues(5, (2,))
    written = []
    for step in range(4):
        videos = jnp.array([2 * step, 2 * step + 1])
        features = (jnp.stack([videos, videos], axis=1).astype(jnp.float32),)
        queue = jax.jit(queues.enqueue)(queue, features, videos, jnp.asarray(step))
        written += videos.tolist()
        kept = {v for v in queue["videos"].tolist() if v != queues.NOBODY}
        assert kept == set(written[-5:])
    np.testing.assert_array_equal(queue["features"][0][:, 0], queue["videos"])


def test_the_batch_itself_is_never_among_its_negatives():
    """A term sees the queue before the batch is written to it, without its own videos."""
    (student, teachers), method = batch_of(), create(queue=8)
    empty = queues.first_queues(8, WIDTHS)
    np.testing.assert_array_equal(
        method.terms(student, teachers, context(empty))["contrast"].value, 0.0
    )
    queue = method.remember(student, teachers, context(empty), {})["queue"]
    np.testing.assert_allclose(
        queue["features"][0][:3], unit(teachers["frozen"][0]["features"]), rtol=1e-6
    )
    again = method.terms(student, teachers, context(queue, step=1))["contrast"].value
    expected, _ = reference(student, teachers, queue, np.array([0.5, 0.5]))
    np.testing.assert_allclose(again, expected, rtol=1e-4, atol=1e-5)


def test_supervised_adds_the_labels():
    (student, teachers), queue = batch_of(), filled()
    student["logits"] = rows(3, 2)
    terms = create("dtg_supervised").terms(student, teachers, context(queue))
    assert {name: term.weight for name, term in terms.items()} == {
        "cross_entropy": 1.0,
        "contrast": 0.1,
    }
    expected = losses.cross_entropy(student["logits"], jnp.array([1, 0, 1]))
    np.testing.assert_array_equal(terms["cross_entropy"].value, expected)
    own = create("dtg_supervised", contrast_weight=0.7, label_weight=0.5)
    weighted = own.terms(student, teachers, context(queue))
    assert (weighted["cross_entropy"].weight, weighted["contrast"].weight) == (0.5, 0.7)


def test_dist_init_copies_the_features():
    anchor, features = rows(3, 4), rows(3, 4)
    taught = {"frozen": ({"features": features},)}

    def value(distance):
        method = methods.create("dist_init", augment=Augment.none(), distance=distance)
        ((name, term),) = method.terms({"anchor0": anchor}, taught, context({})).items()
        assert name == distance and term.weight == 1.0
        return np.asarray(term.value)

    np.testing.assert_allclose(value("l1"), np.abs(anchor - features).mean(1), rtol=1e-6)
    p = np.asarray(jax.nn.softmax(features))
    expected = -(p * np.asarray(jax.nn.log_softmax(anchor))).sum(1)
    np.testing.assert_allclose(value("cross_entropy"), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": "division"}, "shares: 'division', but weights='fixed' are shares already"),
        ({"weights": "offline"}, r"accuracies: \(\) with weights='offline'"),
        ({"accuracies": (1.0, 2.0)}, r"accuracies: \(1.0, 2.0\) with weights='fixed'"),
        ({"weights": "online3"}, "weights: no 'online3'; did you mean"),
        ({"shares": "sum"}, "shares: no 'sum'"),
        ({"fused": "loss"}, "fused: no 'loss'; did you mean 'losses'"),
        ({"weights": "online1", "teacher_weights": (1.0,)}, "teacher_weights: .* leave them out"),
        ({"teacher_weights": (0.0, 0.0)}, "teacher_weights: .* not all 0"),
        ({"guidance": "image", "overlap": False}, "overlap: False, but with guidance='image'"),
        ({"weights": "offline", "accuracies": (0.6, 0.5)}, "accuracies: .* in per cent"),
    ],
)
def test_impossible_options_name_the_field(options, message):
    with pytest.raises(InputError, match=rf"config\.method\.{message}"):
        create(**options)


def test_a_queue_that_is_too_short_or_too_long_is_refused():
    (student, teachers), method = batch_of(), create(queue=2)
    with pytest.raises(InputError, match=r"config\.method\.queue: 2 features, but a batch has 3"):
        method.remember(student, teachers, context(queues.first_queues(2, WIDTHS)), {})
    with pytest.raises(InputError, match="queue: 5 features, but only 5 videos train"):
        create().init_memory(methods.Sizes(jax.random.key(0), {}, {}, (), 5))
    with pytest.raises(InputError, match=r"accuracies: 3 for 2 teachers"):
        create(weights="offline", accuracies=(1.0, 2.0, 3.0)).terms(
            student, teachers, context(filled())
        )


@pytest.fixture(scope="module")
def still_teacher(small_config, tmp_path_factory):
    """The workdir of a still-image network."""
    own = {"model__name": "tsn_resnet18", "data__frames": 1, "data__stride": 1, "train__epochs": 1}
    workdir = tmp_path_factory.mktemp("still")
    train.train_and_evaluate(small_config(method__name="supervised", **own), workdir)
    return str(workdir)


def test_a_teacher_of_single_frames_must_average_over_frames(small_config, tmp_path):
    run = build(small_config(method__name="supervised", data__frames=1, data__stride=1))
    weights.save(tmp_path / "net", run.card, run.initial_state().variables)
    own = {"method__queue": 6, "teachers__runs": (str(tmp_path / "net"),)}
    with pytest.raises(InputError, match=r"is a ty_r3d_10 of single frames.* such as tsn_resnet18"):
        build(small_config(method__name="dtg", **own))
    build(small_config(method__name="dtg", method__guidance="image", **own))


def test_what_was_learnt_beside_other_teachers_begins_afresh(
    small_config, still_teacher, tmp_path, capsys
):
    card, variables = weights.load(Path(still_teacher))
    other = jax.tree.map(lambda leaf: leaf + 1, variables)
    weights.save(tmp_path / "other", card, other)
    options = {"method__name": "dtg", "method__queue": 6, "augment__enabled": False}
    before = tmp_path / "before"
    config = small_config(
        **options, teachers__runs=(still_teacher,), train__epochs=1, train__keep_epochs=(1,)
    )
    train.train_and_evaluate(config, before)
    _, saved = weights.load(before)

    def begun(teacher, **start):
        run = build(small_config(**options, teachers__runs=(teacher,), **start))
        state = beginning.begin(run, Checkpoints(tmp_path / "nothing")).state
        kept = np.array_equal(state.variables.params["anchor0"]["kernel"], anchor)
        return kept, (np.asarray(state.memory["queue"]["videos"]) >= 0).any()

    anchor = saved.params["anchor0"]["kernel"]
    start, fork = (
        {"model__init_from": str(before)},
        {"train__fork_from": str(before), "train__fork_epoch": 1},
    )
    assert begun(still_teacher, **start) == (True, False)
    assert begun(str(tmp_path / "other"), **start) == (False, False)
    assert "initialised anchor0: it was trained beside other teachers" in capsys.readouterr().err
    assert begun(still_teacher, **fork) == (True, True)
    assert begun(str(tmp_path / "other"), **fork) == (False, False)
    assert "fork begins afresh with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("own", "sequence"),
    [
        ({"method__name": "dtg", "method__queue": 6}, 1),
        ({"method__name": "dtg", "method__queue": 6, "method__guidance": "image"}, 1),
        ({"method__name": "dist_init"}, 0),
    ],
)
def test_what_a_still_teacher_sees(own, sequence, small_config, still_teacher):
    """Every frame of a sequence, the mean of whose features it gives; or the image."""
    run = build(small_config(**own, teachers__runs=(still_teacher,)))
    (network,), (variables,) = run.teachers.networks["frozen"], run.teachers.first["frozen"]
    clip = jnp.asarray(RNG.uniform(-1, 1, (2, sequence + 1, 4, 24, 24, 3)), jnp.float32)
    found = network.infer(variables, {"clip": clip})["features"]
    each = [
        network.model.apply(variables.as_dict(), clip[:, sequence, t : t + 1], train=False)
        for t in range(4)
    ]
    every = np.stack([outputs["features"] for outputs in each])
    if own.get("method__guidance") == "image":
        batch = next(run.train_batches)["clip"]
        assert (batch[:, 1] == batch[:, 1, :1]).all() and (batch[:, 0] != batch[:, 0, :1]).any()
        assert any(np.allclose(found, one, rtol=1e-3, atol=1e-5) for one in every)
    else:
        np.testing.assert_allclose(found, every.mean(axis=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", ["dtg", "dist_init"])
def test_a_block_of_the_teachers_may_guide(method, small_config, still_teacher):
    """Its mean over frames and places; a teacher that has no such block is named."""
    own = {"method__name": method, "teachers__runs": (still_teacher,)}
    own |= {"method__queue": 6} if method == "dtg" else {}
    with pytest.raises(InputError, match=rf"'{still_teacher}': no block 'layer9'.*layer"):
        build(small_config(**own, method__guided_by="layer9"))
    run = build(small_config(**own, method__guided_by="layer2.1"))
    (network,), (variables,) = run.teachers.networks["frozen"], run.teachers.first["frozen"]
    clip = jnp.asarray(RNG.uniform(-1, 1, (2, 2, 4, 24, 24, 3)), jnp.float32)
    block = np.asarray(network.infer(variables, {"clip": clip})["layer2.1"])
    found = guidance.pooled({"layer2.1": jnp.asarray(block)}, "layer2.1")
    expected = block.reshape(2, -1, block.shape[-1]).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert run.student.model.heads["anchor0"].width == block.shape[-1]
    batch = run.shard(next(run.train_batches))
    _, metrics = run.train_step(run.initial_state(), run.teachers.first, batch, run.key)
    assert np.isfinite(metrics["loss"])


def test_teachers_have_no_gradient(small_config, still_teacher):
    own = {"method__name": "dtg", "method__queue": 6, "teachers__runs": (still_teacher,)}
    run = build(small_config(**own, method__weights="online1"))
    teachers, batch = run.teachers.first, next(run.train_batches)
    state, _ = run.train_step(run.initial_state(), teachers, batch, run.key)  # fills the queue
    batch = next(run.train_batches)
    grads = jax.grad(lambda t: run.train_step(state, t, batch, run.key)[1]["loss"])(teachers)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(grads))


def test_videos_with_fewer_frames_than_segments_are_refused(small_config):
    config = small_config(method__name="supervised", data__sampler="segments", data__frames=25)
    with pytest.raises(InputError, match=r"8 of 8 .* shorter than a frame of each of 25"):
        build(config)


def test_a_whole_run_with_two_teachers_of_other_widths(small_config, still_teacher, tmp_path):
    own = {"method__name": "supervised", "model__width": 1 / 16, "train__epochs": 1}
    train.train_and_evaluate(small_config(**own), tmp_path / "teacher")
    teachers = [still_teacher, str(tmp_path / "teacher")]
    own = {"method__name": "dtg", "method__queue": 6, "teachers__runs": tuple(teachers)}
    with pytest.raises(InputError, match=r"sees 4 frames, but the method shows its teachers one"):
        build(small_config(**own, method__guidance="image"))
    summary = train.train_and_evaluate(small_config(**own), tmp_path / "student")
    assert summary["best_epoch"] == 3 and summary["selected_on"] == "epoch"
    assert {"probe_top1", "untrained_probe_top1"} <= summary.keys() and "video_top1" not in summary
    with np.load(tmp_path / "student/linear_probe.npz") as probe:
        right = probe["logits"].argmax(axis=1) == probe["labels"]
        assert right.mean() == summary["probe_top1"] and len(probe["groups"]) == len(right) == 4
    records = [r for r in read_records(tmp_path / "student" / "metrics.jsonl")]
    train_records = [r for r in records if r["split"] == "train"]
    assert train_records[0]["loss/contrast"] == 0 and train_records[-1]["loss/contrast"] > 0
    assert all(r["weight0"] + r["weight1"] == pytest.approx(1) for r in train_records)
    (state, _) = load_epoch(tmp_path / "student", 3)
    queue = state["memory"]["queue"]
    assert sorted(part.shape for part in jax.tree.leaves(queue)) == [(6,), (6, 16), (6, 32)]
    card = weights.load_card(tmp_path / "student")
    assert not card.heads and card.sampler["kind"] == "Segments"
