"""Stage `curve`: what more pictures would bring.

Reads `data/images` and `data/features`, writes `reports/curve`. `subsets`: fewer of the training
pictures; `probe`: a linear head trained on them; `power_law`: the curve, and where it leads.
"""
