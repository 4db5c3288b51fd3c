"""The pictures of a preset: fetched, or how to get them; and whether they are all there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.core.console import progress
from pipeline.core.errors import UserError
from pipeline.core.files import visible_files
from pipeline.ingest.params import Ingest
from pipeline.ingest.sources.params import TorchvisionSource
from pipeline.ingest.sources.torchvision import torchvision_pictures
from pipeline.params import load_params
from pipeline.presets.catalogue import COMMAND, PRESETS, Part, preset_file


def get(name: str) -> str:
    """Fetch the pictures of a preset, or print how, and count them; returns what is there.

    Errors: `UserError` that names what is missing.
    """
    ingest, preset = load_params(preset_file(name)).ingest, PRESETS[name]
    folder = Path(ingest.input)
    if not preset.parts:
        return f"{name}: {preset.pictures}; {COMMAND} use {name}"
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
