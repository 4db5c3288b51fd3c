import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.classifiers.params import KnnRun, SnnRun
from pipeline.ingest.sources.params import FolderSource, GeneratedSource
from pipeline.params import load_params
from pipeline.sweeps.params import Sweep

PARAMS = Path(__file__).parents[1] / "params.yaml"

GENERATED = """\
  source:
    kind: generated
    pictures: 40
    size: 32
    painters: 8
    seed: 0
"""
FOLDER = """\
  source:
    kind: folder
    root: images
    artist: '^(.+)_'
    labels:
      table: artists.csv
      key: name
      column: genre
"""
RUN = """\
  snn:
    kind: snn
    hidden: [8]
    dropout: 0.0
    learning_rate: 1e-3
    batch_size: 32
    epochs: 30
    clip: none
    patience: 5
    input: components
    normalize: none
    folds: 5
    threshold: 0.5
    repeats: 2
    seed: 0
"""
PCA = """\
pca:
  components: 100
  whiten: false
  sample: none
  seed: 0
"""
MORE = """\
  other:
    kind: logistic
    C: 1.0
    input: features
    normalize: zscore
    folds: 2
    threshold: 0.5
    repeats: 1
    seed: 0
cnns: {}
stacks:
  both:
    runs: [snn, other]
    C: 1.0
    threshold: 0.5
sweeps:
  rate:
    base: snn
    vary:
      learning_rate: [0.1, 1]
      hidden: [[4], [8, 4]]
comparisons:
  other:
    draws: 4
    seed: 2
"""
TEXT = f"""\
launcher: python
ingest:
  input: data/raw
{GENERATED}  max_megapixels: 100
  select:
    classes: all
    least_per_class: none
    per_class: none
    balance: false
    sample: none
    shortest_side: none
    seed: 0
  split:
    by: picture
    validation: 0.15
    test: 0.2
    near_duplicates: keep_together
    seed: 1
  audit:
    near_duplicates: 4
    leakage: list
features:
  backbone: resnet50
  weights: imagenet
  seed: 0
  layers: last
  pool: spatial
  size: none
  resize: squash
  scaled_decoding: false
  precision: auto
  decoder: cpu
  engine: auto
  batch_size: 32
  device: auto
{PCA}pixels:
  size: 32
  colour: rgb
classifiers:
{RUN}{MORE}evaluate:
  bootstrap: 1000
  seed: 0
curve:
  sizes: 10
  draws: 5
  bootstrap: 1000
  seed: 0
insight:
  bootstrap: 1000
  coverage: 0.9
  doubts:
    run: auto
    shown: 24
  seed: 0
report:
  samples: 24
  mistakes: 24
"""


@pytest.fixture
def written(tmp_path):
    """Text -> a params.yaml with it; `replace` pairs change `TEXT`."""

    def write(text=TEXT, replace=()):
        for old, new in replace:
            assert text.count(old) == 1
            text = text.replace(old, new)
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_file_of_the_repository():
    params = load_params(PARAMS)
    assert params.pca.components == "auto"
    kinds = ["logistic", "snn", "boosted", "adam"]
    assert {name: run.kind for name, run in params.classifiers.items()} == {k: k for k in kinds}
    assert list(params.thresholds) == [*kinds, "small_cnn", "lenet", "stacked"]
    assert isinstance(params.ingest.source, GeneratedSource)


def test_values_and_types(written):
    params = load_params(written())
    run = params.classifiers["snn"]
    assert isinstance(run, SnnRun)
    assert run.learning_rate == 0.001  # as DVC reads 1e-3; PyYAML would give a string
    assert run.hidden == (8,)
    assert (run.clip, run.patience, run.normalize, run.folds) == ("none", 5, "none", 5)
    assert params.ingest.split.seed == 1


def test_a_setting_that_contradicts_its_base_is_one_line():
    base = KnnRun(
        kind="knn", input="components", normalize="none", folds="none", threshold=0.5, repeats=1,
        seed=0, distance="mse", n_neighbors=1,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"^vary: distance ssim compares pictures"):
        Sweep(base="knn", vary={"distance": ["mse", "ssim"]}).settings(base)


