"""Published experiments by name: lists them, gets their pictures, puts one into params.yaml."""

from __future__ import annotations

import argparse

from pipeline.command import run
from pipeline.presets.catalogue import COMMAND, presets_table
from pipeline.presets.get import get
from pipeline.presets.use import use


def main() -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    commands = parser.add_subparsers(dest="command", title="without a command it lists them")
    user = commands.add_parser("use", help="put a preset in place of params.yaml, which is kept")
    user.add_argument("name")
    user.add_argument("--tiny", action="store_true", help="shrink it to run in about a minute")
    user.add_argument("--force", action="store_true", help="whatever git says of params.yaml")
    getter = commands.add_parser("get", help="fetch its pictures, or say how, and count them")
    getter.add_argument("name")
    arguments = parser.parse_args()
    if arguments.command == "use":
        print(use(arguments.name, tiny=arguments.tiny, force=arguments.force))
    elif arguments.command == "get":
        print(get(arguments.name))
    else:
        print(presets_table())


if __name__ == "__main__":
    run(main)
