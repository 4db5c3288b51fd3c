"""dvc.yaml: each stage depends on all the code it imports, and on no other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.params import Params

ROOT = Path(__file__).parents[1]
DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = {name: stage.get("do", stage) for name, stage in DVC["stages"].items()}


def module_file(name: str) -> Path | None:
    """The file of a module of ours, named with dots."""
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def holds_code(path: Path) -> bool:
    """Whether a file holds more than a docstring: a package's may not."""
    body = ast.parse(path.read_text("utf-8")).body
    return len(body) > (ast.get_docstring(ast.Module(body, [])) is not None)


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py too.
    parents = {".".join(n.split(".")[:i]) for n in names for i in range(1, n.count(".") + 1)}
    return {name for name in names | parents if name.split(".")[0] == "pipeline"}


def imported_files(start: Path) -> set[Path]:
    """The files of ours that `start` imports, directly or not, itself included."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [file for name in imported_names(path) if (file := module_file(name))]
    return {path for path in found if holds_code(path)}


def listed_files(stage: dict) -> set[Path]:
    """The Python files that a stage's deps name, those below folders included."""
    paths = [ROOT / dep for dep in stage["deps"] if dep.startswith("pipeline/")]
    files = {f for p in paths for f in (p.rglob("*.py") if p.is_dir() else [p])}
    return {f for f in files if f.suffix == ".py" and holds_code(f)}


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_transitive_imports(name):
    imported = imported_files(ROOT / "pipeline" / "stages" / f"{name}.py")
    listed = listed_files(STAGES[name])
    missing = sorted(str(p.relative_to(ROOT)) for p in imported - listed)
    unused = sorted(str(p.relative_to(ROOT)) for p in listed - imported)
    assert (missing, unused) == ([], [])


def test_the_check_sees_an_import_of_an_import():
    assert ROOT / "pipeline/nn/layers.py" in imported_files(ROOT / "pipeline/stages/classifier.py")


@pytest.mark.parametrize("name", STAGES)
def test_command_runs_its_own_module_on_declared_paths(name):
    stage = STAGES[name]
    words = stage["cmd"].split()
    launcher = "${launcher}" if name in ("features", "pca", "cnn") else "python"
    assert words[:3] == [launcher, "-m", f"pipeline.stages.{name}"]
    outs = [*stage.get("outs", []), *stage.get("metrics", [])]
    declared = {o if isinstance(o, str) else next(iter(o)) for o in outs} | set(stage["deps"])
    paths = [word for word in words[3:] if word != "${key}"]
    undeclared = ["models/checkpoints"] if name == "cnn" else []  # gone when the stage is done
    assert [path for path in paths if path not in declared] == undeclared


@pytest.mark.parametrize("name", STAGES)
def test_params_are_keys_of_the_models(name):
    for param in STAGES[name]["params"]:
        section, *rest = param.split(".")
        field = Params.model_fields[section]
        if rest and section not in ("classifiers", "cnns", "stacks", "sweeps", "comparisons"):
            assert rest[0] in field.annotation.model_fields


def test_template_is_a_dependency_of_the_report():
    assert "pipeline/page.html.jinja" in STAGES["report"]["deps"]


def test_every_knob_of_features_that_decides_vectors_reaches_a_stage():
    speed = {"batch_size", "compile", "device"}
    keys = {p.split(".")[1] for n in ("weights", "features") for p in STAGES[n]["params"]}
    assert keys | speed == set(Params.model_fields["features"].annotation.model_fields)
