"""Step 2: how many spells of each length. python3 count_spells.py spells.csv > counts.csv"""

import csv
import sys
from collections import Counter

SUMMER = range(4, 10)  # April to September

with open(sys.argv[1], newline="") as file:
    spells = list(csv.DictReader(file))

counts = Counter(
    ("summer" if int(spell["start"][5:7]) in SUMMER else "winter", int(spell["days"]))
    for spell in spells
)
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["half", "days", "spells"])
for (half, days), number in sorted(counts.items()):
    table.writerow([half, days, number])
