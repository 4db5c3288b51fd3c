"""dvc.yaml: each stage depends on the code that it imports, and says where its files lie."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

from pipeline.__main__ import perform
from pipeline.core.errors import UserError
from pipeline.core.schema import Strict
from pipeline.params import load_params

ROOT = Path(__file__).parents[1]
DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = {name: stage.get("do", stage) for name, stage in DVC["stages"].items()}
FOLDERS = {  # of the stages that are not called as their folder
    "weights": "backbones", "classifier": "classifiers", "cnn": "cnns", "stack": "stacks",
    "sweep": "sweeps", "comparison": "comparisons",
}  # fmt: skip
UNLISTED = {  # keys that a stage is handed though its results do not follow from them
    "features": {
        *(f"features.{key}" for key in ("backbone", "weights", "seed")),  # which weights depends on
        *(f"features.{key}" for key in ("engine", "batch_size", "device")),  # how fast it is
    },
    # The first two are its own; near copies it does not look at.
    "comparison": {"ingest.split.by", "ingest.split.seed", "ingest.split.near_duplicates"},
}
DOTTED = re.compile(r"(pipeline(?:\.\w+)+):\w+")  # as a schema names what it is of
PACKAGE = re.compile(r"(pipeline(?:\.\w+)+)\.")  # before the name of one of its modules


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
    """Modules of ours that a file imports, or names for others to import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and (found := DOTTED.fullmatch(node.value))
        ):
            names.add(found.group(1))
        elif (
            isinstance(node, ast.JoinedStr)
            and isinstance(node.values[0], ast.Constant)
            and (found := PACKAGE.fullmatch(str(node.values[0].value)))
        ):
            folder = ROOT.joinpath(*found.group(1).split("."))
            names.update(f"{found.group(1)}.{module.stem}" for module in folder.glob("*.py"))
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py too.
    parents = {".".join(n.split(".")[:i]) for n in names for i in range(1, n.count(".") + 1)}
    return {name for name in names | parents if name.split(".")[0] == "pipeline"}


def imported_files(*starts: Path) -> set[Path]:
    """The files of ours that `starts` import, directly or not, themselves included."""
    found: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [file for name in imported_names(path) if (file := module_file(name))]
    return {path for path in found if holds_code(path)}


def stage_files(name: str) -> set[Path]:
    """The files that a stage runs."""
    return imported_files(ROOT / "pipeline" / FOLDERS.get(name, name) / "stage.py")


def code_deps(name: str) -> list[Path]:
    return [ROOT / dep for dep in STAGES[name]["deps"] if dep.startswith("pipeline/")]


def data_paths(stage: dict) -> list[str]:
    """Deps, outs and metrics that are no code."""
    listed = [*stage["deps"], *stage["outs"], *stage.get("metrics", [])]
    names = [path if isinstance(path, str) else next(iter(path)) for path in listed]
    return [name for name in names if not name.startswith(("pipeline/", "${"))]


def test_each_stage_has_a_folder_with_a_stage_a_schema_and_words_about_it():
    assert {FOLDERS.get(name, name) for name in STAGES} <= {
        path.parent.name for path in (ROOT / "pipeline").glob("*/stage.py")
    }
    for folder in (path.parent for path in (ROOT / "pipeline").glob("*/stage.py")):
        assert (folder / "params.py").exists() or folder.name in ("backbones", "layers", "novelty")
    for init in (ROOT / "pipeline").rglob("__init__.py"):
        said = ast.get_docstring(ast.parse(init.read_text("utf-8")))
        assert said is not None, init
        assert len(said) > 40, init


