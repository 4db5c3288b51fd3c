import json
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
import pytest
from pydantic import Field, TypeAdapter
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from pipeline.classifiers import runs
from pipeline.classifiers.estimator import Classifier
from pipeline.classifiers.inputs import Dataset
from pipeline.classifiers.params import (
    AdamRun,
    BoostedRun,
    CentroidRun,
    ClassifierRun,
    ConvnetRun,
    KnnRun,
    LogisticRun,
    MlpRun,
    RidgeRun,
    Run,
    SnnRun,
)
from pipeline.classifiers.runs import (
    load_run,
    make_estimator,
    normalization,
    train,
)
from pipeline.core.files import read_json, write_checked_json
from pipeline.measure.temperature import log_loss

COMMON = {
    "input": "components",
    "layers": "all",
    "normalize": "none",
    "folds": "none",
    "threshold": 0.5,
    "calibrate": "none",
    "repeats": 2,
    "seed": 5,
}
NETWORK = COMMON | {
    "hidden": (8,),
    "dropout": 0.0,
    "learning_rate": 0.1,
    "batch_size": 16,
    "epochs": 4,
    "clip": "none",
    "patience": "none",
}
TUNED = NETWORK | {
    "init": "he",
    "batch_norm": True,
    "optimizer": "adam",
    "momentum": 0.0,
    "weight_decay": 1e-4,
    "schedule": "step",
    "decay": 0.5,
    "decay_epochs": 2,
    "learning_rate": 0.01,
}
NETWORKS = {
    "snn": SnnRun(kind="snn", **NETWORK),
    "adam": AdamRun(
        kind="adam", **NETWORK | {"learning_rate": 0.01, "dropout": 0.2, "patience": 2}
    ),
    "boosted": BoostedRun(
        kind="boosted", rule="newton", members=2, tolerance=1e-3, shrinkage=0.5, init="he",
        **NETWORK | {"clip": 0.5},
    ),
    "mlp": MlpRun(kind="mlp", **TUNED),
    "convnet": ConvnetRun(
        kind="convnet", filters=(4,), pooling="max",
        **TUNED | {"input": "pixels"},
    ),
}  # fmt: skip
OTHERS = {
    "knn": KnnRun(kind="knn", n_neighbors=3, distance="cosine", **COMMON),
    "nearest_centroid": CentroidRun(kind="nearest_centroid", distance="manhattan", **COMMON),
    "logistic": LogisticRun(kind="logistic", C=2.0, **COMMON),
    "ridge": RidgeRun(kind="ridge", alpha="auto", **COMMON),
}
RUNS = NETWORKS | OTHERS
SHAPE = (1, 3, 1)  # of the vectors below, taken for pictures
CLASSES = ["Cubism", "Naïve Art", "Pop Art"]


