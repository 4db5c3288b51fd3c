"""Stage features: data/images, models/backbone -> data/vectors, only what is missing there."""

from __future__ import annotations

import time
from typing import Any

from pipeline.artifacts import images, models
from pipeline.artifacts.vectors import VECTORS, VectorStore
from pipeline.backbones.backbone import Backbone
from pipeline.backbones.recipe import Recipe
from pipeline.compute.devices import choose_device
from pipeline.compute.distributed import World
from pipeline.compute.parallel import cores
from pipeline.core.console import counted
from pipeline.core.parquet import Shards
from pipeline.core.schema import Precision
from pipeline.features.extraction import Execution, Extractor
from pipeline.features.missing import expect, extract, plan, tidy
from pipeline.features.params import Features
from pipeline.features.provenance import provenance


def features(params: Features, *, share: str | None) -> str:
    """Compute the vectors that are missing, or of them the I-th of N shares, `share` I/N; returns
    what was done. Errors: `UserError`.

    The backbone is loaded only where there is something to do: it takes seconds.
    """
    world = World.parse(share) if share else World.from_env()
    what = "features" if world.size == 1 else f"features {world.rank}/{world.size}"
    pictures = Shards(images.PATH)
    found = VectorStore.found(wanted(params), VECTORS)
    work = plan(pictures, found, world) if found is not None else None
    if found is not None and work is not None and not work.missing:
        tidy(work, found)
        if not work.pictures:
            return idle(what, pictures, world)
        return f"{what}: {work.pictures} x {shape(found)}, 0 computed"
    precision = found.provenance["precision"] if found is not None else params.precision
    backbone = Backbone.load(models.backbone_path())
    extractor = make_extractor(backbone, params, precision, world)
    work = work or plan(pictures, VectorStore.of(extractor.provenance, VECTORS), world)
    expect(work, extractor, pictures, alone=world.size == 1)
    store = VectorStore.of(extractor.provenance, VECTORS)
    start = time.perf_counter()
    extract(work, store, extractor, what=what)
    seconds = time.perf_counter() - start
    if not work.pictures:
        return idle(what, pictures, world)
    anew = f", {counted(work.damaged, 'damaged shard')} made anew" if work.damaged else ""
    return (
        f"{what}: {work.pictures} x {shape(store)}, {work.new} "
        f"computed in {seconds:.1f} s ({work.new / seconds:.0f}/s) on {extractor.mode}{anew}"
    )


def shape(store: VectorStore) -> str:
    """Features per picture, in words."""
    layers = counted(len(store.widths), "layer")
    return f"{store.dimension} of {layers}, {store.provenance['pool']}"


def idle(what: str, pictures: Shards, world: World) -> str:
    """Of a process that has no share."""
    return f"{what}: idle, {counted(len(pictures.paths), 'shard')} for {world.size} processes"


def wanted(params: Features) -> dict[str, Any]:
    """What `params` say of the vectors' provenance: auto takes the precision of those there."""
    chosen = {} if params.precision == "auto" else {"precision": params.precision}
    return chosen | provenance(
        Recipe.load(models.backbone_path()).at(params.size),
        layers=params.layers,
        pool=params.pool,
        resize=params.resize,
        scaled_decoding=params.scaled_decoding,
        decoder=params.decoder,
    )


def make_extractor(
    backbone: Backbone, params: Features, precision: Precision, world: World
) -> Extractor:
    """The extractor of `params`, on this process's part of the machine."""
    return Extractor(
        backbone.at(params.size),
        layers=params.layers,
        pool=params.pool,
        resize=params.resize,
        scaled_decoding=params.scaled_decoding,
        precision=precision,
        execution=Execution(
            device=str(choose_device(params.device, local_rank=world.local_rank)),
            decoder=params.decoder,
            batch_size=params.batch_size,
            engine=params.engine,
            threads=max(1, cores() // world.local_size),
        ),
    )
