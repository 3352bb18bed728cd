import torch
from common import end, n_steps, run
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from sweep_sdk.integrations.huggingface import SweepCallback

torch.manual_seed(0)
shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
model = BertForSequenceClassification(BertConfig(vocab_size=20, intermediate_size=8, **shape))
data = [{"input_ids": torch.arange(5), "labels": n % 2} for n in range(8)]
arguments = TrainingArguments(
    "out", learning_rate=run.config.lr, max_steps=n_steps, logging_steps=1, eval_steps=2,
    eval_strategy="steps", save_strategy="no", report_to="none", use_cpu=True, disable_tqdm=True,
)  # fmt: skip
trainer = Trainer(model, arguments, train_dataset=data, eval_dataset=data,
                  callbacks=[SweepCallback()])  # fmt: skip
trainer.train()
end(trainer.state.global_step)
