"""An ordinary training script: a small neural network that reads handwritten digits.

The agent calls it with the flags of one run; called by hand it trains just the same and sends
nothing anywhere.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import sweep_sdk


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learning_rate", type=float, default=0.001)
    parser.add_argument("--hidden_units", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=12)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    run = sweep_sdk.init(config=arguments)

    images, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images / 16.0, labels, test_size=0.3, random_state=0
    )
    network = MLPClassifier(
        hidden_layer_sizes=(arguments.hidden_units,),
        learning_rate_init=arguments.learning_rate,
        random_state=0,
    )
    for epoch in range(arguments.epochs):
        network.partial_fit(train_images, train_labels, classes=range(10))
        accuracy = network.score(test_images, test_labels)
        run.log({"accuracy": accuracy, "loss": network.loss_}, step=epoch)
    print(f"accuracy {accuracy:.4f} after {arguments.epochs} epochs")

    run.finish()


if __name__ == "__main__":
    main()
