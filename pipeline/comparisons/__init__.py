"""Stage `comparison`: a classifier under splits by picture and by artist.

Reads `data/images` and the classifier's input, writes `reports/comparisons/RUN.csv`.
"""
