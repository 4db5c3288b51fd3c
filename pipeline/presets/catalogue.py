"""What is known of each preset."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.markdown import markdown_table

FOLDER = Path("presets")
COMMAND = "python -m pipeline.presets"


@dataclass(frozen=True)
class Part:
    """A part of a set of pictures.

    where: a pattern of folders in ingest.input, or a file there; of a set that is fetched, a split.
    folders: how many, of a split how many classes; files: how many in all of them.
    """

    where: str
    folders: int
    files: int


@dataclass(frozen=True)
class Preset:
    """What is known of a preset beside its file.

    experiment, disk, hardware, time: in words; parts: the whole of its pictures; steps: how to get
    them by hand, empty where they are fetched or painted.
    """

    experiment: str
    pictures: str
    disk: str
    hardware: str
    time: str
    parts: tuple[Part, ...] = ()
    steps: tuple[str, ...] = ()


DIGITS = (Part("train", 10, 60_000), Part("test", 10, 10_000))
CLASSIC = "a student's report on classic networks, section"
NOT_MEASURED = "not measured"

PRESETS = {
    "quick": Preset(
        "the default, smaller",
        "240, painted",
        "10 MB",
        "CPU",
        "54 s on 2 cores",
    ),
    "art-genres": Preset(
        "a student's report on art genres",
        "8,355 paintings by 50 artists, from Kaggle by hand",
        "2.3 GB of pictures, 1.7 GB of features",
        "CPU",
        "features 4 minutes on 2 cores with bfloat16; the rest not measured",
        (Part("artists.csv", 0, 1), Part("images/images/*", 50, 8355)),
        (
            "with a Kaggle account download best-artworks-of-all-time (2.3 GB) of "
            "https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time",
            "unpack it in {input}, so that there are {input}/artists.csv and a folder for each "
            "artist, such as {input}/images/images/Vincent_van_Gogh",
            "resized/ holds the same pictures, smaller: it is not read and can go",
        ),
    ),
    "mnist": Preset(
        f"{CLASSIC} 3.1",
        "70,000 digits, fetched",
        "0.3 GB",
        "CPU",
        NOT_MEASURED,
        DIGITS,
    ),
    "kmnist": Preset(
        f"{CLASSIC} 3.2",
        "70,000 hiragana, fetched",
        "0.3 GB",
        "CPU",
        NOT_MEASURED,
        DIGITS,
    ),
    "cifar10": Preset(
        f"{CLASSIC} 3.3",
        "60,000 photographs, fetched",
        "0.9 GB",
        "GPU",
        NOT_MEASURED,
        (Part("train", 10, 50_000), Part("test", 10, 10_000)),
    ),
    "cifar100": Preset(
        f"{CLASSIC} 3.4",
        "60,000 photographs, fetched",
        "0.9 GB",
        "GPU",
        NOT_MEASURED,
        (Part("train", 100, 50_000), Part("test", 100, 10_000)),
    ),
    "prado": Preset(
        "a student's report on the Prado",
        "2,364 paintings by 5 artists, from Kaggle by hand",
        "0.4 GB beside pictures and models",
        "GPU",
        NOT_MEASURED,
        (
            Part("Goya", 1, 1080),
            Part("Bayeu", 1, 446),
            Part("Haes", 1, 326),
            Part("Pizarro", 1, 290),
            Part("Ribera", 1, 222),
        ),
        (
            "with a Kaggle account download "
            "https://www.kaggle.com/datasets/maparla/prado-museum-pictures",
            "put the pictures by Goya, Bayeu, Haes, Pizarro and Ribera into {input}/Goya and so on",
        ),
    ),
    "cifar10-scratch": Preset(
        "a student's report on CIFAR-10",
        "60,000 photographs, fetched",
        "9 GB, most of it the neighbours'",
        "CPU, ready-made networks GPU",
        "each k-NN by SSIM an hour on 2 cores; the rest not measured",
        (Part("train", 10, 50_000), Part("test", 10, 10_000)),
    ),
    "wikiart-styles": Preset(
        "a student's report on WikiArt styles",
        "20,205 paintings, from Kaggle by hand",
        "3 GB beside pictures and models",
        "GPU",
        NOT_MEASURED,
        (
            Part("Expressionism", 1, 6736),
            Part("Post_Impressionism", 1, 6450),
            Part("Romanticism", 1, 7019),
        ),
        (
            "with a Kaggle account download Expressionism, Post_Impressionism and Romanticism of "
            "https://www.kaggle.com/datasets/steubk/wikiart",
            "put the three folders into {input}: others would be read and left out",
        ),
    ),
    "wikiart": Preset(
        "WikiArt by style, on the best layers of the default's backbone",
        "81,444 paintings, which `dvc repro` fetches from the hub",
        NOT_MEASURED,
        "CPU",
        NOT_MEASURED,
    ),
    "art-probe": Preset(
        "a linear probe with DINOv2, SigLIP 2 or CLIP",
        "your own, in class folders",
        "0.1 to 0.4 GB beside pictures",
        "CPU or GPU",
        NOT_MEASURED,
    ),
}


def preset_file(name: str) -> Path:
    """The file of a preset. Errors: `UserError` for a name that there is not."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.0)[0]
        raise UserError(
            f"there is no preset {name!r}: the closest is {close!r}; all: {', '.join(PRESETS)}"
        )
    return FOLDER / f"{name}.yaml"


def presets_table() -> str:
    """All presets as a Markdown table."""
    heads = ("preset", "repeats", "pictures", "disk", "made for", "time")
    rows = [
        (f"`{name}`", p.experiment, p.pictures, p.disk, p.hardware, p.time)
        for name, p in PRESETS.items()
    ]
    return markdown_table(heads, rows)
