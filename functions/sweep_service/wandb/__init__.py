"""The protocol of wandb's clients, as far as it is spoken here."""
