"""Stage features: data/images, models/backbone -> data/features, only what is missing there."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from pipeline.backbones import Backbone
from pipeline.console import counted, run
from pipeline.devices import choose_device
from pipeline.distributed import World
from pipeline.extraction import Execution, Extractor
from pipeline.incremental import extract, plan
from pipeline.parallel import cores
from pipeline.params import Features, load_params
from pipeline.tables import Shards
from pipeline.vectors import VectorStore


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.features", description=__doc__)
    for name in ("images_dir", "backbone_path", "features_dir"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--shard", metavar="I/N", help="do the I-th (from 0) of N shares alone")
    arguments = parser.parse_args()
    world = World.parse(arguments.shard) if arguments.shard else World.from_env()
    what = "features" if world.size == 1 else f"features {world.rank}/{world.size}"
    images = Shards(arguments.images_dir)
    extractor = make_extractor(
        Backbone.load(arguments.backbone_path), load_params().features, world
    )
    store = VectorStore.of(arguments.features_dir, extractor.dimension, extractor.provenance)
    work = plan(images, store, world)
    extractor.expect(work.new)
    start = time.perf_counter()
    extract(work, store, extractor, what=what)
    seconds = time.perf_counter() - start
    if not work.pictures:
        print(f"{what}: idle, {counted(len(images.paths), 'shard')} for {world.size} processes")
        return
    print(
        f"{what}: {work.pictures} x {store.dimension} {extractor.provenance['layer']}, {work.new} "
        f"computed in {seconds:.1f} s ({work.new / seconds:.0f}/s) on {extractor.mode}"
    )


if __name__ == "__main__":
    run(main)
