"""Published experiments by name: a table of them, their pictures, and `params.yaml` made of one.

Reads presets/NAME.yaml; writes params.yaml and, of a set that is fetched, ingest.input.
"""
