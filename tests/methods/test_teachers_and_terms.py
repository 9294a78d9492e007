"""The heads, blocks and teachers of each method, and the terms of its loss."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import losses, methods
from vidkd_jax.augment import Augment
from vidkd_jax.errors import InputError

RNG = np.random.default_rng(4)
LABEL = jnp.asarray([0, 2])
CONTEXT = methods.Context(jax.random.key(0), jnp.zeros((), jnp.int32), {"label": LABEL}, {})


def outputs(seed, width=6, **blocks):
    rng = np.random.default_rng(seed)
    arrays = {"logits": rng.normal(size=(2, 3)), "features": rng.normal(size=(2, width)), **blocks}
    return {name: jnp.asarray(array, jnp.float32) for name, array in arrays.items()}


def create(name, **options):
    return methods.create(name, augment=Augment.none(), **options)


def shapes(arrays):
    return {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in arrays.items()}


def test_several_teachers_are_averaged_by_their_weights():
    student, teachers = outputs(0), (outputs(1), outputs(2))
    for weights, shares in (
        ((), (0.5, 0.5)),
        ((3.0, 1.0), (0.75, 0.25)),
        ((0.3, 0.1), (0.75, 0.25)),
    ):
        method = create("distillation", temperature=2.0, teacher_weights=weights, kd_weight=0.7)
        term = method.terms(student, {"frozen": teachers}, CONTEXT)["kl"]
        targets = sum(
            share * jax.nn.softmax(teacher["logits"] / 2)
            for share, teacher in zip(shares, teachers, strict=True)
        )
        student_log = jax.nn.log_softmax(student["logits"] / 2)
        expected = (targets * (jnp.log(targets) - student_log)).sum(1)
        assert term.weight == 0.7
        np.testing.assert_allclose(term.value, expected, rtol=1e-5)
        squared = dataclasses.replace(method, scale_by_temperature_squared=True)
        term = squared.terms(student, {"frozen": teachers}, CONTEXT)["kl"]
        np.testing.assert_allclose(term.value, 4 * expected, rtol=1e-5)


def test_labels_are_smoothed_beside_soft_targets_too():
    student, teachers = outputs(0), {"frozen": (outputs(1),)}
    terms = create("distillation", label_smoothing=0.1).terms(student, teachers, CONTEXT)
    expected = losses.cross_entropy(student["logits"], LABEL, label_smoothing=0.1)
    np.testing.assert_array_equal(terms["cross_entropy"].value, expected)


def test_one_of_several_teachers_at_full_weight_is_that_teacher():
    student, teachers = outputs(0), (outputs(1), outputs(2))
    weighted = create("distillation", teacher_weights=(0.0, 1.0))
    both = weighted.terms(student, {"frozen": teachers}, CONTEXT)
    alone = create("distillation").terms(student, {"frozen": teachers[1:]}, CONTEXT)
    np.testing.assert_allclose(both["kl"].value, alone["kl"].value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0)])
def test_bad_teacher_weights_are_named(weights):
    with pytest.raises(InputError, match=r"teacher_weights"):
        method = create("distillation", teacher_weights=weights)
        method.terms(outputs(0), {"frozen": (outputs(1), outputs(2))}, CONTEXT)


def test_weights_of_two_for_one_teacher_are_refused():
    method = create("distillation", teacher_weights=(1.0, 2.0, 3.0))
    with pytest.raises(InputError, match="3 weights for 2 teachers"):
        method.terms(outputs(0), {"frozen": (outputs(1), outputs(2))}, CONTEXT)


def test_feature_matching_adapts_to_the_teachers_width():
    teacher = outputs(1, width=9)
    method = create("feature_matching", feature_weight=50.0)
    assert method.adapters(shapes(outputs(0)), (shapes(teacher),)) == {"features": 9}
    narrow = outputs(1, width=4)
    assert method.adapters(shapes(outputs(0)), (shapes(narrow),)) == {"features": 4}
    student = {**outputs(0), "features/adapted": teacher["features"] + 2.0}
    terms = method.terms(student, {"frozen": (teacher,)}, CONTEXT)
    assert terms["features"].weight == 50.0
    np.testing.assert_allclose(terms["features"].value, [4.0, 4.0], rtol=1e-5)


def test_features_of_equal_width_are_compared_as_they_are():
    """There is no layer between them, as in MARS."""
    student, teacher = outputs(0), outputs(1)
    method = create("feature_matching")
    assert method.adapters(shapes(student), (shapes(teacher),)) == {}
    value = method.terms(student, {"frozen": (teacher,)}, CONTEXT)["features"].value
    expected = losses.mean_squared_error(student["features"], teacher["features"])
    np.testing.assert_array_equal(value, expected)


def test_hints_compare_blocks_of_different_sizes():
    block = np.ones((2, 2, 4, 4, 5))
    teacher = outputs(1, conv=np.ones((2, 4, 2, 2, 7)))
    method = create("hints", student_blocks=("mid",), blocks_of_teacher=("conv",), hint_weight=2.0)
    assert (method.blocks, method.teachers[0].blocks) == (("mid",), ("conv",))
    assert method.adapters(shapes(outputs(0)), (shapes(teacher),)) == {"mid": 7}
    student = {**outputs(0, mid=block), "mid/adapted": jnp.full((2, 2, 4, 4, 7), 4.0)}
    term = method.terms(student, {"frozen": (teacher,)}, CONTEXT)["hint_mid"]
    np.testing.assert_allclose(term.value, [9.0, 9.0], rtol=1e-5)
    assert term.weight == 2.0


def test_each_pair_of_blocks_has_a_term_and_each_hint_a_layer():
    maps = {name: RNG.normal(size=(2, 2, 2, 3, 3, 4)) for name in ("a", "b")}
    (a, c), (b, d) = maps.values()
    blocks = {"student_blocks": ("a", "b"), "blocks_of_teacher": ("c", "d")}
    student, teacher = outputs(0, a=a, b=b), outputs(1, c=c, d=d)
    method = create("attention_transfer", **blocks, attention_weight=7.0)
    terms = method.terms(student, {"frozen": (teacher,)}, CONTEXT)
    assert set(terms) == {"cross_entropy", "attention_a", "attention_b"}
    for ours, theirs in (("a", "c"), ("b", "d")):
        expected = losses.attention_transfer(student[ours], teacher[theirs])
        np.testing.assert_array_equal(terms[f"attention_{ours}"].value, expected)
        assert terms[f"attention_{ours}"].weight == 7.0
    hints = create("hints", **blocks)
    # As FitNets has it: also where the channels are as many.
    assert hints.adapters(shapes(student), (shapes(teacher),)) == {"a": 4, "b": 4}
    adapted = {**student, "a/adapted": student["a"], "b/adapted": student["b"]}
    terms = hints.terms(adapted, {"frozen": (teacher,)}, CONTEXT)
    assert set(terms) == {"cross_entropy", "hint_a", "hint_b"}
    expected = losses.mean_squared_error(student["b"], teacher["d"])
    np.testing.assert_array_equal(terms["hint_b"].value, expected)


def test_attention_of_equal_maps_costs_nothing_and_of_others_something():
    maps, other = RNG.normal(size=(2, 2, 2, 3, 3, 4))
    method = create("attention_transfer", student_blocks=("a",), blocks_of_teacher=("b",))
    student = outputs(0, a=maps)
    same = method.terms(student, {"frozen": (outputs(1, b=3 * maps),)}, CONTEXT)[
        "attention_a"
    ].value
    np.testing.assert_allclose(same, 0, atol=1e-6)
    assert (
        method.terms(student, {"frozen": (outputs(1, b=other),)}, CONTEXT)["attention_a"].value
        > 1e-3
    ).all()


@pytest.mark.parametrize("name", ["hints", "attention_transfer"])
@pytest.mark.parametrize(
    "blocks", [((), ()), (("a",), ()), (("a",), ("b", "c")), (("a", "a"), ("b", "c"))]
)
def test_unpaired_blocks_are_named(name, blocks):
    with pytest.raises(InputError, match="student_blocks"):
        create(name, student_blocks=blocks[0], blocks_of_teacher=blocks[1])


def test_relational_terms_have_the_papers_weights():
    student, teacher = outputs(0), outputs(1, width=9)
    terms = create("relational").terms(student, {"frozen": (teacher,)}, CONTEXT)
    assert (terms["distance"].weight, terms["angle"].weight) == (25.0, 50.0)
    for name, loss in (
        ("distance", losses.relational_distance),
        ("angle", losses.relational_angle),
    ):
        expected = loss(student["features"], teacher["features"])
        np.testing.assert_array_equal(terms[name].value, expected)


BLOCKS = {"student_blocks": ("a",), "blocks_of_teacher": ("a",)}


@pytest.mark.parametrize(
    ("name", "options", "read", "term"),
    [
        ("distillation", {}, "logits", "kl"),
        ("decoupled", {}, "logits", "decoupled_kl"),
        ("feature_matching", {}, "features", "features"),
        ("relational", {}, "features", "distance"),
        ("relational", {}, "features", "angle"),
        ("hints", BLOCKS, "a/adapted", "hint_a"),
        ("attention_transfer", BLOCKS, "a", "attention_a"),
        ("dist_init", {}, "anchor0", "l1"),
        ("dist_init", {"distance": "cross_entropy"}, "anchor0", "cross_entropy"),
        ("mutual_learning", {}, "logits", "kl"),
    ],
)
def test_a_term_moves_the_student_and_not_its_teacher(name, options, read, term):
    blocks = dict.fromkeys(("a", "a/adapted"), (4, 2, 3, 3, 4))
    sizes = {"logits": (4, 3), "features": (4, 5), "anchor0": (4, 5), **blocks}
    context = CONTEXT._replace(batch={"label": jnp.asarray([0, 2, 1, 1])})
    student, teacher = (
        {n: jnp.asarray(RNG.normal(size=s), jnp.float32) for n, s in sizes.items()}
        for _ in range(2)
    )
    method = create(name, **options)

    def value(student, teacher):
        taught = {"frozen": (teacher,), "peer": (teacher,)}
        return method.terms(student, taught, context)[term].value.sum()

    ours, theirs = jax.grad(value, (0, 1))(student, teacher)
    assert np.abs(ours[read]).max() > 1e-5
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(theirs))


def test_a_methods_own_draws_are_none_of_the_clips():
    key = jax.random.key(3)
    clips = {tuple(jax.random.key_data(each).tolist()) for each in jax.random.split(key, 64)}
    own = {tuple(jax.random.key_data(methods.own_key(key, n)).tolist()) for n in range(8)}
    assert len(own) == 8 and not own & clips


def test_decoupled_passes_its_weights_on():
    student, teacher = outputs(0), outputs(1)
    method = create("decoupled", temperature=4.0, target_weight=0.5, other_weight=3.0)
    expected = losses.decoupled_kl(
        student["logits"],
        teacher["logits"],
        LABEL,
        temperature=4.0,
        target_weight=0.5,
        other_weight=3.0,
    )
    terms = method.terms(student, {"frozen": (teacher,)}, CONTEXT)
    np.testing.assert_array_equal(terms["decoupled_kl"].value, expected)


def test_mutual_learning_teaches_both_ways_and_each_target_is_frozen():
    method = create("mutual_learning", kd_weight=1.0, temperature=1.0)
    mine, theirs = outputs(0)["logits"], outputs(1)["logits"]

    def terms(mine):
        return method.terms({"logits": mine}, {"peer": ({"logits": theirs},)}, CONTEXT)

    assert set(terms(mine)) == {"cross_entropy", "peer_cross_entropy", "kl", "peer_kl"}
    np.testing.assert_allclose(
        terms(mine)["peer_kl"].value, losses.kl_divergence(theirs, mine, temperature=1.0)
    )
    kl_only = jax.grad(lambda mine: terms(mine)["peer_kl"].value.sum())
    np.testing.assert_array_equal(kl_only(mine), np.zeros((2, 3)))


def test_the_options_of_mutual_learning_are_both_peers():
    student, peer = outputs(0), outputs(1)
    method = create("mutual_learning", kd_weight=0.3, temperature=2.0, label_smoothing=0.1)
    terms = method.terms(student, {"peer": (peer,)}, CONTEXT)
    pairs = {"": (student, peer), "peer_": (peer, student)}
    for name, (ours, theirs) in pairs.items():
        labels = losses.cross_entropy(ours["logits"], LABEL, label_smoothing=0.1)
        np.testing.assert_array_equal(terms[f"{name}cross_entropy"].value, labels)
        kl = losses.kl_divergence(ours["logits"], theirs["logits"], temperature=2.0)
        np.testing.assert_array_equal(terms[f"{name}kl"].value, kl)
        assert terms[f"{name}kl"].weight == 0.3


def test_flow_is_seen_as_its_clips_are():
    """Both are mirrored, or neither is."""
    columns = np.arange(4, dtype=np.uint8)[:, None]
    clip, flow = (np.broadcast_to(columns, (16, 1, 2, 3, 4, c)) for c in (3, 2))
    method = methods.create("supervised", augment=dataclasses.replace(Augment.none(), flip=0.5))
    seen = method.views(jax.random.key(0), {"clip": jnp.asarray(clip), "flow": jnp.asarray(flow)})
    assert set(seen) == {"clip", "flow"}
    mirrored = [x[:, 0, 0, 0, 0, 1] > x[:, 0, 0, 0, -1, 1] for x in seen.values()]
    np.testing.assert_array_equal(*mirrored)
    assert 0 < mirrored[0].mean() < 1


# The queue and the temperature are not in the paper.
_DTG = {
    "overlap": True,
    "guidance": "sequence",
    "queue": 1024,
    "temperature": 0.07,
    "weights": "fixed",
    "teacher_weights": (),
    "accuracies": (),
    "shares": "softmax",
    "fused": "losses",
    "unit": True,
    "guided_by": "features",
}
# The 2024 paper's, and where it gives none, those of PCL's released code.
_PCL = {
    "tuple_length": 3,
    "interval": 8,
    "quadrants": "random",
    "segments": "adjacent",
    "fifth": "repeat",
    "remote_gap": 16,
    "windows": "clip",
    "classified": "tuple",
    "contrast": "in_batch",
    "contrast_weight": 0.5,
    "contrast_temperature": 0.07,
    "negatives": 1024,
    "bank_momentum": 0.5,
    "split_banks": False,
    "projection": 128,
    "hidden": 512,
}
# The defaults of every method, from its paper. A change of one changes the meaning of users' runs.
DEFAULTS = {
    "supervised": {},
    "teaching_yourself": {
        "kd_weight": 0.2,
        "temperature": 5.0,
        "scale_by_temperature_squared": False,
        "first_teacher": "none",
    },
    "distillation": {
        "kd_weight": 0.2,
        "temperature": 5.0,
        "scale_by_temperature_squared": False,
        "teacher_weights": (),
        "label_weight": 1.0,
    },
    "moving_average": {
        "kd_weight": 0.2,
        "temperature": 5.0,
        "scale_by_temperature_squared": False,
        "ema_decay": 0.999,
    },
    "decoupled": {"temperature": 4.0, "target_weight": 1.0, "other_weight": 8.0},
    "feature_matching": {"feature_weight": 50.0},
    "hints": {"hint_weight": 100.0, "student_blocks": (), "blocks_of_teacher": ()},
    "attention_transfer": {
        "attention_weight": 1000.0,
        "student_blocks": (),
        "blocks_of_teacher": (),
    },
    "relational": {"distance_weight": 25.0, "angle_weight": 50.0},
    "mutual_learning": {"kd_weight": 1.0, "temperature": 1.0},
    "confidence_distillation": {
        "temperature": 0.9,
        "confidence_weight": 1.5,
        "positive_weight": 1.5,
        "wrong_teacher": "printed",
        "target_gradient": True,
        "mean_over_classes": True,
    },
    "confidence_only": {},
    "learned_confidence": {"budget": 0.3, "confidence_weight": 0.1},
    "naive_confidence": {
        "label_weight": 0.9,
        "temperature": 5.0,
        "confidence_weight": 1.5,
        "positive_weight": 1.5,
        "mean_over_classes": True,
    },
    "dtg": _DTG,
    "dtg_supervised": {**_DTG, "contrast_weight": 0.1, "label_weight": 1.0},
    "dist_init": {"distance": "l1", "guided_by": "features"},
    "pcl": _PCL,
    "pcl_distillation": {**_PCL, "kd_weight": 0.1, "temperature": 4.0, "distilled": "pretext"},
}
# These smooth no labels: their losses are not of the labels alone, or not of them at all.
WITHOUT_SMOOTHING = {
    name for name in DEFAULTS if {"confidence", "pcl", "dtg", "dist"} & {*name.split("_")}
}
# The sources of each method's teachers, and whether its loss uses the classifiers of frozen ones.
SOURCES = {
    "supervised": (),
    "teaching_yourself": (methods.BestPast("none"),),
    "distillation": (methods.Frozen(least=1, most=None, reads_logits=True),),
    "moving_average": (methods.Average(0.999),),
    "decoupled": (methods.Frozen(least=1, most=1, reads_logits=True),),
    "feature_matching": (methods.Frozen(least=1, most=1, reads_features=True),),
    "hints": (methods.Frozen(most=1, blocks=("b",), reads_features=True),),
    "attention_transfer": (methods.Frozen(most=1, blocks=("b",), reads_features=True),),
    "relational": (methods.Frozen(most=1, reads_features=True),),
    "mutual_learning": (methods.Peer(),),
    "confidence_distillation": (methods.Frozen(most=1, reads_logits=True),),
    "confidence_only": (methods.Frozen(most=1, reads_logits=True),),
    "learned_confidence": (),
    "naive_confidence": (methods.Frozen(most=1, reads_logits=True),),
    "dtg": (methods.Frozen(clips=(1,), all_frames=True, reads_features=True),),
    "dtg_supervised": (methods.Frozen(clips=(1,), all_frames=True, reads_features=True),),
    "dist_init": (methods.Frozen(most=1, all_frames=True, reads_features=True),),
    "pcl": (),
    "pcl_distillation": (methods.Frozen(most=1, heads=("pretext",), same_frames=True),),
}
BLOCKS = {"student_blocks": ("a",), "blocks_of_teacher": ("b",)}


@pytest.mark.parametrize("name", methods.available())
def test_every_methods_defaults_and_teachers_are_its_papers(name):
    smoothing = {} if name in WITHOUT_SMOOTHING else {"label_smoothing": 0.0}
    assert methods.options(name) == {**smoothing, **DEFAULTS[name]}
    given = {option: value for option, value in BLOCKS.items() if option in DEFAULTS[name]}
    method = create(name, **given)
    assert dataclasses.is_dataclass(method) and hash(method) == hash(create(name, **given))
    assert method.teachers == SOURCES[name]


def test_methods_that_share_an_option_agree_on_its_type():
    kinds = {}
    for name in methods.available():
        for option, default in methods.options(name).items():
            assert kinds.setdefault(option, type(default)) is type(default)


def test_an_option_that_the_method_does_not_have_is_named():
    with pytest.raises(
        InputError, match=r"temprature: method 'distillation' does not .* it reads kd_"
    ):
        create("distillation", temprature=4.0)
    with pytest.raises(InputError, match=r"temperature: method 'supervised' does not read it"):
        create("supervised", temperature=4.0)  # another method's option


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("distillation", {"temperature": 0.0}, "use more than 0"),
        ("decoupled", {"temperature": -1.0}, "use more than 0"),
        ("supervised", {"label_smoothing": 1.0}, "use at least 0, less than 1"),
        ("moving_average", {"ema_decay": 0.0}, "use more than 0, less than 1"),
        ("moving_average", {"ema_decay": 1.0}, "use more than 0, less than 1"),
        ("mutual_learning", {"kd_weight": -0.1}, "use at least 0"),
        ("relational", {"angle_weight": float("nan")}, "use a finite number"),
        ("teaching_yourself", {"first_teacher": "randm"}, "did you mean 'random'"),
        ("distillation", {"teacher_weights": [1.0, 2.0]}, "is not of type tuple"),
        ("distillation", {"temperature": "hot"}, "is not of type float"),
        ("distillation", {"temperature": True}, "is not of type float"),
        ("distillation", {"scale_by_temperature_squared": "no"}, "is not of type bool"),
    ],
)
def test_options_outside_their_range_are_named(name, options, message):
    (option,) = options
    with pytest.raises(InputError, match=rf"config\.method\.{option}: .*{message}"):
        create(name, **options)


def test_a_method_of_ones_own_has_a_name_of_its_own():
    with pytest.raises(ValueError, match="method 'supervised' is one of ours"):
        methods.register("supervised", methods.Distillation)


def test_a_teacher_and_an_average_both_answer():
    """Soft targets of several sources are averaged over all of their networks."""
    teacher, average = outputs(1), outputs(2)
    method = methods.SoftTargets(augment=Augment.none(), kd_weight=1.0, temperature=2.0)
    term = method.terms(outputs(0), {"frozen": (teacher,), "average": (average,)}, CONTEXT)["kl"]
    targets = sum(jax.nn.softmax(taught["logits"] / 2) for taught in (teacher, average)) / 2
    expected = losses.kl_from_targets(
        outputs(0)["logits"], targets, temperature=2.0, scale_by_temperature_squared=False
    )
    np.testing.assert_allclose(term.value, expected, rtol=1e-5)
