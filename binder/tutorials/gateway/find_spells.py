"""Step 1: each spell of days without rain. python3 find_spells.py DAYS.csv > spells.csv"""

import csv
import sys
from itertools import groupby

with open(sys.argv[1], newline="") as file:
    days = list(csv.DictReader(file))

table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["start", "days"])
for is_dry, spell in groupby(days, lambda day: float(day["precipitation"]) == 0):
    if is_dry:
        dates = [day["date"] for day in spell]
        table.writerow([dates[0], len(dates)])
