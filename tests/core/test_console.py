"""What is printed."""

from pipeline.core.console import counted


def test_one_is_no_plural():
    assert [counted(n, "test picture") for n in (0, 1, 2)] == [
        "0 test pictures", "1 test picture", "2 test pictures",
    ]  # fmt: skip
