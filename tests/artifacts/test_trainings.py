"""What a run's trainings made comes back as it was written."""

from __future__ import annotations

from pipeline.artifacts.trainings import read_training, training_path, write_training
from pipeline.measure.accuracy import Tried


def test_what_was_written_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.write_bytes(b"x" * 2000)
    path = [Tried(0.1, 0.5, 1.25), Tried(1.0, 0.75, 0.5)]
    write_training(
        "a", model, parameters=7, seconds=[1.0, 2.0], residual_norms=[[0.5]], dropped=3, path=path,
        temperature=1.5,
    )  # fmt: skip
    found = read_training(training_path("a"))
    assert (found.repeats, found.parameters, found.megabytes) == (2, 7, 0.002)
    assert (found.residual_norms, found.dropped, found.path) == ([[0.5]], 3, path)
    assert found.temperature == 1.5
