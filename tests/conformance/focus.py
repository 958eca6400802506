"""What the official validator says of our FOCUS files, rule by rule. Run by `make conformance`, in the validator's own environment.

focus.py FOLDER: judges FOLDER/focus.csv and FOLDER/focus.parquet. Exit code 1 for a failure that docs/focus.md does not explain.
"""

import re
import subprocess
import sys
from pathlib import Path

import focus_validator

VERSION = "1.2.0.1"
APPLICABLE = (  # what this product has, of the criteria that the validator knows
    "ACCOUNT_NAMING_SUPPORTED,COMMITMENT_DISCOUNT_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED,"
    "PUBLIC_PRICE_LIST_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED,UNIT_PRICING_SUPPORTED,SUB_ACCOUNT_SUPPORTED,"
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED,RESOURCE_TYPE_ASSIGNMENT_SUPPORTED,REGION_SUPPORTED,TAGGING_SUPPORTED"
)
EXPLAINED = {
    "InvoiceId-C-004-C",
    "CommitmentDiscountStatus-C-004-C",
    "CommitmentDiscountStatus-C-002-C",
    "CommitmentDiscountStatus-C-000-C",
}


def main(folder: Path) -> int:
    packages = Path(focus_validator.__file__).parents[1]  # where it looks for its own rules
    unexplained: set[str] = set()
    for name in ("focus.csv", "focus.parquet"):
        command = [
            Path(sys.executable).parent / "focus-validator", "--data-file", folder.resolve() / name, "--block-download",
            "--validate-version", VERSION, "--applicability-criteria", APPLICABLE, "--output-type", "console",
        ]  # fmt: skip
        told = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=True).stdout
        rules = dict(re.findall(r"^\W*([A-Za-z]+-[ACD]-\d+-[CMO]): (PASS|FAIL|SKIPPED)", told, re.MULTILINE))
        found = {word: sorted(rule for rule, what in rules.items() if what == word) for word in ("PASS", "FAIL", "SKIPPED")}
        print(f"{name}: {', '.join(f'{len(those)} {word.lower()}' for word, those in found.items())}")
        for rule in found["FAIL"]:
            print(f"  failed: {rule}{' (explained in docs/focus.md)' if rule in EXPLAINED else ''}")
        unexplained |= set(found["FAIL"]) - EXPLAINED
        if not found["PASS"]:
            print(told[-2000:])
            return 1
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
