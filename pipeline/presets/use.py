"""A preset in place of params.yaml."""

from __future__ import annotations

import shutil
import subprocess
from itertools import count
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.core.errors import UserError
from pipeline.core.files import replacing
from pipeline.params import PARAMS_FILE, load_params
from pipeline.presets.catalogue import COMMAND, PRESETS, preset_file
from pipeline.presets.tiny import shrink


def use(name: str, *, tiny: bool, force: bool) -> str:
    """Put a preset in place of params.yaml, and keep the old file unless it is a preset itself;
    returns what was done."""
    source = preset_file(name)
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
    return path.read_bytes() in {preset.read_bytes() for preset in map(preset_file, PRESETS)}


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
