"""Neural networks in NumPy, gradients by hand.

Reading order: `layers`, `convolution`, `pooling` and `normalization` (what a network is made of),
`initialization` (where it starts), `losses` (what it minimises), `optimizers` and `decay` (how
it descends), `network` (layers in sequence and one epoch of training), `convnet` (layers for
pictures in sequence), `replicas` (training in processes). `pipeline.classifiers` makes scikit-learn
estimators of them.
"""