def test_the_settings_of_a_sweep(written):
    params = load_params(written())
    settings = params.sweeps["rate"].settings(params.classifiers["snn"])
    assert [(run.learning_rate, run.hidden) for _, run in settings] == [
        (0.1, (4,)),
        (0.1, (8, 4)),
        (1.0, (4,)),
        (1.0, (8, 4)),
    ]
    assert settings[1][0] == {"learning_rate": 0.1, "hidden": [8, 4]}
    assert all(run.epochs == 30 for _, run in settings)


def test_ssim_wants_pixels(written, refused):
    knn = "kind: knn\n    distance: ssim\n    n_neighbors: 1\n"
    with refused("classifiers.other", "ssim compares pictures", "input: pixels"):
        load_params(written(replace=[("kind: logistic\n    C: 1.0\n", knn)]))


def test_folder_source(written):
    source = load_params(written(replace=[(GENERATED, FOLDER)])).ingest.source
    assert isinstance(source, FolderSource)
    assert (source.root, source.artist) == ("images", "^(.+)_")
    assert (source.labels.table, source.labels.separator) == ("artists.csv", ",")
    assert source.labels.aliases == {}


def test_values_do_not_change(written):
    params = load_params(written())
    with pytest.raises(ValueError, match="frozen"):
        params.pca.components = 3


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("epochs: 30", "epochs: abc", ["classifiers.snn.epochs: found 'abc'", "valid integer"]),
        ("epochs: 30", "epochs: 2.5", ["classifiers.snn.epochs: found 2.5", "integer"]),
        ("epochs: 30", "epochs: [1]", ["classifiers.snn.epochs: found [1]", "integer"]),
        ("epochs: 30", "epochs:", ["classifiers.snn.epochs: found nothing", "integer"]),
        ("hidden: [8]", "hidden: [8, x]", ["classifiers.snn.hidden.1: found 'x'", "integer"]),
        ("kind: snn", "kind: sgd", ["classifiers.snn.kind is 'sgd'", "'snn', 'adam', 'boosted'"]),
        ("    kind: snn\n", "", ["classifiers.snn.kind is missing"]),
        ("kind: generated", "kind: web", ["ingest.source.kind is 'web'", "'generated', 'folder'"]),
        ("    epochs: 30\n", "", ["epochs is missing in classifiers.snn"]),
        (
            "pca:\n  components: 100\n  whiten: false\n  sample: none\n  seed: 0\n",
            "",
            ["pca is missing in the file"],
        ),
        (
            "components: 100",
            "components: 0",
            ["pca.components: found 0", "greater than 0", "'none'"],
        ),
        ("components: 100", "components: all", ["pca.components: found 'all'", "'none'"]),
        ("dropout: 0.0", "dropout: 1.0", ["snn.dropout: found 1.0", "less than 1"]),
        ("1e-3", ".inf", ["snn.learning_rate: found inf", "finite"]),
        (
            "pool: spatial",
            "pool: last",
            ["features.pool: found 'last'", "'spatial'", "'head'"],
        ),
        ("layers: last", "layers: auto", ["features: pool spatial is of the last map", "to mean"]),
        ("layers: last", "layers: blocks.4", ["features.layers: found 'blocks.4'", "'last'"]),
        ("device: auto", "device: gpu", ["features.device: found 'gpu'", "auto, cpu, cuda"]),
        ("pictures: 40", "pictures: 15", ["ingest.source.pictures: found 15", "16"]),
        ("painters: 8", "painters: 30", ["ingest.source", "at least 2 * painters = 60"]),
        ("validation: 0.15", "validation: 0.8", ["ingest.split", "must be below 1"]),
        (
            "classes: all",
            "classes: a",
            ["ingest.select.classes: found 'a'", "should be a list or should be 'all'"],
        ),
        ("classes: all", "classes: [a, 1]", ["select.classes.1: found 1", "valid string"]),
        ("sample: none\n    short", "sample: 0\n    short", ["select.sample: found 0", "'none'"]),
        ("by: picture", "by: file", ["split.by: found 'file'", "'picture', 'artist' or 'given'"]),
        ("near_duplicates: 4", "near_duplicates: 20", ["audit.near_duplicates: found 20", "12"]),
        (
            "near_duplicates: 4\n    leakage: list",
            "near_duplicates: none\n    leakage: error",
            ["ingest.audit: ", "leakage: error needs near_duplicates"],
        ),
        ("  snn:", "  a/b:", ["classifiers.a/b: found 'a/b'", "letters A to Z"]),
        ("  snn:", "  ../x:", ["classifiers.../x: found '../x'"]),
        (RUN + MORE[: MORE.index("cnns")], "", ["classifiers: found nothing", "keys with values"]),
        ("folds: 5", "folds: 1", ["classifiers.snn.folds: found 1", "greater than or equal to 2"]),
        ("input: features", "input: pixel", ["other.input: found 'pixel'", "'pixels'"]),
        ("folds: 2", "folds: none", ["stacks.both.runs names 'other'", "classifiers.other.folds"]),
        ("run: auto", "run: sun", ["insight.doubts.run is 'sun'", "has snn, other"]),
        ("[snn, other]", "[snn, sun]", ["stacks.both.runs names 'sun'", "has snn, other"]),
        ("  both:", "  snn:", ["stacks.snn has the name of another run"]),
        ("base: snn", "base: sun", ["sweeps.rate.base is 'sun'", "has snn, other"]),
        ("learning_rate: [0.1", "learn_rate: [0.1", ["sweeps.rate.vary.learn_rate", "epochs"]),
        ("[0.1, 1]", "[0.1, -1]", ["sweeps.rate.vary.learning_rate: found -1", "greater than 0"]),
        ("      hidden:", "      kind:", ["sweeps.rate.vary.kind", "hidden"]),
        ("      hidden:", "      seed:", ["sweeps.rate.vary.seed", "hidden"]),
        ("  other:\n    draws", "  sun:\n    draws", ["comparisons.sun is no", "has snn, other"]),
        ("draws: 4", "draws: 1", ["comparisons.other.draws: found 1", "equal to 2"]),
    ],
)
def test_a_wrong_value_is_named(written, refused, old, new, parts):
    path = written(replace=[(old, new)])
    with refused(f"{path}: ", *parts):
        load_params(path)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("    epochs:", "    epoch:", ["classifiers.snn.epoch:", "'epochs'", "batch_size", "more"]),
        ("  backbone:", "  backbon:", ["features.backbon:", "'backbone'", "weights, seed, layers"]),
        ("\npca:", "\npcs:", ["unknown key pcs:", "'pca'", "ingest, features, pca, pixels"]),
        ("    painters: 8", "    painter: 8", ["ingest.source.painter:", "'painters'", "size"]),
    ],
)
def test_an_unknown_key_is_answered_with_the_known_ones(written, refused, old, new, parts):
    with refused("unknown key ", "did you mean ", *parts):
        load_params(written(replace=[(old, new)]))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("^(.+)_", "^.+_", ["source.artist", "'^.+_'", "exactly one group", "found 0"]),
        ("^(.+)_", "(a)(b)", ["source.artist", "found 2"]),
        ("^(.+)_", "(", ["source.artist", "'('", "not a regular expression"]),
        ("root: images", "root: ../x", ["source.root", "'../x'", "inside ingest.input"]),
        ("artists.csv", "/etc/passwd", ["source.labels.table", "'/etc/passwd'", "be relative"]),
        ("      key:", "      keys:", ["ingest.source.labels.keys", "'key'", "column, separator"]),
    ],
)
def test_wrong_values_of_a_folder_source(written, refused, old, new, parts):
    with refused(*parts):
        load_params(written(TEXT.replace(GENERATED, FOLDER), replace=[(old, new)]))


