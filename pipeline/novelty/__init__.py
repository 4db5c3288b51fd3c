"""Stage `novelty`: how far from the training pictures a picture may be to be answered.

Reads `data/images` and `data/features`, writes `models/novelty`, which `python -m pipeline.predict`
asks. `neighbours`: the distance, and from where on it is too far.
"""
