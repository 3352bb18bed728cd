import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
from common import end, n_steps, run

from sweep_sdk.integrations.keras import SweepCallback

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(run.config.lr), loss="mse")
x = np.random.default_rng(0).random((8, 3))
history = model.fit(x, x.sum(1), epochs=n_steps, validation_split=0.25, verbose=0,
                    callbacks=[SweepCallback()])  # fmt: skip
end(len(history.epoch))