def test_each_package_has_its_folder_of_tests():
    packages = {file.parent.name for file in (ROOT / "pipeline").glob("*/*.py") if holds_code(file)}
    tests = (file.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py"))
    folders = {file.parts[0] for file in tests if len(file.parts) > 1}
    assert folders == {*packages, "end_to_end"}


def test_only_commands_lie_beside_the_packages():
    there = {path.name for path in (ROOT / "pipeline").glob("*.py")}
    assert there == {
        "__init__.py",
        "__main__.py",
        "clean.py",
        "command.py",
        "params.py",
        "predict.py",
    }


@pytest.mark.parametrize("name", STAGES)
def test_all_that_is_imported_lies_below_the_deps(name):
    deps = code_deps(name)
    missing = {f for f in stage_files(name) if not {f, *f.parents} & set(deps)}
    assert sorted(str(f.relative_to(ROOT)) for f in missing) == []


@pytest.mark.parametrize("name", STAGES)
def test_every_dep_is_imported(name):
    used = {parent for f in stage_files(name) for parent in (f, *f.parents)}
    assert [str(d.relative_to(ROOT)) for d in code_deps(name) if d not in used] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_no_other_stages_nor_the_runners(name):
    others = {path.parent for path in (ROOT / "pipeline").glob("*/stage.py")}
    others -= {ROOT / "pipeline" / folder for folder in ("classifiers", "backbones")}
    others.discard(ROOT / "pipeline" / FOLDERS.get(name, name))
    assert not [f for f in stage_files(name) if f.parent in others]
    top = {ROOT / "pipeline" / f"{module}.py" for module in ("__main__", "command", "params")}
    assert not stage_files(name) & top


def test_the_check_sees_imports_of_imports_dotted_names_and_modules_of_a_package():
    files = stage_files("classifier")
    assert ROOT / "pipeline/nn/layers.py" in files
    assert ROOT / "pipeline/classifiers/logistic.py" in files
    assert ROOT / "pipeline/cnns/architectures/vgg.py" in stage_files("cnn")


@pytest.mark.parametrize("name", STAGES)
def test_the_command_is_the_runners(name):
    launcher = "${launcher}" if name in ("features", "pca", "cnn") else "python"
    entry = " ${key}" if "foreach" in DVC["stages"][name] else ""
    assert STAGES[name]["cmd"] == f"{launcher} -m pipeline {name}{entry}"


def test_every_path_is_one_that_an_artifact_knows():
    known = {"models/pretrained", "data/${item.input}"}
    for file in (ROOT / "pipeline/artifacts").glob("*.py"):
        module = importlib.import_module(f"pipeline.artifacts.{file.stem}")
        for name, value in vars(module).items():
            if isinstance(value, Path):
                known.add(str(value))
            elif name.endswith("_path") and inspect.isfunction(value):
                arguments = list(inspect.signature(value).parameters)
                if arguments == ["folder"]:
                    known.add(str(value()))
                elif arguments[1:] in ([], ["folder"]):
                    known.add(str(value("${key}")))
    known |= {str(Path(path).with_suffix(".json")) for path in known if Path(path).suffix}
    folders = {str(parent) for path in known for parent in Path(path).parents}
    for stage in STAGES.values():
        assert [path for path in data_paths(stage) if path not in known | folders] == []


def leaves(value, *keys):
    """The keys to each value of params."""
    if isinstance(value, Strict):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if not isinstance(value, dict):
        yield keys
        return
    for key, part in value.items():
        yield from leaves(part, *keys, key)


def changed(value, *keys):
    """A copy with another value there."""
    if not keys:
        return "changed"
    key, *rest = keys
    if isinstance(value, dict):
        return value | {key: changed(value[key], *rest)}
    return value.model_copy(update={key: changed(getattr(value, key), *rest)})


def handed(stage, entry, params, monkeypatch):
    """The arguments that the runner calls the stage's function with; None: it finds no entry."""
    calls = []
    there = SimpleNamespace(**{stage: lambda *args, **options: calls.append((args, options))})
    monkeypatch.setitem(sys.modules, f"pipeline.{FOLDERS.get(stage, stage)}.stage", there)
    try:
        perform(stage, entry, params, share=None)
    except (KeyError, UserError):
        return None
    (call,) = calls
    return call


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("name", STAGES)
def test_the_params_are_what_the_stage_is_handed(name, monkeypatch):
    params = load_params(ROOT / "params.yaml")
    entries = getattr(params, DVC["stages"][name].get("foreach", "").strip("${}"), {"": None})
    key, item = next(iter(entries.items()))
    listed = [
        param.replace("${key}", key).replace("${item.base}", getattr(item, "base", ""))
        for param in STAGES[name]["params"]
    ]
    before = handed(name, key, params, monkeypatch)
    assert before is not None
    used = {
        ".".join(map(str, keys))
        for keys in leaves(params)
        if handed(name, key, changed(params, *keys), monkeypatch) != before
    }
    below = {param: {key for key in used if f"{key}.".startswith(f"{param}.")} for param in listed}
    assert [param for param in listed if not below[param]] == []
    assert used.difference(*below.values()) == UNLISTED.get(name, set())


def test_dvc_yaml_can_be_read():
    assert len((ROOT / "dvc.yaml").read_text("utf-8").splitlines()) < 300
