"""Stage `insight`: what the scores say beyond themselves.

Reads predictions, scores, models, the audit, `data/images` and `data/pixels`; writes
`reports/insight`, and `models/conformal.json` for `predict`. `differences`: which runs are told
apart; `copies`: what test pictures with a near copy in training do to the accuracy; `calibration`:
whether scores are probabilities; `conformal`: sets of classes that hold the right one; `shortcuts`:
what `cues` that see nothing of a picture tell of its class; `doubts`: which labels may be wrong.
"""
