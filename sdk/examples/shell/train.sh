#!/bin/sh
# Programs in any language report by appending JSON lines to the file $SWEEP_METRICS_FILE,
# or by calling 'sweep-sdk log'. This one does both.
set -eu

for argument in "$@"; do # rate=0.05 shape=round
    case "$argument" in
        rate=*) rate=${argument#rate=} ;;
        shape=*) shape=${argument#shape=} ;;
    esac
done

awk -v rate="$rate" -v shape="$shape" 'BEGIN {
    loss = (shape == "round") ? 4 : 9
    for (step = 0; step < 10; step++) {
        loss = loss * (1 - rate) * (1 - rate)
        printf "{\"step\": %d, \"loss\": %.6g}\n", step, loss
    }
}' >>"${SWEEP_METRICS_FILE:-/dev/stdout}"

sweep-sdk log --summary n_steps=10
echo "rate $rate, $shape: done"
