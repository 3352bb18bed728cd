"""Takes the place of a training program whose settings depend on each other."""

import argparse

import sweep_sdk

parser = argparse.ArgumentParser()
parser.add_argument("--optimizer", required=True)
parser.add_argument("--momentum", type=float)  # only with sgd
parser.add_argument("--layers", type=int, required=True)
parser.add_argument("--width_1", type=int, required=True)
parser.add_argument("--width_2", type=int)  # only with a second layer
parser.add_argument("--model", required=True)
parser.add_argument("--batch_size", type=int, required=True)
args = parser.parse_args()

loss = 1.0 / args.width_1 + (0.0 if args.width_2 is None else 0.5 / args.width_2)
loss += 0.1 if args.momentum is None else 0.1 * (1.0 - args.momentum)
loss += {"small": 0.05, "large": 0.02}[args.model]

run = sweep_sdk.init()
run.log({"loss": loss})
