#!/usr/bin/env python3
"""Says of a run of nextest how long each part took, which tests were slowest, and whether every test has run.

    tests-summary.py LISTED.JSON JUNIT.XML

LISTED.JSON is what `cargo nextest list --message-format json` says with the run's own filter. On file descriptor 3 come
the numbers of tests that passed, failed (or never ran) and were left out by the filter.
"""

import json
import os
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict

SLOWEST = 15


def listed(path):
    """The tests that were to run, and those that the filter left out."""
    wanted, left_out = set(), set()
    with open(path) as file:
        suites = json.load(file)["rust-suites"]
    for suite in suites.values():
        for name, case in suite["testcases"].items():
            # One that is `#[ignore]`d does not match either: it is wanted, and will be missed.
            by_filter = case["filter-match"].get("reason") == "expression"
            (left_out if by_filter else wanted).add((suite["binary-id"], name))
    return wanted, left_out


def part_of(binary, name):
    if binary.endswith("::interop"):
        return "tuf"
    return name.split("::")[0].replace("_", "-") if binary.endswith("::programs") else "unit"


def main():
    wanted, left_out = listed(sys.argv[1])
    passed, failed, seconds = set(), set(), {}
    for case in ET.parse(sys.argv[2]).iter("testcase"):
        test = (case.get("classname"), case.get("name"))
        broken = case.find("failure") is not None or case.find("error") is not None
        (failed if broken else passed).add(test)
        seconds[test] = float(case.get("time"))

    parts = defaultdict(list)
    for test in seconds:
        parts[part_of(*test)].append(seconds[test])
    print("times of the tests, which run beside each other:")
    for part, times in sorted(parts.items(), key=lambda entry: -sum(entry[1])):
        print(f"{part:<16} {len(times):>5} tests  {sum(times):7.0f} s")
    print("the slowest:")
    for test in sorted(seconds, key=lambda test: -seconds[test])[:SLOWEST]:
        print(f"{seconds[test]:7.1f} s  {test[0]} {test[1]}")

    missed = wanted - passed - failed
    for test in sorted(missed):
        print(f"NOT RUN: {test[0]} {test[1]}")
    for test in sorted(failed):
        print(f"FAILED: {test[0]} {test[1]}")
    left_out_by_part = defaultdict(int)
    for test in left_out:
        left_out_by_part[part_of(*test)] += 1
    for part, number in sorted(left_out_by_part.items()):
        print(f"skipped, because PLATEN_SKIP names it: {part}, {number} tests")
    os.write(3, f"{len(passed)} {len(failed) + len(missed)} {len(left_out)}\n".encode())


main()
