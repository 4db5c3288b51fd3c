"""Neural networks in NumPy, gradients by hand.

Reading order: `layers` (what a network is made of), `losses` (what it minimises), `optimizers` (how
it descends), `network` (layers in sequence and one epoch of training), `estimator` (what the
scikit-learn estimators share), `classifiers` (`SNNClassifier`, `AdamClassifier`) and `boosting`
(`BoostedClassifier`).
"""
