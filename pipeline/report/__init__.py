"""Stage `report`: everything on one page.

Reads the pictures and what the other stages wrote to `reports`, `data/predictions` and `models`;
writes `reports/index.html` and `reports/summary.txt`. `page` is the frame and lists the sections;
each is a file with its template in `sections`; `experiment` is what they share.
"""
