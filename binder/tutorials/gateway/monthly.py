"""How warm is each month, and how sure is that? python3 monthly.py DAYS.csv RESULT.csv

The mean of a month's days, and the range in which it lies in 95 of 100 repeated drawings of those
days (the bootstrap). Needs Python alone.
"""

import csv
import random
import sys
from collections import defaultdict
from statistics import fmean

DRAWINGS = 1000


def read_months(path):
    months = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            months[int(row["date"][5:7])].append(float(row["temp_max"]))
    return months


def draw_means(days, source):
    return sorted(fmean(source.choices(days, k=len(days))) for _ in range(DRAWINGS))


def main(days_path, result_path):
    source = random.Random(2012)  # the same drawings at each run
    with open(result_path, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["month", "days", "mean", "low", "high"])
        for month, days in sorted(read_months(days_path).items()):
            means = draw_means(days, source)
            low, high = means[DRAWINGS * 25 // 1000], means[DRAWINGS * 975 // 1000 - 1]
            figures = [round(figure, 2) for figure in (fmean(days), low, high)]
            table.writerow([month, len(days), *figures])
            print(f"month {month}: {len(days)} days", flush=True)


main(*sys.argv[1:])