TABLE = {"kind": "table", "file": "t.csv", "image": "path", "labels": "style"}
HUB = {"kind": "huggingface", "name": "a/b", "image": "image", "labels": "label"}
SHARDS = {"kind": "webdataset", "shards": "*.tar", "labels": "cls"}


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        (TABLE | {"labels": []}, ["source.labels: found []", "a column, or a list of names"]),
        (TABLE | {"labels": 5}, ["source.labels: found 5", "a column, or a list of names"]),
        (TABLE | {"labels": ["a", 5]}, ["source.labels.1: found 5", "string"]),
        (TABLE | {"file": "../t.csv"}, ["source.file: found '../t.csv'", "inside ingest.input"]),
        (TABLE | {"archive": "/t.zip"}, ["source.archive: found '/t.zip'", "inside ingest.input"]),
        (TABLE | {"separator": ""}, ["source.separator: found ''", "at least 1"]),
        (TABLE | {"column": "x"}, ["unknown key ingest.source.column", "file, root, image"]),
        (SHARDS | {"shards": "../*"}, ["source.shards: found '../*'", "inside ingest.input"]),
        (SHARDS | {"shards": {"dev": "*"}}, ["source.shards.dev: found 'dev'", "'validation'"]),
        (SHARDS | {"shards": 5}, ["source.shards: found 5", "keys with values"]),
        (HUB | {"name": "../x"}, ["source.name: found '../x'"]),
        (HUB | {"root": "x"}, ["ingest.source: name is a dataset on the hub", "give one"]),
        (HUB | {"name": None, "revision": "x"}, ["ingest.source: revision", "name too"]),
        (HUB | {"splits": {"a": "b"}}, ["source.splits.a: found 'b'", "'train', 'validation'"]),
        ({"kind": "torchvision", "dataset": "mnist"}, ["source.dataset: found 'mnist'", "'MNIST'"]),
    ],
)
def test_wrong_values_of_the_other_sources(written, refused, source, parts):
    text = f"  source: {json.dumps(source)}\n"
    with refused(*parts):
        load_params(written(replace=[(GENERATED, text)]))


