"""Stage `stack`: a logistic regression of the scores of classifiers.

Reads their predictions, writes `data/stacked`, model, training and times of the stack.
"""
