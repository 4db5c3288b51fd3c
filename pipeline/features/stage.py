"""Stage features: data/images, models/backbone -> data/features, only what is missing there."""

from __future__ import annotations

import time

from pipeline.artifacts import images, models
from pipeline.artifacts.vectors import VectorStore
from pipeline.backbones.backbone import Backbone
from pipeline.compute.devices import choose_device
from pipeline.compute.distributed import World
from pipeline.compute.parallel import cores
from pipeline.core.console import counted
from pipeline.core.parquet import Shards
from pipeline.features.extraction import Execution, Extractor
from pipeline.features.missing import extract, plan
from pipeline.features.params import Features


def features(params: Features, *, share: str | None) -> str:
    """Compute the vectors that are missing, or of them the I-th of N shares, `share` I/N; returns
    what was done. Errors: `UserError`."""
    world = World.parse(share) if share else World.from_env()
    what = "features" if world.size == 1 else f"features {world.rank}/{world.size}"
    pictures = Shards(images.PATH)
    extractor = make_extractor(Backbone.load(models.BACKBONE), params, world)
    store = VectorStore.of(extractor.dimension, extractor.provenance)
    work = plan(pictures, store, world)
    extractor.expect(work.new)
    start = time.perf_counter()
    extract(work, store, extractor, what=what)
    seconds = time.perf_counter() - start
    if not work.pictures:
        return f"{what}: idle, {counted(len(pictures.paths), 'shard')} for {world.size} processes"
    return (
        f"{what}: {work.pictures} x {store.dimension} {extractor.provenance['layer']}, {work.new} "
        f"computed in {seconds:.1f} s ({work.new / seconds:.0f}/s) on {extractor.mode}"
    )


def make_extractor(backbone: Backbone, params: Features, world: World) -> Extractor:
    """The extractor of `params`, on this process's part of the machine."""
    return Extractor(
        backbone,
        layer=params.layer,
        resize=params.resize,
        scaled_decoding=params.scaled_decoding,
        precision=params.precision,
        execution=Execution(
            device=str(choose_device(params.device, local_rank=world.local_rank)),
            decoder=params.decoder,
            batch_size=params.batch_size,
            compile=params.compile,
            threads=max(1, cores() // world.local_size),
        ),
    )
