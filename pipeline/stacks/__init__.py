"""Stage `stack`: a logistic regression of the scores of classifiers.

Reads their predictions, writes `data/stacked`, model and training of the stack.
"""
