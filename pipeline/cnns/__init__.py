"""Stage `cnn`: one run of section `cnns`, a PyTorch network on pixels.

Reads `data/images`, `data/pixels` and, for a transfer, `models/pretrained`; writes predictions,
model, history, training, times and explanations of the run, and checkpoints while it trains.
Reading order: `architectures`, `standardization`, `transfer` and `network` (what is trained),
`inputs`, `augmentation`, `schedules` and `optimization` (how), `training`, `checkpoints`, `trained`
(what comes out), `repeats`, `explanations`; `memory` is what the process keeps.
"""
