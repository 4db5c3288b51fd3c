"""The PCA as scikit-learn wants its estimators."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.pca.streaming import StreamingPCA


@parametrize_with_checks([StreamingPCA(n_components=1), StreamingPCA(1, whiten=True, sample=50)])
@pytest.mark.filterwarnings("ignore:SCIPY_ARRAY_API is not set")
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_features_are_refused(dtype):
    X = np.random.default_rng(0).normal(size=(60, 500)).astype(dtype)
    with pytest.raises(ValueError, match="expecting 500 features"):
        StreamingPCA(7).fit(X).transform(X[:, 1:])
