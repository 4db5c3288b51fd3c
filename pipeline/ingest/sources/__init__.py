"""Where pictures come from: each source is a file that yields them one by one.

`opening` has the reader of each kind, `params` what each may be told, `picture` what all yield.
`tree`, `archives`, `tabular`, `columns`, `lookup` and `parts` are what several of them share.
"""
