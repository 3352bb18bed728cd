"""The optimiser as a service: your own loop asks, evaluates anywhere, and tells the result.

Three runs are out at once here, as on a laboratory bench with three places.
"""

from concurrent.futures import ThreadPoolExecutor

import sweep_sdk

CONFIG = {
    "method": "random",
    "metric": {"name": "yield", "goal": "maximize"},
    "run_cap": 15,
    "parameters": {
        "temperature": {"min": 20, "max": 90},
        "minutes": {"distribution": "q_uniform", "min": 5, "max": 60, "q": 5},
        "catalyst": {"values": ["A", "B", "C"]},
    },
}


def measure(config):
    """Represents an experiment."""
    bonus = {"A": 0.0, "B": 8.0, "C": 3.0}[config.catalyst]
    return 80.0 - abs(config.temperature - 65) - 0.5 * abs(config.minutes - 35) + bonus


def work(sweep):
    while (run := sweep_sdk.ask(sweep)) is not None:
        value = measure(run.config)
        run.tell({"yield": value})
        print(f"{run.id}: {value:.1f} % with {dict(run.config)}")


def main():
    sweep = sweep_sdk.sweep(CONFIG)
    with ThreadPoolExecutor(3) as places:
        list(places.map(work, [sweep] * 3))
    best = sweep_sdk.best(sweep)
    print(f"best: {best['best']:.1f} % with {best['config']}")


if __name__ == "__main__":
    main()
