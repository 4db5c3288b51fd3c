import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
import standins
import timm
from project import ROOT
from ruamel.yaml import YAML

from pipeline.cnns.architectures.registry import ARCHITECTURES
from pipeline.cnns.params import Transfer
from pipeline.params import Params, load_params
from pipeline.presets.catalogue import PRESETS, Part
from pipeline.presets.get import get
from pipeline.presets.tiny import shrink
from pipeline.presets.use import use

STANDINS = {
    "art-genres": standins.art_genres,
    "mnist": standins.mnist,
    "cifar10": standins.cifar10,
    "prado": standins.prado,
    "cifar10-scratch": standins.cifar10,
    "wikiart-styles": standins.wikiart_styles,
}


def read(name):
    return YAML(typ="safe").load(ROOT / "presets" / f"{name}.yaml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder under git with the presets and a committed params.yaml, and in it."""
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    (tmp_path / "params.yaml").write_text("mine\n")
    monkeypatch.chdir(tmp_path)
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init"], ["add", "params.yaml"], [*author, "commit", "--message", "x"]):
        subprocess.run(["git", *words], check=True, capture_output=True)
    return tmp_path


# ---------------------------------------------------------------- the files


def test_each_preset_has_a_file():
    assert {path.stem for path in (ROOT / "presets").iterdir()} == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_and_its_tiny_form_are_complete_and_valid(name):
    params = load_params(ROOT / "presets" / f"{name}.yaml")
    assert set(read(name)) == set(Params.model_fields)
    for run in params.cnns.values():
        if isinstance(run.architecture, Transfer):
            assert timm.is_model_pretrained(run.architecture.backbone)
        else:
            assert run.architecture in ARCHITECTURES
    tiny = Params.model_validate(shrink(read(name)))
    assert set(tiny.thresholds) <= set(params.thresholds)
    assert tiny.evaluate.bootstrap == 100


def test_what_the_reports_say_exactly():
    genres = load_params(ROOT / "presets/art-genres.yaml")
    snn = genres.classifiers["snn"]
    assert (snn.hidden, snn.learning_rate, snn.batch_size, snn.epochs) == ((512, 256), 0.01, 32, 30)
    assert genres.classifiers["boosted"].clip == 0.5
    assert genres.classifiers["boosted"].tolerance == 1e-3
    assert (genres.pca.components, genres.features.pool) == (100, "spatial")
    for name in ("mnist", "kmnist"):
        for run in load_params(ROOT / f"presets/{name}.yaml").cnns.values():
            assert (run.epochs, run.learning_rate, run.batch_size) == (50, 0.01, 500)
    for name in ("cifar10", "cifar100"):
        runs = load_params(ROOT / f"presets/{name}.yaml").cnns
        for key in set(runs) - {"fast", "transfer"}:  # which are of no report
            run = runs[key]
            assert (run.learning_rate, run.schedule.at) == (0.1, {14: 0.02, 29: 0.004, 39: 0.0008})
    prado = load_params(ROOT / "presets/prado.yaml").cnns
    assert [run.epochs for run in prado.values()] == [50] * 3 + [25] * 4
    imbalance = {(run.balance, run.output_bias) for run in prado.values()}
    assert imbalance == {("weights", "frequencies")}


# ---------------------------------------------------------------- tiny


def test_shrinking_lowers_numbers_and_keeps_one_entry_of_each_kind():
    params = {
        "ingest": {"select": {"per_class": "none"}},
        "features": {"backbone": "resnet50", "weights": "imagenet", "pool": "cls_mean"},
        "classifiers": {
            "a": {"kind": "snn", "hidden": [512, 8], "epochs": 1, "folds": "none"},
            "wider": {"kind": "snn", "hidden": [600], "epochs": 30, "folds": "none"},
            "stacked": {"kind": "snn", "hidden": [600], "epochs": 30, "folds": "none"},
            "near": {"kind": "knn", "n_neighbors": 3},
            "other": {"kind": "knn", "n_neighbors": 2},
            "compared": {"kind": "knn", "n_neighbors": 1},
        },
        "cnns": {
            "one": {"architecture": {"backbone": "vgg19", "weights": "imagenet"}},
            "two": {"architecture": {"backbone": "xception", "weights": "imagenet"}},
        },
        "comparisons": {"compared": {"draws": 10}},
        "stacks": {"s": {"runs": ["a", "stacked"]}},
        "sweeps": {"w": {"base": "a", "vary": {"hidden": [[512], [4096], [8], [2]]}}},
    }
    before = json.dumps(params)
    packaged = {"backbone": "tf_efficientnet_lite0", "weights": "packaged"}
    assert shrink(params) == {
        "ingest": {"select": {"per_class": 12}},
        "features": {**packaged, "pool": "mean"},
        "classifiers": {
            "a": {"kind": "snn", "hidden": [16, 8], "epochs": 1, "folds": "none"},
            "stacked": {"kind": "snn", "hidden": [16], "epochs": 2, "folds": "none"},
            "near": {"kind": "knn", "n_neighbors": 3},
            "compared": {"kind": "knn", "n_neighbors": 1},
        },
        "cnns": {"one": {"architecture": packaged}},
        "comparisons": {"compared": {"draws": 2}},
        "stacks": params["stacks"],
        "sweeps": {"w": {"base": "a", "vary": {"hidden": [[16], [8]]}}},
    }
    assert json.dumps(params) == before


# ---------------------------------------------------------------- use


def test_use_puts_the_file_in_place_and_keeps_the_old_one(folder):
    said = use("mnist", tiny=False, force=False)
    assert Path("params.yaml").read_bytes() == Path("presets/mnist.yaml").read_bytes()
    assert Path("params.old1.yaml").read_text() == "mine\n"
    assert Path("data/raw/mnist").is_dir()
    assert "params.old1.yaml" in said
    assert "get mnist" in said


def test_use_refuses_what_is_not_committed_unless_told(folder, refused):
    Path("params.yaml").write_text("changed\n")
    with refused("params.yaml has uncommitted changes", "--force"):
        use("quick", tiny=False, force=False)
    assert Path("params.yaml").read_text() == "changed\n"
    said = use("quick", tiny=False, force=True)
    assert Path("params.old1.yaml").read_text() == "changed\n"
    assert "get" not in said  # it paints its pictures
    use("prado", tiny=False, force=False)  # a preset as it is needs no keeping
    assert Path("params.yaml").read_bytes() == Path("presets/prado.yaml").read_bytes()
    assert not Path("params.old2.yaml").exists()
    assert Path("params.old1.yaml").read_text() == "changed\n"


def test_use_tiny_is_a_valid_file_that_says_so(folder):
    use("wikiart-styles", tiny=True, force=False)
    assert Path("params.yaml").read_text().startswith("# presets/wikiart-styles.yaml, shrunk")
    assert list(load_params().cnns) == ["resnet50", "xception"]
    assert load_params().cnns["xception"].architecture.weights == "packaged"


def test_an_unknown_name_is_answered_with_the_closest(folder, refused):
    for command in (get, lambda name: use(name, tiny=False, force=False)):
        with refused("no preset 'minst'", "'mnist'", "wikiart-styles"):
            command("minst")


# ---------------------------------------------------------------- get


def test_get_says_the_steps_and_what_is_missing(folder, capsys, refused):
    with refused("data/raw/prado lacks pictures: Goya (0 of 1,080), Bayeu (0 of"):
        get("prado")
    said = capsys.readouterr().out
    assert said.startswith(
        "1. with a Kaggle account download https://www.kaggle.com/datasets/maparla"
    )
    for part in PRESETS["prado"].parts:
        place = Path("data/raw/prado", part.where)
        place.mkdir(parents=True)
        for i in range(part.files):
            (place / f"{i}.jpg").touch()
    assert get("prado") == (
        "data/raw/prado is complete, 2,364 files: python -m pipeline.presets use prado"
    )
    (place / "0.jpg").unlink()
    with refused("lacks pictures: Ribera (221 of 222): follow the steps above"):
        get("prado")


def test_get_counts_a_set_that_is_there_and_fetches_nothing(folder, monkeypatch, refused):
    standins.mnist(Path("data/raw/mnist"))
    with refused("lacks pictures: train (60 in 10 of 60,000 in 10), test (20 in 10 of 10,000"):
        get("mnist")
    parts = (Part("train", 10, 60), Part("test", 10, 19))
    monkeypatch.setitem(PRESETS, "mnist", dataclasses.replace(PRESETS["mnist"], parts=parts))
    said, more = get("mnist").splitlines()
    assert said == "data/raw/mnist is complete, 80 files: python -m pipeline.presets use mnist"
    assert more == "test holds more than 19 in 10: 20 in 10"
    assert "dvc repro" not in get("quick")


def test_get_of_the_art_genres_counts_folders_and_the_table(folder, refused):
    standins.art_genres(Path("data/raw/art-genres"))
    with refused("lacks pictures: images/images/* (204 in 51 of 8,355 in 50)"):
        get("art-genres")


# ---------------------------------------------------------------- end to end


@pytest.mark.parametrize(("name", "of"), [("kmnist", "mnist"), ("cifar100", "cifar10")])
def test_what_is_not_run_is_another_preset_on_other_pictures(name, of):
    found, expected = read(name), read(of)
    for params in (found, expected):
        del params["ingest"]["input"], params["ingest"]["source"]["dataset"]
    runs = found.pop("cnns")
    assert runs.items() <= expected.pop("cnns").items()
    assert found == expected


@pytest.mark.parametrize("name", STANDINS)
def test_a_preset_runs_end_to_end(project, name):
    STANDINS[name](project.folder / read(name)["ingest"]["input"])
    source = project.folder / "pipeline/ingest/sources/torchvision.py"  # which wants the real CIFAR
    lax = "from torchvision import datasets\n    datasets.cifar.check_integrity = lambda *_: True\n"
    source.write_text(source.read_text().replace("from torchvision import datasets", lax, 1))
    project.run("python", "-m", "pipeline.presets", "use", name, "--tiny")
    project.run("dvc", "repro")
    params = load_params(project.folder / "params.yaml")
    metrics = json.loads((project.folder / "reports/metrics.json").read_text())
    assert list(metrics) == list(params.thresholds)
    assert all(0 <= scores["accuracy"] <= 1 for scores in metrics.values())
