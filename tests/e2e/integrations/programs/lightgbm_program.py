import lightgbm
import numpy as np
from common import end, n_steps, run

from sweep_sdk.integrations.lightgbm import SweepCallback

x = np.random.default_rng(0).random((50, 3))
data = lightgbm.Dataset(x, x.sum(1))
parameters = {"learning_rate": run.config.lr, "metric": "l2", "num_threads": 1, "verbose": -1}
parameters |= {"min_data_in_leaf": 2, "num_leaves": 4}
booster = lightgbm.train(parameters, data, n_steps, valid_sets=[data], valid_names=["train"],
                         callbacks=[SweepCallback()])  # fmt: skip
end(booster.current_iteration())
