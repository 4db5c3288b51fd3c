"""Stage `ingest`: pictures from a source, screened, chosen and split.

Reads `ingest.input` and `data/corrections.csv`, writes `data/images`, `data/rejected.csv`,
`reports/audit.json` and the tables of `reports/audit`; keeps what decoding told in
`data/examined.parquet`. Reading order: `sources` (where pictures come from), `screening` (which are
used; `examining` decodes and hashes, `spool` keeps bytes), `corrections` (what a person decided of
them), `division` (which take part, and where: `selection`, near `copies` by their `hashing`,
`splitting`), `audit` with its `findings`. `watching` comes before all: what DVC cannot watch is
refused.
"""
