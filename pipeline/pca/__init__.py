"""Stage `pca`: principal components, fitted on the training pictures.

Reads `data/images` and `data/features`, writes `models/pca`, `data/components` and
`reports/explained_variance.csv`. `decomposition` is the algorithm on `rows` that need not fit in
memory, `streaming` the same for scikit-learn, `projection` its use on shards, `files` what is kept.
"""
