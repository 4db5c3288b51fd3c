"""Atelier: from a folder of pictures to compared, explained classifiers.

    ingest ─┬─ features ── pca ── classifier@NAME ── evaluate ── report
    weights ┘

`dvc.yaml` holds the paths, `params.yaml` the knobs. To read the code, follow the data:
`sources/` and `ingestion.py` (pictures), `splitting.py`, `backbones.py`; `preparation.py`,
`inference.py`, `extraction.py`, `vectors.py` and `incremental.py` (features: pictures made ready, a
fast network, both in step, what is kept, what is missing); `decomposition.py` (components), `nn/`
and `runs.py` (networks), `metrics.py` (scores), `charts.py` and `page.html.jinja` (the page).
`stages/` calls them, one file per stage; `tables.py` is what lies between two stages,
`distributed.py` what lies between processes.
"""
