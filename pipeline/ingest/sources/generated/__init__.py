"""Paintings made by rules, by painters with habits of their own, for an example without a download.

`genres` are the classes, `painter` who paints, `motifs` and `brushwork` what with.
"""
