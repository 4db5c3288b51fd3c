"""Call the readers with damaged files for some time; status 1 where one does not cope."""

import argparse
import faulthandler
import secrets
import sys
import warnings
from pathlib import Path

from .formats import FORMATS
from .trying import MOST_SECONDS, fuzz

FINDINGS = Path(__file__).parent / "findings"
COLUMNS = ("kind", "tries", "accepted", "refused", "findings", "seconds", "slowest")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each kind (60)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--kind", choices=FORMATS, help="all where none is given")
    parser.add_argument("--keep", type=Path, default=FINDINGS, help="where findings are kept")
    options = parser.parse_args()
    print(f"seed {options.seed}, findings in {options.keep}")
    warnings.simplefilter("ignore")
    faulthandler.enable()  # says where, when C code ends the process
    print("".join(f"{name:>10}" for name in COLUMNS))
    findings = 0
    for kind in [options.kind] if options.kind else FORMATS:
        # C code that never returns is ended; its file is the last in `keep`.
        faulthandler.dump_traceback_later(options.seconds + 10 * MOST_SECONDS, exit=True)
        tally = fuzz(kind, options.seed, options.keep, seconds=options.seconds)
        findings += tally.findings
        values = [getattr(tally, name) for name in COLUMNS]
        print("".join(f"{v:10.2f}" if isinstance(v, float) else f"{v:>10}" for v in values))
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
