"""Stage `insight`: what the scores say beyond themselves.

Reads predictions, scores and `data/images`; writes `reports/insight`. `differences`: which runs are
told apart; `doubts`: which labels may be wrong; `calibration`: whether
scores are probabilities; `conformal`: sets of classes that hold the right one.
"""
