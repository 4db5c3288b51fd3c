"""Atelier: from a folder of pictures to compared, explained classifiers.

    weights ─ features ── pca ─┬─ classifier@NAME ── stack@NAME ─┐
    ingest ─┴─ pixels ─┬───────┤                                 ├─ evaluate ─┐
                       ├─ cnn@NAME ──────────────────────────────┘  insight ──┼─ report
                       └───────┴─ sweep@NAME, comparison@NAME, curve ─────────┘

A section of `params.yaml` is a folder here, a stage of `dvc.yaml` and a folder of `tests`. In the
folder, `params.py` says what the section may hold, `stage.py` what the stage reads, calls and
writes; the rest is the library that only it uses. Two things are otherwise: section `features`
feeds two stages, `weights` in `backbones` and `features`; `launcher` feeds none. `layers` and
`novelty`, which serves `predict` alone, have no section of their own.

Two stages know nothing of each other but the files between them, which have a module each in
`artifacts`. Below these lie `measure`, `compute` and `core`, which knows nothing of the others;
`nn` holds neural networks in NumPy and knows arrays and processes alone. `classifiers` and
`backbones` are used by other stages too.

`python -m pipeline STAGE [NAME]` runs a stage, `python -m pipeline.params` checks params.yaml,
`python -m pipeline.predict` takes new pictures, `python -m pipeline.next` says which to label,
`python -m pipeline.presets` published experiments,
`python -m pipeline.clean` removes what runs left that are no longer there,
`python -m pipeline.reference` writes docs/reference.md.
"""
