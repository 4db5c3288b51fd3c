"""Networks on pixels, a file for each family.

A network is a function with the decorator `architecture`; `registry` knows the files. Its source is
the first line of its docstring, its size `registry.count_parameters`.
"""
