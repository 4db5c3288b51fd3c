"""Stage `layers`: the layers that tell the classes apart, put together.

Reads `data/images` and `data/vectors`, writes `data/features` and `reports/layers.csv`. Reading
order: `together` (layers on one scale), `probe` (how well each tells the classes apart).
"""
