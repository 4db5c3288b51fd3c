"""Stage `classifier`: one run of section `classifiers`, all its trainings.

Reads `data/images` and what the run's `input` names; writes predictions, model, history, training
and times of the run. Reading order: `params` (the kinds of runs) with `bounds` (what their knobs
may be), `estimator` (what all classifiers share), `network`, `perceptrons`, `convnet` and
`boosting` (of `pipeline.nn`), `neighbors` with `similarity`, `linear` with `logistic` and `ridge`;
then `inputs`, `runs` (one training), `folds`, `repeats` (all of a run).
"""
