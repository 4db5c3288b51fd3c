"""Atelier: from a folder of pictures to compared, explained classifiers.

    weights ─ features ── pca ─┬─ classifier@NAME ── stack@NAME ─┬─ evaluate ── report
    ingest ─┴─ pixels ─┬───────┴─ sweep@NAME, comparison@NAME ───┤
                       └─ cnn@NAME ──────────────────────────────┘

`dvc.yaml` holds the paths, `params.yaml` the knobs. To read the code, follow the data:
`sources/`, `ingestion.py` and `spool.py` (pictures), `selection.py`, `splitting.py`, `audit.py`
with `findings.py` and `hashing.py` (what is wrong with them), `backbones.py`; `preparation.py`,
`inference.py`, `extraction.py`, `vectors.py` and `incremental.py` (features: pictures made ready, a
fast network, both in step, what is kept, what is missing); `decomposition.py` and `rows.py`
(components), `pixels.py`, `inputs.py` (what classifiers see); `estimator.py` (what they share),
`nn/`, `neighbors.py` with `similarity.py`, `logistic.py`, and `runs.py` (classifiers), `folds.py`,
`stacking.py`, `sweeps.py`, `comparison.py`; `cnns/`, `networks.py`, `augmentation.py`,
`schedules.py`, `training.py`, `checkpoints.py` and `explanations.py` (PyTorch networks on pixels);
`accuracy.py`, `metrics.py` and `intervals.py` (scores), `charts.py` and `page.html.jinja` (the
page).
`presets.py` and `tiny.py` put a published experiment into `params.yaml`.
`stages/` calls them, one file per stage; `tables.py` is what lies between two stages,
`distributed.py` what lies between processes.
"""
