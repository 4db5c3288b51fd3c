from gradients import (  # noqa: F401
    assert_gradients,
    assert_is_gradient,
    assert_same_as_torch,
    rng,
)
