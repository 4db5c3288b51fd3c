"""Stage `evaluate`: every run scored once on the test pictures.

Reads predictions, histories and the artists in `data/images`, writes `reports/metrics.json`, three
numbers a run, and tables: `reports/scores.csv` with all of them, curves, classes, thresholds, ROC,
folds, confusion.
"""
