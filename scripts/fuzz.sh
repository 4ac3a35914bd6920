#!/usr/bin/env bash
# Feeds every fuzz target with mutated bytes for so many seconds: `scripts/fuzz.sh 300`. A finding ends it, and
# cargo-fuzz prints the file that shows it. With `nightly` installed the address sanitizer watches as well;
# without it the same targets run without.
set -euo pipefail
source "$(dirname "$0")/common.sh"

seconds=${1:?usage: fuzz.sh SECONDS [TARGET...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(cartridge_record counter_store board_file trace_reader report_batch)

use_tools
toolchain=() sanitizer=none
if rustup run nightly rustc --version >/dev/null 2>&1; then
    toolchain=(+nightly) sanitizer=address
fi
echo "toolchain: $(rustc "${toolchain[@]}" --version), sanitizer: $sanitizer"

# What more there is to begin with than the committed seeds.
declare -A more=([board_file]="agent/boards scripts/demo" [trace_reader]="tests/traces" [report_batch]="protocol/frozen/v1")

cd fuzz
for target in "${targets[@]}"; do
    corpus=$TARGET/fuzz/corpus/$target
    mkdir -p "$corpus" "$TARGET/fuzz/artifacts/$target"
    seeds=(seeds/"$target")
    for folder in ${more[$target]:-}; do seeds+=("../$folder"); done
    say "fuzz: $target, $seconds s"
    log=$TARGET/fuzz/$target.log
    if ! cargo "${toolchain[@]}" fuzz run --fuzz-dir . --target-dir "$TARGET/fuzz" --sanitizer "$sanitizer" "$target" \
        "$corpus" "${seeds[@]}" -- \
        -artifact_prefix="$TARGET/fuzz/artifacts/$target/" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
        -print_final_stats=1 >"$log" 2>&1; then
        grep -E '^error' -A12 "$log" || tail -n 40 "$log"
        echo "fuzz: $target found something, or could not be built; all of it is in $log" >&2
        exit 1
    fi
    grep -E 'stat::number_of_executed_units|^Done' "$log"
done
