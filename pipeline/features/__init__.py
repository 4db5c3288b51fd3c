"""Stage `features`: one vector per picture, only those that are missing.

Reads `data/images` and `models/backbone`, writes `data/features`. Reading order: `preparation`
(pictures made ready), `inference` (a fast network), `extraction` (both in step), `provenance` (what
decides a vector), `missing` (what has none yet).
"""
