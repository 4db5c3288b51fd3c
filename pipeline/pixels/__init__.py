"""Stage `pixels`: all pictures at one small size, decoded once.

Reads `data/images`, writes `data/pixels`.
"""
