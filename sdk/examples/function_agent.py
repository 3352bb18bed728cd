"""A sweep in one Python program: no sweep file, no training script.

Each run is a call of ``train`` in this process. More agents can join from other terminals or
machines: run this file there with the sweep's id.
"""

import sys

import sweep_sdk

CONFIG = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "run_cap": 12,
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
        "momentum": {"values": [0.0, 0.5, 0.9]},
    },
}


def train():
    """Gradient descent with momentum on a narrow valley, from (-2, 1)."""
    with sweep_sdk.init() as run:
        lr, momentum = run.config.lr, run.config.momentum
        x, y, x_speed, y_speed = -2.0, 1.0, 0.0, 0.0
        for step in range(50):
            x_speed = momentum * x_speed - lr * x
            y_speed = momentum * y_speed - lr * 10.0 * y
            x, y = x + x_speed, y + y_speed
            loss = 0.5 * x**2 + 5.0 * y**2
            run.log({"loss": loss}, step=step)


def main():
    sweep = sys.argv[1] if len(sys.argv) > 1 else sweep_sdk.sweep(CONFIG)
    print(f"sweep {sweep}: python {sys.argv[0]} {sweep} adds an agent")
    sweep_sdk.agent(sweep, train)
    best = sweep_sdk.best(sweep)
    print(f"best: loss {best['best']:.3g} with {best['config']}")


if __name__ == "__main__":
    main()