CNN = """\
cnns:
  net:
    architecture:
      backbone: resnet18
      weights: random
      finetune: {layers: 3, epochs: 1, learning_rate: 0.1}
    optimizer: sgd
    learning_rate: 0.1
    weight_decay: 0.0
    schedule: {kind: cosine, warmup: 1}
    batch_size: 8
    epochs: 1
    augment: {flip: true}
    standardize: set
    balance: none
    ema: none
    patience: none
    precision: auto
    device: auto
    threshold: 0.5
    repeats: 1
    seed: 0
"""


def test_a_network_and_its_defaults(written):
    run = load_params(written(replace=[("cnns: {}\n", CNN)])).cnns["net"]
    assert run.architecture.finetune.layers == 3
    assert (run.momentum, run.explain, run.augment.crop, run.schedule.warmup) == (0.9, 4, 0, 1)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("weights:", "weight:", ["unknown key cnns.net.architecture.weight:", "'weights'"]),
        ("      weights: random\n", "", ["weights is missing in cnns.net.architecture: add it"]),
        ("{layers", "{layer", ["unknown key cnns.net.architecture.finetune.layer:", "'layers'"]),
        ("warmup", "rise", ["unknown key cnns.net.schedule.rise:", "kind"]),
        ("cosine", "linear", ["cnns.net.schedule.kind is 'linear'", "'one_cycle'"]),
        ("{flip", "{flop", ["unknown key cnns.net.augment.flop:", "'flip'"]),
        ("backbone: resnet18", "backbone: 18", ["cnns.net.architecture.backbone: found 18"]),
    ],
)
def test_wrong_values_of_a_network(written, refused, old, new, parts):
    assert CNN.count(old) == 1
    with refused(*parts):
        load_params(written(replace=[("cnns: {}\n", CNN.replace(old, new))]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (TEXT.replace("    seed: 1\n", "    seed: 1\n    seed: 2\n"), ["line 25", '"seed"']),
        ("ingest: [", ["line 1 is not valid YAML"]),
        pytest.param("ingest: " + "[" * 1000, ["lists or sections in each other"], id="deep"),
        ("ingest:\n\tinput: x", ["line 2 is not valid YAML"]),
        ("ingest: !!python/object:os.system x", ["line 1 is not valid YAML", "tag"]),
        ("ingest: \x00", ["is not valid YAML", "#x0000"]),
        ("ingest: 2024-13-45", ["is not valid YAML", "month"]),
        ("", ["the file: found nothing"]),
        ("just text", ["the file: found 'just text'"]),
    ],
)
def test_a_file_that_is_no_parameter_file(written, refused, text, parts):
    path = written(text)
    with refused(str(path), *parts):
        load_params(path)


def nested(opening, closing, times):
    return f"{opening * times}1{closing * times}"


