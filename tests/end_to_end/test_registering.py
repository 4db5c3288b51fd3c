"""One of each kind of part, added as CONTRIBUTING says, in a copy of the project that then runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from project import stages_run
from ruamel.yaml import YAML

# A file -> its whole text, or what is put before or after a line of it.
FILES = {
    "pipeline/ingest/sources/stripes.py": '''
"""Pictures with stripes across or down."""

import io

import numpy as np
from PIL import Image

from pipeline.ingest.sources.picture import Picture


def striped_pictures(params, folder):
    """The pictures, each with its class."""
    for number in range(params.pictures):
        pixels = np.full((40, 40, 3), 40 + number, np.uint8)
        down = number % 2 == 0
        (pixels if down else pixels.swapaxes(0, 1))[number % 5 :: 5] = 255
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        yield Picture(file.getvalue(), f"{number}.png", ("down" if down else "across",))
''',
    "pipeline/classifiers/prior.py": '''
"""The share of each class among the training pictures, whatever the picture."""

import numpy as np

from pipeline.classifiers.estimator import Classifier
from pipeline.core.schema import PositiveFloat


class PriorClassifier(Classifier):
    def __init__(self, weight: PositiveFloat = 1.0) -> None:
        self.weight = weight

    n_parameters_ = 0

    def state_dict(self):
        return {"prior": self.prior_}

    def _learn(self, samples):
        with self._timed():
            self.prior_ = samples[0].targets.mean(axis=0) ** self.weight

    def _load(self, state):
        self.prior_ = state["prior"]

    def _probabilities(self, x):
        return np.tile(self.prior_ / self.prior_.sum(), (len(x), 1))
''',
    "pipeline/report/sections/largest.py": '''
"""The largest picture."""

import altair as alt

from pipeline.report.section import Section


def section(experiment):
    chart = alt.Chart(alt.InlineData([{"x": 1}])).mark_bar().encode(x="x:Q")
    return Section({"found": "<i>"}, {"bars": chart})
''',
    "pipeline/report/sections/largest.html.jinja": """
{% from "macros.html.jinja" import chart with context %}
<h2>Largest {{ found }} of {{ experiment.best }}</h2>
{{ chart("bars") }}
""",
    "presets/mine.yaml": None,  # a copy of presets/quick.yaml
}
BEFORE = {
    "pipeline/ingest/sources/params.py": {
        "Source = (": '''
class StripesSource(Strict):
    """Stripes across or down."""

    reader: ClassVar[str] = "pipeline.ingest.sources.stripes:striped_pictures"

    kind: Literal["stripes"]
    pictures: int
    """How many."""


''',
    },
    "pipeline/classifiers/params.py": {
        "ClassifierRun = Annotated[": '''
class PriorRun(Run):
    """The share of each class."""

    estimator: ClassVar[str] = "pipeline.classifiers.prior:PriorClassifier"

    kind: Literal["prior"]
    weight: PositiveFloat
    """The power of each share."""


''',
    },
    "pipeline/cnns/schedules.py": {
        "Schedule = Annotated[": '''
class LinearSchedule(ScheduleSection):
    """`base`, falling to 0."""

    kind: Literal["linear"]

    def rate(self, base: float, time: float, epochs: int) -> float:
        return base * (1 - time / epochs)


''',
    },
    "pipeline/ingest/findings.py": {
        "# In the order of the summary.": '''
def small_sets(examined):
    """One finding, always."""
    yield _finding("small_set", "A small set", "It says little.", [{"path": "all"}])


''',
    },
    "pipeline/cnns/params.py": {
        "    flip: bool = False": '''    darken: float = 0.0
    """What is taken away of each value."""
''',
    },
    "pipeline/cnns/augmentation.py": {
        "# A key of `augment` -> what it does to a batch": '''
def darken(x, share, *, generator):
    """Of each value the share less."""
    return x * (1 - share)


''',
    },
    "pipeline/backbones/weights.py": {
        "# A word for the weights -> where they come from": '''
def halves(name, trunk, source):
    """What the trunk was made with, halved."""
    return {key: t / 2 for key, t in trunk.state_dict().items()}, "nothing, halved"


''',
    },
}
AFTER = {
    "pipeline/ingest/sources/params.py": {"    GeneratedSource\n": "    | StripesSource\n"},
    "pipeline/classifiers/params.py": {"    SnnRun\n": "    | PriorRun\n"},
    "pipeline/cnns/schedules.py": {"    ConstantSchedule | ": "LinearSchedule | "},
    "pipeline/ingest/findings.py": {"    rejected,\n": "    small_sets,\n"},
    "pipeline/cnns/augmentation.py": {'    "flip": flip,\n': '    "darken": darken,\n'},
    "pipeline/backbones/weights.py": {'    "random": random,\n': '    "halves": halves,\n'},
    "pipeline/cnns/architectures/small.py": {
        "import architecture\n": '''

@architecture(made_for=32, least=1)
def means(*, classes: int, channels: int, size: int) -> nn.Module:
    """A line of the mean colour."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
