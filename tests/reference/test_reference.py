"""The page that is written from schemas and registries."""

from typing import Annotated, Literal

from project import ROOT
from pydantic import BeforeValidator, Field

from pipeline.core.schema import OffOr, Strict
from pipeline.reference.__main__ import PAGE, reference
from pipeline.reference.keys import keys_table, kinds_table


def test_the_page_is_fresh():
    assert (ROOT / PAGE).read_text("utf-8") == reference(), "run make docs"


def test_the_table_of_a_model():
    class Inner(Strict):
        size: Annotated[int, Field(ge=2)] = 3
        """Of a side."""

    class Base(Strict):
        rate: Annotated[float, Field(gt=0, le=1)] | OffOr
        """How
        fast."""

    class Model(Base):
        """A model.

        More of it.
        """

        kind: Literal["one"]
        inner: Inner
        names: tuple[str, ...] | None = None
        """Of all."""
        columns: Annotated[
            tuple[str, ...], BeforeValidator(list, json_schema_input_type=str | tuple[str, ...])
        ]
        """Or one."""

    assert keys_table(Model).splitlines()[2:] == [
        "| `rate` | number > 0 and ≤ 1, `none` |  | How fast. |",
        "| `inner.size` | integer ≥ 2 | `3` | Of a side. |",
        "| `names` | list of: text | left out | Of all. |",
        "| `columns` | text, list of: text |  | Or one. |",
    ]
    assert kinds_table([Model], Base).splitlines()[2:] == [
        "| `one` | A model. | `inner`, `names`, `columns` |"
    ]


def test_a_key_without_a_docstring_is_named(refused):
    class Bare(Strict):
        size: int
        """Of a side."""
        weight: float

    with refused(__name__, "Bare.weight has no docstring", "below it"):
        keys_table(Bare)
