"""Random changes of pictures: what they do to a picture, and that each picture has its own draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.cnns.augmentation import (
    CHANGES,
    MIXTURES,
    PrincipalColours,
    augmentation,
    crop,
    cutmix,
    flip,
    jitter,
    mixed,
    mixup,
    resized_crop,
    rotate,
)
from pipeline.cnns.params import Augment


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def pictures(generator):
    return torch.rand(64, 3, 8, 8, generator=generator)


def test_flip_turns_half_of_the_pictures(generator):
    x = torch.rand(1000, 1, 2, 3, generator=generator)
    y = flip(x, generator=generator)
    turned, kept = ((y == other).flatten(1).all(1) for other in (x.flip(3), x))
    assert (turned ^ kept).all()
    assert turned.float().mean() == pytest.approx(0.5, abs=0.05)


def test_crop_moves_each_picture_by_each_distance_as_often(generator):
    x = torch.zeros(9000, 1, 5, 5)
    x[:, :, 2, 2] = 1
    y = crop(x, 1, generator=generator)
    assert (y.sum((1, 2, 3)) == 1).all()
    torch.testing.assert_close(y.mean(0)[0, 1:4, 1:4], torch.full((3, 3), 1 / 9), atol=0.02, rtol=0)


def test_what_a_crop_takes_from_outside_is_0(generator):
    y = crop(torch.ones(200, 2, 4, 4), 2, generator=generator)
    assert set(y.unique().tolist()) == {0, 1}
    assert y.sum((1, 2, 3)).min() == 2 * 2 * 2


def test_rotation_by_a_right_angle_is_rot90(pictures, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda n, **_: torch.ones(n))  # the largest angle
    y = rotate(pictures, 90.0, generator=torch.Generator())
    expected = [torch.rot90(pictures, k, (2, 3)) for k in (1, -1)]
    assert any(torch.allclose(y, e, atol=1e-5) for e in expected)


def test_rotation_keeps_shapes_on_pictures_that_are_not_square():
    x = torch.zeros(1, 1, 9, 33)
    x[:, :, 4] = 1  # a horizontal line through the middle
    generator = torch.Generator().manual_seed(3)
    y = rotate(x, 20.0, generator=generator)
    columns = y[0, 0].sum(0)
    rows = (y[0, 0] * torch.arange(9.0)[:, None]).sum(0) / columns.clamp(min=1e-6)
    inside = slice(14, 19)  # where the turned line is still in the picture
    slope = np.polyfit(np.arange(5), rows[inside].numpy(), 1)[0]
    angle = 20 * (2 * torch.rand(1, generator=torch.Generator().manual_seed(3)).item() - 1)
    assert abs(slope) == pytest.approx(abs(np.tan(np.radians(angle))), abs=0.05)


def test_a_whole_window_changes_nothing(pictures, monkeypatch, generator):
    torch.testing.assert_close(
        resized_crop(torch.ones(50, 1, 6, 6), 0.3, generator=generator), torch.ones(50, 1, 6, 6)
    )
    monkeypatch.setattr(torch, "rand", lambda n, **_: torch.full((n,), 0.5))
    y = resized_crop(pictures, 1.0, generator=generator)  # area 1, aspect 1
    torch.testing.assert_close(y, pictures, atol=1e-5, rtol=1e-5)


def test_windows_are_as_large_as_asked_for(generator):
    """A horizontal ramp seen through a window keeps a share of its rise: the window's width."""
    x = torch.linspace(0, 1, 64).expand(500, 1, 64, 64)
    y = resized_crop(x, 0.25, generator=generator)
    widths = (y[:, 0, :, 40] - y[:, 0, :, 24]).mean(1) / (x[0, 0, 0, 40] - x[0, 0, 0, 24])
    assert widths.max() <= 1.001
    assert widths.min() == pytest.approx((0.25 * 3 / 4) ** 0.5, abs=0.05)
    assert len(widths.round(decimals=3).unique()) > 100


