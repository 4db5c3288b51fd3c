"""Stage `features`: one vector per picture, only those that are missing.

Reads `data/images` and `models/backbone`, writes `data/vectors`. Reading order: `preparation`
(pictures made ready), `layers` (what is read of a network), `inference` (a fast network),
`extraction` (all in step), `provenance` (what decides a vector), `missing` (what has none yet).
"""
