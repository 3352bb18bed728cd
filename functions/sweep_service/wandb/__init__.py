"""The supported part of the protocol of wandb's clients."""