def test_jitter_by_hand(generator):
    x = torch.full((100, 3, 2, 2), 0.5)  # neither contrast nor saturation to change
    y = jitter(x, 0.4, generator=generator)
    factors = y[:, 0, 0, 0] / 0.5
    torch.testing.assert_close(y, factors[:, None, None, None] * x)
    assert factors.min() > 0.6
    assert factors.max() < 1.4
    assert factors.std() == pytest.approx(0.8 / 12**0.5, rel=0.2)


def test_jitter_stays_in_the_range_of_pixels(pictures, generator):
    y = jitter(pictures, 1.0, generator=generator)
    assert y.min() >= 0
    assert y.max() <= 1
    grey = jitter(pictures[:, :1], 0.5, generator=generator)
    assert grey.shape == (64, 1, 8, 8)


def test_colour_shifts_have_the_covariance_of_the_pictures(generator):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 3)) * 10
    pixels = (rng.normal(size=(20, 16, 16, 3)) @ mixing + 128).clip(0, 255).astype(np.uint8)
    covariance = np.cov(pixels.reshape(-1, 3).T / 255)
    x = torch.zeros(20_000, 3, 1, 1)
    shifts = PrincipalColours(pixels).shift(x, 0.1, generator=generator)[:, :, 0, 0]
    np.testing.assert_allclose(np.cov(shifts.T), 0.01 * covariance, rtol=0.1, atol=1e-6)


def test_mixup_mixes_pictures_as_targets(pictures, generator):
    targets = torch.eye(64)
    x, mixture = mixed(pictures, targets, Augment(mixup=1.0), generator=generator)
    torch.testing.assert_close(mixture.sum(1), torch.ones(64))
    torch.testing.assert_close(x, torch.einsum("nm,mchw->nchw", mixture, pictures))


def test_cutmix_takes_the_share_of_the_window(generator):
    own, other = torch.zeros(2, 1, 16, 16), torch.tensor([1, 0])
    own[1] = 1
    for _ in range(20):
        x, share = cutmix(own, other, 1.0, generator=generator)
        assert 1 - x[0].mean().item() == pytest.approx(share)
        assert x[1].mean().item() == pytest.approx(share)


def test_shares_are_beta_distributed(generator):
    shares = [
        mixup(torch.zeros(1, 1, 1, 1), torch.tensor([0]), 0.4, generator=generator)[1]
        for _ in range(2000)
    ]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.1)


def test_nothing_named_changes_nothing(pictures, generator):
    change = augmentation(Augment(), colours=None)
    assert change(pictures, generator) is pictures
    targets = torch.eye(64)
    assert mixed(pictures, targets, Augment(), generator=generator) == (pictures, targets)


def test_every_change_together_keeps_the_shape_and_repeats(pictures):
    every = Augment(
        flip=True, crop=2, rotation=10, resized_crop=0.5, jitter=0.2, pca_colour=0.1,
    )  # fmt: skip
    colours = PrincipalColours((pictures.permute(0, 2, 3, 1) * 255).byte().numpy())
    change = augmentation(every, colours=colours)
    first, second = (change(pictures, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == pictures.shape
    assert torch.equal(first, second)
    assert not torch.equal(first, change(pictures, torch.Generator().manual_seed(2)))


def test_every_key_of_the_section_has_its_function():
    assert {*CHANGES, *MIXTURES, "pca_colour"} == set(Augment.model_fields)


def test_a_new_change_is_a_field_a_function_and_a_line(pictures, generator, monkeypatch):
    class More(Augment):
        darker: float = 0.0

    def darken(x, share, *, generator):
        return x * (1 - share * torch.rand(len(x), 1, 1, 1, generator=generator))

    monkeypatch.setitem(CHANGES, "darker", darken)
    y = augmentation(More(darker=0.5), colours=None)(pictures, generator)
    share = (y / pictures).amin((1, 2, 3))
    torch.testing.assert_close(y, pictures * share[:, None, None, None])
    assert 0.5 <= share.min() < share.max() <= 1
    assert augmentation(More(), colours=None)(pictures, generator) is pictures
