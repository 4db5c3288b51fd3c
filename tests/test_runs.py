import json

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from pipeline.params import AdamRun, BoostedRun, SnnRun
from pipeline.runs import CLASSIFIERS, Dataset, load_run, make_estimator, train

COMMON = {
    "hidden": (8,),
    "dropout": 0.0,
    "learning_rate": 0.1,
    "batch_size": 16,
    "epochs": 4,
    "clip": "none",
    "standardize": False,
    "threshold": 0.5,
    "repeats": 2,
    "seed": 5,
}
RUNS = {
    "snn": SnnRun(kind="snn", patience="none", **COMMON),
    "adam": AdamRun(kind="adam", patience=2, **COMMON | {"learning_rate": 0.01, "dropout": 0.2}),
    "boosted": BoostedRun(kind="boosted", members=2, tolerance=1e-3, **COMMON | {"clip": 0.5}),
}
CLASSES = ["Cubism", "Naïve Art", "Pop Art"]


@pytest.fixture(params=RUNS)
def run(request):
    return RUNS[request.param]


def dataset(count, *, multilabel=False, seed=0):
    """Components of deviation 5, 0.5 and 0 around 10, of which the second tells the class."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    columns = [5 * rng.standard_normal(count), kinds + rng.normal(0, 0.2, count), np.zeros(count)]
    components = (np.stack(columns, axis=1) + 10).astype(np.float32)
    targets = np.eye(3, dtype=np.int8)[kinds]
    if multilabel:
        targets[:, 2] |= components[:, 0] > 10
    return Dataset(components, targets)


def fitted(run, *, multilabel=False, repeat=0):
    training, validation = (dataset(n, multilabel=multilabel, seed=n) for n in (90, 30))
    return train(run, training, validation, multilabel=multilabel, repeat=repeat)


def test_every_kind_of_run_has_an_estimator():
    assert set(CLASSIFIERS) == set(RUNS)
    for name, (model, _) in CLASSIFIERS.items():
        assert isinstance(RUNS[name], model)


def test_arguments_of_the_estimator(run):
    estimator = make_estimator(run, seed=7)
    found = estimator.get_params()
    assert found["hidden"] == (8,)
    assert found["random_state"] == 7
    assert found["learning_rate"] == run.learning_rate
    assert found["clip"] == (None if run.kind != "boosted" else 0.5)
    if run.kind == "boosted":
        assert (found["members"], found["tolerance"]) == (2, 1e-3)
    else:
        assert found["patience"] == (2 if run.kind == "adam" else None)


@pytest.mark.parametrize("multilabel", [False, True])
def test_scores(run, multilabel):
    trained = fitted(run, multilabel=multilabel)
    scores = trained.scores(dataset(50, seed=1).components)
    assert (scores.shape, scores.dtype) == ((50, 3), np.float32)
    assert ((scores >= 0) & (scores <= 1)).all()
    if not multilabel:
        np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert trained.estimator.multilabel_ is multilabel


@pytest.mark.parametrize("kind", ["snn", "adam"])
def test_standardised_components_are_learned(kind):
    settings = {"standardize": True, "epochs": 60, "patience": "none", "dropout": 0.0}
    trained = fitted(RUNS[kind].model_copy(update=settings))
    new = dataset(300, seed=9)
    assert (trained.scores(new.components).argmax(1) == new.targets.argmax(1)).mean() > 0.9


def test_standardisation_is_that_of_training(run):
    training, validation = dataset(90), dataset(30, seed=1)
    shifted = Dataset(validation.components * 100 + 1000, validation.targets)
    run = run.model_copy(update={"standardize": True})
    trained = train(run, training, shifted, multilabel=False, repeat=0)
    expected = StandardScaler().fit(training.components)
    np.testing.assert_allclose(trained.mean, expected.mean_, rtol=1e-5)
    np.testing.assert_allclose(trained.scale, expected.scale_, rtol=1e-4)  # 1 where constant
    assert trained.mean.dtype == trained.scale.dtype == np.float32
    ours = trained.scores(validation.components)
    theirs = trained.estimator.predict_proba(
        expected.transform(validation.components).astype(np.float32)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_without_standardisation_components_stay(run):
    trained = fitted(run)
    assert (trained.mean.tolist(), trained.scale.tolist()) == ([0, 0, 0], [1, 1, 1])
    data = dataset(20).components
    np.testing.assert_array_equal(trained.scores(data), trained.estimator.predict_proba(data))


def test_repeats(run):
    data = dataset(40, seed=3).components
    first, again, second = (fitted(run, repeat=r).scores(data) for r in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 1e-6
    moved = run.model_copy(update={"seed": run.seed + 1})
    np.testing.assert_array_equal(fitted(moved, repeat=0).scores(data), second)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
def test_round_trip(run, multilabel, standardize, tmp_path):
    run = run.model_copy(update={"standardize": standardize})
    trained = fitted(run, multilabel=multilabel)
    path = tmp_path / "new" / "name.safetensors"
    trained.save(path, classes=CLASSES, run=run)
    loaded, stored = load_run(path)
    assert stored["classes"] == CLASSES
    data = dataset(64, seed=2).components
    np.testing.assert_array_equal(loaded.scores(data), trained.scores(data))
    stored = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert stored["classes"] == CLASSES
    assert stored["multilabel"] is multilabel
    assert CLASSIFIERS[run.kind][0].model_validate(stored["run"]) == run
    before = path.read_bytes()
    fitted(run, multilabel=multilabel).save(path, classes=CLASSES, run=run)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage", ["missing", "half", "no json", "empty json", "other kind", "other layers"]
)
def test_damaged_files(run, tmp_path, refused, damage):
    path = tmp_path / "name.safetensors"
    fitted(run).save(path, classes=CLASSES, run=run)
    beside = path.with_suffix(".json")
    if damage == "missing":
        path.unlink()
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "no json":
        beside.unlink()
    elif damage == "empty json":
        beside.write_text("{}")
    else:
        stored = json.loads(beside.read_text("utf-8"))
        stored["run"] |= {"kind": "knn"} if damage == "other kind" else {"hidden": [9, 9]}
        beside.write_text(json.dumps(stored))
    with refused(str(path), "cannot be loaded", "dvc repro"):
        load_run(path)


@pytest.mark.parametrize(
    ("kind", "hidden", "learning_rate"),
    [
        ("snn", (512, 256), 1e6),
        ("boosted", (512, 256), 1e6),
        *[(kind, (8,), 1e30) for kind in RUNS],  # outputs saturate: less may stay finite
    ],
)
def test_divergence(kind, hidden, learning_rate, refused):
    update = {"hidden": hidden, "learning_rate": learning_rate, "clip": "none"}
    with refused("training diverged in epoch 1", f"learning_rate {learning_rate!r}", "lower"):
        fitted(RUNS[kind].model_copy(update=update))
