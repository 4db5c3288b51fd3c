"""Stage `weights`: the frozen backbone and where its weights come from.

Reads `models/pretrained`, writes `models/backbone`. `recipe` is what is known of a backbone beside
its tensors, `backbone` the network, `weights` its origins: packaged, downloaded, random or a file;
`checkpoints` reads that, `fitting` finds the network in it.
Its parameters are `backbone`, `weights` and `seed` of section `features`.
"""
