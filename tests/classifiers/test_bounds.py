"""What a knob may be stands once, for the schema and for the estimator."""

from __future__ import annotations

import types
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

from pipeline.classifiers.params import ClassifierRun
from pipeline.core.dotted import dotted

RUNS = get_args(get_args(ClassifierRun)[0])


def hints(thing):
    return get_type_hints(thing, include_extras=True)


def parameters(run):
    """Of the constructor of its estimator -> their annotations."""
    return hints(dotted(run.estimator).__init__)


def allowed(annotation):
    """The members of a union, or the type alone; None for `none`."""
    union = get_origin(annotation) in (Union, types.UnionType)
    members = get_args(annotation) if union else [annotation]
    return [types.NoneType if member == Literal["none"] else member for member in members]


@pytest.mark.parametrize(
    ("run", "name"),
    [(run, name) for run in RUNS for name in run.model_fields if name in parameters(run)],
)
def test_the_schema_and_the_estimator_have_the_same_type(run, name):
    assert allowed(hints(run)[name]) == allowed(parameters(run)[name])
