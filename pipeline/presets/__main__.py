"""Published experiments by name: lists them, gets their pictures, puts one into params.yaml."""

from __future__ import annotations

import argparse
import difflib
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.command import run
from pipeline.core.console import progress
from pipeline.core.errors import UserError
from pipeline.core.files import replacing, visible_files
from pipeline.ingest.params import Ingest
from pipeline.ingest.sources.params import TorchvisionSource
from pipeline.ingest.sources.torchvision import torchvision_pictures
from pipeline.params import PARAMS_FILE, load_params
from pipeline.presets.catalogue import PRESETS, Part
from pipeline.presets.tiny import shrink

FOLDER = Path("presets")
COMMAND = "python -m pipeline.presets"


def table() -> str:
    """All presets as a Markdown table."""
    heads = ("preset", "repeats", "pictures", "disk", "made for", "time")
    rows = [
        (f"`{name}`", p.experiment, p.pictures, p.disk, p.hardware, p.time)
        for name, p in PRESETS.items()
    ]
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def use(name: str, *, tiny: bool, force: bool) -> str:
    """Put a preset in place of params.yaml, and keep the old file unless it is a preset itself;
    returns what was done."""
    source = _file(name)
    ingest = load_params(source).ingest
    own = PARAMS_FILE.exists() and not _is_preset(PARAMS_FILE)
    if own and not force and _uncommitted(PARAMS_FILE):
        raise UserError(
            f"{PARAMS_FILE} has uncommitted changes: commit them first, or add --force (the file "
            "is kept under another name either way)"
        )
    kept = ""
    if own:
        old = next(path for path in map(_old, count(1)) if not path.exists())
        shutil.copyfile(PARAMS_FILE, old)
        kept = f"; what it was is {old}"
    with replacing(PARAMS_FILE) as temporary:
        if tiny:
            _write_tiny(source, temporary)
        else:
            shutil.copyfile(source, temporary)
    Path(ingest.input).mkdir(parents=True, exist_ok=True)  # DVC wants what a stage depends on
    lines = [f"{PARAMS_FILE} is {source}{', shrunk' if tiny else ''}{kept}"]
    if PRESETS[name].parts:
        lines.append(f"its pictures, if they are not in {ingest.input}: {COMMAND} get {name}")
    return "\n".join([*lines, "then: dvc repro"])


def _old(number: int) -> Path:
    return PARAMS_FILE.with_name(f"params.old{number}.yaml")


def _write_tiny(source: Path, target: Path) -> None:
    writer = YAML()
    with target.open("w", encoding="utf-8") as file:
        file.write(
            f"# {source}, shrunk by --tiny to try that everything runs: its scores say nothing.\n"
            "# Weights that it downloads have become the packaged EfficientNet-Lite0's.\n"
        )
        writer.dump(shrink(YAML(typ="safe").load(source)), file)


def _is_preset(path: Path) -> bool:
    """Whether it is a preset as it is, which nobody would miss."""
    return path.read_bytes() in {preset.read_bytes() for preset in map(_file, PRESETS)}


def _uncommitted(path: Path) -> bool:
    """Whether git knows of changes in `path`; not where there is no git."""
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain", "--", path],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0 and bool(done.stdout)


def get(name: str) -> str:
    """Fetch the pictures of a preset, or print how, and count them; returns what is there.

    Errors: `UserError` that names what is missing.
    """
    ingest, preset = load_params(_file(name)).ingest, PRESETS[name]
    folder = Path(ingest.input)
    if not preset.parts:
        return f"{name} paints its pictures: {COMMAND} use {name}"
    for number, step in enumerate(preset.steps, start=1):
        print(f"{number}. {step.format(input=folder)}")
    found = _in_folders(folder, preset.parts) if preset.steps else _fetch(ingest, preset.parts)
    pairs = list(zip(preset.parts, found, strict=True))
    if lacking := [
        f"{wanted.where} ({_amount(there)} of {_amount(wanted)})"
        for wanted, there in pairs
        if there.files < wanted.files or there.folders < wanted.folders
    ]:
        advice = "follow the steps above" if preset.steps else "remove it and run this again"
        raise UserError(f"{folder} lacks pictures: {', '.join(lacking)}: {advice}")
    more = [
        f"\n{wanted.where} holds more than {_amount(wanted)}: {_amount(there)}"
        for wanted, there in pairs
        if there != wanted
    ]
    total = sum(there.files for there in found)
    return f"{folder} is complete, {total:,} files: {COMMAND} use {name}{''.join(more)}"


def _in_folders(folder: Path, parts: Iterable[Part]) -> list[Part]:
    """What there is of each part."""
    found = []
    for part in parts:
        matched = sorted(folder.glob(part.where))
        folders = [path for path in matched if path.is_dir()]
        files = len(matched) - len(folders) + sum(len(visible_files(path)) for path in folders)
        found.append(Part(part.where, len(folders), files))
    return found


def _fetch(ingest: Ingest, parts: Iterable[Part]) -> list[Part]:
    """Each split as torchvision reads it, after it has fetched what is not there."""
    assert isinstance(ingest.source, TorchvisionSource)
    source = ingest.source.model_copy(update={"download": True})
    folder = Path(ingest.input)
    folder.mkdir(parents=True, exist_ok=True)
    classes: dict[str | None, set[str]] = {}
    files: Counter[str | None] = Counter()
    for picture in progress(torchvision_pictures(source, folder), what="pictures"):
        classes.setdefault(picture.split, set()).update(picture.labels)
        files[picture.split] += 1
    return [Part(part.where, len(classes.get(part.where, ())), files[part.where]) for part in parts]


def _amount(part: Part) -> str:
    return f"{part.files:,}" + (f" in {part.folders}" if part.folders > 1 else "")


def _file(name: str) -> Path:
    """The file of a preset. Errors: `UserError` for a name that there is not."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.0)[0]
        raise UserError(
            f"there is no preset {name!r}: the closest is {close!r}; all: {', '.join(PRESETS)}"
        )
    return FOLDER / f"{name}.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    commands = parser.add_subparsers(dest="command", title="without a command it lists them")
    user = commands.add_parser("use", help="put a preset in place of params.yaml, which is kept")
    user.add_argument("name")
    user.add_argument("--tiny", action="store_true", help="shrink it to run in about a minute")
    user.add_argument("--force", action="store_true", help="whatever git says of params.yaml")
    getter = commands.add_parser("get", help="fetch its pictures, or say how, and count them")
    getter.add_argument("name")
    arguments = parser.parse_args()
    if arguments.command == "use":
        print(use(arguments.name, tiny=arguments.tiny, force=arguments.force))
    elif arguments.command == "get":
        print(get(arguments.name))
    else:
        print(table())


if __name__ == "__main__":
    run(main)