TENS = "x:\n  a: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MUCH = {
    "lists": (PCA, f"{PCA}  x: {nested('[', ']', 300)}\n", ["pca.x.0.0", "more than 20 deep"]),
    "sections": (PCA, f"{PCA}  x: {nested('{a: ', '}', 300)}\n", ["pca.x.a.a", "20 deep"]),
    "itself": (PCA, f"{PCA}  x: &x [*x]\n", ["pca.x.0.0", "more than 20 deep"]),
    "aliases": (PCA, TENS + PCA, ["more than 200000 keys and values"]),
    "hexadecimal": ("seed: 0", f"seed: 0x{'f' * 20000}", ["seed is a whole", "4294967295"]),
    "octal": ("seed: 0", f"seed: 0o{'7' * 20000}", ["seed is a whole", "4294967295"]),
    "decimal": ("seed: 0", f"seed: {'9' * 20000}", ["limit", "20000 digits"]),
    "sample": ("sample: none\n  seed", f"sample: {10**25}\n  seed", ["pca.sample is a whole"]),
    "negative": ("components: 100", f"components: -{10**25}", ["pca.components is a whole"]),
    "layers": ("hidden: [8]", f"hidden: [{10**25}]", ["snn.hidden.0 is a whole"]),
    "letters": ("spatial", "x" * 5000, ["features.pool is a text of more than 4096"]),
    "a key": (PCA, f"{PCA}  ? {'x' * 5000}\n  : 1\n", ["pca.xx", "more than 4096 letters"]),
    "a shorter key": (PCA, f"{PCA}  {'x' * 300}: 1\n", ["unknown key pca.xx"]),
    "zero": ("kind: generated", 'kind: "a\\0b"', ["ingest.source.kind holds the character 0"]),
    "a run's name": ("  snn:", f"  {'n' * 101}:", ["at most 100 letters"]),
    "a device": ("device: auto", "device: cuda:1000", ["cuda:NUMBER"]),
    "artist": ("artist: '^(.+)_'", "artist: '(a{99999999999})'", ["artist", "too large"]),
    "groups": ("artist: '^(.+)_'", f"artist: '{nested('(', ')', 2000)}'", ["recursion"]),
}


@pytest.mark.parametrize(("old", "new", "parts"), MUCH.values(), ids=MUCH.keys())
def test_more_than_a_parameter_can_mean(written, refused, old, new, parts):
    text = TEXT.replace(GENERATED, FOLDER) if "artist" in old else TEXT
    assert old in text
    path = written(text.replace(old, new, 1))
    with refused(str(path), *parts):
        load_params(path)


def test_a_sweep_of_too_many_settings(written, refused):
    values = list(range(1, 1001))
    sweep = {"base": "snn", "vary": dict.fromkeys(("hidden", "epochs", "patience"), values)}
    path = written(replace=[("sweeps:\n", f"sweeps:\n  s: {json.dumps(sweep)}\n")])
    with refused("sweeps.s.vary has more than 1000 combinations", "fewer values"):
        load_params(path)


def test_missing_and_unreadable_files(tmp_path, refused):
    with refused(str(tmp_path / "params.yaml"), "is missing"):
        load_params(tmp_path / "params.yaml")
    with refused(str(tmp_path), "cannot be read"):
        load_params(tmp_path)
    (tmp_path / "latin1.yaml").write_bytes("ingest: café".encode("latin-1"))
    with refused("latin1.yaml", "cannot be read", "utf-8"):
        load_params(tmp_path / "latin1.yaml")


def check(path):
    command = [sys.executable, "-m", "pipeline.params", str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=PARAMS.parent)


def test_the_command_prints_what_it_understood(tmp_path):
    done = check(PARAMS)
    assert (done.returncode, done.stderr) == (0, "")
    assert YAML(typ="safe").load(done.stdout)["pca"] == {
        "components": "auto",
        "whiten": False,
        "sample": "none",
        "seed": 0,
    }
    (tmp_path / "again.yaml").write_text(done.stdout, encoding="utf-8")
    assert load_params(tmp_path / "again.yaml") == load_params(PARAMS)


def test_the_command_answers_a_mistake_with_one_line(written):
    done = check(written(replace=[("epochs: 30", "epochs: abc")]))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert "classifiers.snn.epochs: found 'abc'" in done.stderr