''',
    },
    "pipeline/report/page.py": {
        '    "headline",\n': '    "largest",\n',
    },
    "pipeline/presets/catalogue.py": {
        "PRESETS = {\n": '    "mine": Preset("mine", "few", "1 MB", "CPU", "at once"),\n',
    },
}
CLASSIFIER = {
    "kind": "prior", "weight": 1.0, "input": "pixels", "normalize": "none", "folds": "none",
    "threshold": 0.5, "repeats": 1, "seed": 0,
}  # fmt: skip


def edit(path, places, *, before):
    text = path.read_text("utf-8")
    for place, added in places.items():
        assert text.count(place) == 1, f"{path}: {place!r}"
        text = text.replace(place, added + place if before else place + added)
    path.write_text(text, "utf-8")


@pytest.fixture(scope="module")
def registered(made_project_copy):
    """The project with all of them, after `dvc repro`, and what that printed."""
    project = made_project_copy
    folder = project.folder
    quick = (folder / "presets/quick.yaml").read_text("utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(quick if text is None else text.lstrip(), "utf-8")
    for places, before in ((BEFORE, True), (AFTER, False)):
        for name, of in places.items():
            edit(folder / name, of, before=before)
    cnn = YAML(typ="safe").load(folder / "params.yaml")["cnns"]["small_cnn"]
    cnn |= {"architecture": "means", "schedule": {"kind": "linear"}, "augment": {"darken": 0.5}}
    project.set(
        **{
            "ingest.source": {"kind": "stripes", "pictures": 60}, "features.weights": "halves",
            "features.layers": "last", "features.pool": "head",
            "classifiers": {"prior": CLASSIFIER},
            "cnns": {"means": cnn}, "stacks": {}, "sweeps": {}, "comparisons": {},
        }
    )  # fmt: skip
    return project, project.run("dvc", "repro")


def test_a_source(registered):
    _, output = registered
    assert "ingest: 60 pictures of 2 classes" in output
    assert "ingest" in stages_run(output)


def test_a_classifier(registered):
    project, _ = registered
    scores = pd.read_csv(project.folder / "reports/scores.csv", index_col="run")
    assert 0.2 < scores.loc["prior", "accuracy"] < 0.8
    state = safetensors.numpy.load_file(project.folder / "models/runs/prior.safetensors")
    assert state["prior"].sum() == pytest.approx(1)


def test_an_architecture_its_schedule_and_augmentation(registered):
    project, _ = registered
    state = safetensors.numpy.load_file(project.folder / "models/cnns/means.safetensors")
    assert any(tensor.shape == (2, 3) for tensor in state.values())
    history = pd.read_csv(project.folder / "reports/history/means.csv")
    assert np.isfinite(history["loss"]).all()


def test_a_check_of_the_audit(registered):
    project, _ = registered
    audit = json.loads((project.folder / "reports/audit.json").read_text("utf-8"))
    assert "small_set" in [finding["name"] for finding in audit["findings"]]


def test_a_section_and_its_chart(registered):
    project, _ = registered
    page = (project.folder / "reports/index.html").read_text("utf-8")
    assert page.count("<h2>Largest &lt;i&gt; of") == 1
    start = '<div class="chart" data-spec="bars"><script type="application/json">'
    spec = page.partition(start)[2].partition("</script>")[0]
    assert list(json.loads(spec)["datasets"].values()) == [[{"x": 1}]]
    assert page.index("<h2>Largest") < page.index('id="data"')


def test_weights(registered):
    project, _ = registered
    recipe = json.loads((project.folder / "models/backbone.json").read_text("utf-8"))
    assert (recipe["weights"], recipe["trained_on"]) == ("halves", "nothing, halved")


def test_a_preset(registered):
    project, _ = registered
    assert "| `mine` | mine | few |" in project.run("python", "-m", "pipeline.presets")
    project.run("python", "-m", "pipeline.presets", "use", "mine", "--force")
    assert (project.folder / "params.yaml").read_text() == (
        project.folder / "presets/mine.yaml"
    ).read_text()


def test_their_docstrings_in_the_reference(registered):
    project, _ = registered
    project.run("python", "-m", "pipeline.reference")
    lines = (project.folder / "docs/reference.md").read_text("utf-8").splitlines()
    for line in (
        "### stripes",
        "| `pictures` | integer |  | How many. |",
        "| `prior` | The share of each class. | `weight` |",
        "| `weight` | number > 0 |  | The power of each share. |",
        "| `linear` | `base`, falling to 0. |  |",
        "| `augment.darken` | number | `0.0` | What is taken away of each value. |",
        "| `means` | 32 px | 1 px | 40 | A line of the mean colour |",
        "| `halves` | What the trunk was made with, halved. |",
        "| `mine` | mine | few | 1 MB | CPU | at once |",
    ):
        assert line in lines