@pytest.fixture(params=RUNS)
def run(request):
    return RUNS[request.param]


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def dataset(count, *, multilabel=False, seed=0):
    """Vectors of deviation 5, 0.5 and 0 around 10, of which the second tells the class."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    columns = [5 * rng.standard_normal(count), kinds + rng.normal(0, 0.2, count), np.zeros(count)]
    components = (np.stack(columns, axis=1) + 10).astype(np.float32)
    targets = np.eye(3, dtype=np.int8)[kinds]
    if multilabel:
        targets[:, 2] |= components[:, 0] > 10
    return Dataset(components, targets, multilabel=multilabel, image_shape=SHAPE)


def fitted(run, *, multilabel=False, repeat=0):
    training, validation = (dataset(n, multilabel=multilabel, seed=n) for n in (90, 30))
    return train(run, training, validation, seed=run.seed + repeat)


def test_every_kind_of_run_has_an_estimator():
    models = get_args(get_args(ClassifierRun)[0])
    assert {type(run) for run in RUNS.values()} == set(models)
    for name, run in RUNS.items():
        assert run.kind == name
        assert isinstance(make_estimator(run, seed=0, image_shape=SHAPE), Classifier)


class PriorClassifier(Classifier):
    """The frequencies of the classes, each counted `more` times more, for every sample."""

    def __init__(self, more=0):
        self.more = more

    def state_dict(self):
        return {"prior": self.prior_}

    def _learn(self, samples):
        counts = samples[0].targets.sum(0) + self.more
        self.prior_ = counts / counts.sum()

    def _load(self, state):
        self.prior_, self._dtype, self.n_features_in_ = state["prior"], np.float32, 3

    def _probabilities(self, x):
        return np.tile(self.prior_, (len(x), 1))


class PriorRun(Run):
    estimator: ClassVar[str] = f"{__name__}:PriorClassifier"

    kind: Literal["prior"]
    more: int


def test_a_new_kind_is_a_class_and_its_place_in_the_union(tmp_path, monkeypatch):
    union = Annotated[get_args(ClassifierRun)[0] | PriorRun, Field(discriminator="kind")]
    monkeypatch.setattr(runs, "ClassifierRun", union)
    run = TypeAdapter(union).validate_python({"kind": "prior", "more": 3} | COMMON)
    trained = fitted(run)
    assert trained.estimator.more == 3
    trained.save(tmp_path / "new.safetensors", run=run, image_shape=SHAPE, classes=CLASSES)
    loaded, _ = load_run(tmp_path / "new.safetensors")
    vectors = dataset(5).vectors
    np.testing.assert_array_equal(loaded.scores(vectors), trained.scores(vectors))


def test_every_parameter_reaches_the_estimator(run):
    """But for those of the run itself: a new one must not be forgotten."""
    found = make_estimator(run, seed=7, image_shape=SHAPE).get_params()
    given = run.model_dump(exclude={"kind", *COMMON})
    for name, value in given.items():
        assert found[name] == (None if value == "none" else value)
    assert found.get("random_state", 7) == 7
    assert found.get("image_shape", SHAPE) == SHAPE


def test_the_published_networks_are_presets_of_the_perceptron():
    snn, adam = (
        make_estimator(RUNS[kind], seed=0, image_shape=SHAPE).get_params()
        for kind in ("snn", "adam")
    )
    assert (snn["init"], snn["optimizer"], snn["momentum"]) == ("normal", "sgd", 0)
    assert (adam["init"], adam["optimizer"]) == ("normal", "adam")
    for found in (snn, adam):
        assert (found["schedule"], found["batch_norm"], found["weight_decay"]) == (
            "constant", False, 0,
        )  # fmt: skip


@pytest.mark.parametrize("multilabel", [False, True])
def test_scores(run, multilabel):
    trained = fitted(run, multilabel=multilabel)
    scores = trained.scores(dataset(50, seed=1).vectors)
    assert (scores.shape, scores.dtype) == ((50, 3), np.float32)
    assert ((scores >= 0) & (scores <= 1)).all()
    if not multilabel:
        np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert trained.estimator.multilabel_ is multilabel


@pytest.mark.parametrize("kind", ["snn", "adam"])
def test_normalised_vectors_are_learned(kind):
    settings = {"normalize": "zscore", "epochs": 60, "patience": "none", "dropout": 0.0}
    trained = fitted(RUNS[kind].model_copy(update=settings))
    new = dataset(300, seed=9)
    assert (trained.scores(new.vectors).argmax(1) == new.targets.argmax(1)).mean() > 0.9


@pytest.mark.parametrize(
    ("normalize", "scaler"), [("zscore", StandardScaler()), ("minmax", MinMaxScaler())]
)
def test_normalisation_is_that_of_training(run, normalize, scaler):
    training, validation = dataset(90), dataset(30, seed=1)
    shifted = replace(validation, vectors=validation.vectors * 100 + 1000)
    trained = train(run.model_copy(update={"normalize": normalize}), training, shifted, seed=0)
    expected = scaler.fit(training.vectors).transform(validation.vectors)
    found = (validation.vectors - trained.shift) / trained.scale  # a constant column stays 0
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert trained.shift.dtype == trained.scale.dtype == np.float32
    np.testing.assert_array_equal(
        trained.scores(validation.vectors), trained.estimator.predict_proba(found)
    )


@pytest.mark.parametrize("normalize", ["zscore", "minmax"])
def test_constant_columns_are_only_shifted(run, normalize):
    vectors = np.full((5000, 2), [0.7, 123.4], np.float32)
    shift, scale = normalization(run.model_copy(update={"normalize": normalize}), vectors)
    np.testing.assert_allclose(shift, [0.7, 123.4], rtol=1e-6)
    assert scale.tolist() == [1, 1]


def test_without_normalisation_vectors_stay(run):
    trained = fitted(run)
    assert (trained.shift.tolist(), trained.scale.tolist()) == ([0, 0, 0], [1, 1, 1])
    data = dataset(20).vectors
    np.testing.assert_array_equal(
        trained.scores(data), trained.estimator.predict_proba(data).astype(np.float32)
    )


def test_a_class_that_training_lacks_has_no_score(run):
    training = dataset(90)
    some = training[training.targets[:, 1] == 0]
    scores = train(run, some, dataset(30), seed=0).scores(training.vectors)
    assert (scores.shape, scores.dtype) == ((90, 3), np.float32)
    assert (scores[:, 1] == 0).all()
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)


def test_repeats(network):
    data = dataset(40, seed=3).vectors
    first, again, second = (fitted(network, repeat=r).scores(data) for r in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 1e-6


@pytest.mark.parametrize("multilabel", [False, True])
def test_calibrated_it_answers_the_same_and_is_believed_less_or_more(run, multilabel, tmp_path):
    before = fitted(run, multilabel=multilabel)
    run = run.model_copy(update={"calibrate": "temperature"})
    trained = fitted(run, multilabel=multilabel)
    validation = dataset(30, multilabel=multilabel, seed=30)
    scores, own = (of.scores(validation.vectors) for of in (trained, before))
    np.testing.assert_array_equal(scores.argmax(1), own.argmax(1))
    assert before.temperature is None
    losses = [
        log_loss(of, validation.targets, temperature=1, multilabel=multilabel)
        for of in (scores, own)
    ]
    assert losses[0] <= losses[1] + 1e-6
    trained.save(tmp_path / "new.safetensors", run=run, image_shape=SHAPE, classes=CLASSES)
    loaded, stored = load_run(tmp_path / "new.safetensors")
    assert stored["temperature"] == trained.temperature
    np.testing.assert_array_equal(loaded.scores(validation.vectors), scores)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("normalize", ["none", "zscore"])
def test_round_trip(run, multilabel, normalize, tmp_path):
    run = run.model_copy(update={"normalize": normalize})
    trained = fitted(run, multilabel=multilabel)
    path = tmp_path / "new" / "name.safetensors"
    trained.save(path, run=run, image_shape=SHAPE, classes=CLASSES)
    loaded, stored = load_run(path)
    assert stored["classes"] == CLASSES
    data = dataset(64, seed=2).vectors
    np.testing.assert_array_equal(loaded.scores(data), trained.scores(data))
    stored = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert stored["classes"] == CLASSES
    assert stored["multilabel"] is multilabel
    assert type(run).model_validate(stored["run"]) == run
    before = path.read_bytes()
    fitted(run, multilabel=multilabel).save(path, run=run, image_shape=SHAPE, classes=CLASSES)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage", ["missing", "half", "no json", "empty json", "other kind", "other layers"]
)
def test_damaged_files(network, tmp_path, refused, damage):
    path = tmp_path / "name.safetensors"
    fitted(network).save(path, run=network, image_shape=SHAPE, classes=CLASSES)
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
        stored = read_json(beside)
        stored["run"] |= {"kind": "svm"} if damage == "other kind" else {"hidden": [9, 9]}
        write_checked_json(beside, stored)
    with refused(str(path.with_suffix("")), "dvc repro"):
        load_run(path)


@pytest.mark.parametrize(("kind", "hidden"), [("snn", (512, 256)), ("snn", (8,)), ("adam", (8,))])
def test_divergence(kind, hidden):
    update = {"hidden": hidden, "learning_rate": 1e30, "clip": "none"}
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 1, learning_rate 1e\+30"):
        fitted(RUNS[kind].model_copy(update=update))
