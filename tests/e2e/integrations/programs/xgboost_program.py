import numpy as np
import xgboost
from common import end, n_steps, run

from sweep_sdk.integrations.xgboost import SweepCallback

x = np.random.default_rng(0).random((50, 3))
data = xgboost.DMatrix(x, x.sum(1))
booster = xgboost.train(
    {"eta": run.config.lr, "max_depth": 2, "nthread": 1}, data, n_steps, [(data, "train")],
    verbose_eval=False, callbacks=[SweepCallback()],
)  # fmt: skip
end(booster.num_boosted_rounds())
