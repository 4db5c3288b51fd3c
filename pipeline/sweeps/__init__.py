"""Stage `sweep`: a classifier with each combination of other values.

Reads `data/images` and the classifier's input, writes `reports/sweeps/NAME.csv` and times.
"""
