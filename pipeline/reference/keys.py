"""Keys of params.yaml in tables: what a schema allows, and the docstring below each field."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.markdown import markdown_table
from pipeline.core.schema import PATTERNS, Strict
from pipeline.params import kinds

BOUNDS = {
    "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
}  # fmt: skip
WORDS = {
    "integer": "integer", "number": "number", "string": "text", "boolean": "`true`, `false`",
}  # fmt: skip


def keys_table(*models: type[Strict]) -> str:
    """Of the fields of several models, each once; a model inside adds its own with a dot.

    Errors: `UserError` for a field without a docstring.
    """
    rows = {row[0]: row for model in models for row in _rows(model, "")}
    return markdown_table(("key", "allowed", "default", "meaning"), rows.values())


def kinds_table(models: Iterable[type[Strict]], base: type[Strict]) -> str:
    """Of models that are told apart by `kind`, with the keys that `base` has not."""
    rows = []
    for model in models:
        own = [f"`{key}`" for key in model.model_fields if key not in {"kind", *base.model_fields}]
        rows.append((f"`{kinds(model)[0]}`", said(model), ", ".join(own)))
    return markdown_table(("kind", "what it is", "its own keys"), rows)


def said(thing: Any) -> str:
    """The first paragraph of its docstring, in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _rows(model: type[Strict], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    schema = model.model_json_schema()
    inside = dict(_models(model))
    meanings = docstrings(model)
    for name, field in schema["properties"].items():
        if name == "kind":
            continue
        key = f"{prefix}{name}"
        parts = [part for part in (field, *field.get("anyOf", ())) if "$ref" in part]
        models = [inside[part["$ref"].rpartition("/")[2]] for part in parts]
        if name in meanings:
            default = "" if name in schema.get("required", ()) else _default(field.get("default"))
            yield f"`{key}`", _allowed(field), default, meanings[name]
        elif not models:
            raise UserError(
                f"{model.__module__}: {model.__name__}.{name} has no docstring: write what the key "
                "means as a string below it"
            )
        for other in models:
            yield from _rows(other, f"{key}.")


def _models(model: type[Strict]) -> Iterator[tuple[str, type[Strict]]]:
    """Those in the fields of a model, by name."""
    waiting = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if inspect.isclass(annotation) and issubclass(annotation, Strict):
            yield annotation.__name__, annotation
        waiting += getattr(annotation, "__args__", ())


def docstrings(model: type[Strict]) -> dict[str, str]:
    """Field -> the text below it, its own or inherited."""
    found = {}
    for base in reversed(model.__mro__[: model.__mro__.index(Strict)]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in pairwise(tree.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(below.value.value).split())
    return found


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "anyOf" in schema:
        return ", ".join(filter(None, (_allowed(part) for part in schema["anyOf"])))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema or "oneOf" in schema or schema.get("type") == "object":
        return "keys with values"
    if "pattern" in schema:
        return PATTERNS[schema["pattern"]]
    if schema.get("type") == "array":
        items = schema.get("items", schema.get("prefixItems", [{}])[0])
        return f"list of: {_allowed(items) or 'anything'}"
    word = WORDS.get(schema.get("type", ""), "")
    bounds = " and ".join(
        f"{sign} {schema[name]:,}" for name, sign in BOUNDS.items() if name in schema
    )
    return f"{word} {bounds}".strip()


def _default(value: Any) -> str:
    if value is None or value == {}:
        return "left out"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
