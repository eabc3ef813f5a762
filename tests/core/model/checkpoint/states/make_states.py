"""Writes the small files beside it with PyTorch: states as people save them, and one that asks to run code.

The values are whole or dyadic numbers, so that the test can hold them as literals. Run it in this folder; the files are
committed, so neither building nor testing needs Python.
"""

import io
import pickle
import zipfile
from collections import OrderedDict

import torch

base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4
state = OrderedDict()
state["embed.weight"] = torch.nn.Parameter(base.t())             # [4, 3], strides 1 and 4
state["embed.slice"] = base[1:, ::2]                             # offset 4, strides 4 and 2
state["embed.double"] = torch.tensor([0.1, -2.5e300], dtype=torch.float64)
state["embed.half"] = torch.tensor([1.5, -65504.0, 2.0**-24, 0.0], dtype=torch.float16)
state["embed.bfloat"] = torch.tensor([3.140625, -2.0**100], dtype=torch.bfloat16)
state["norm.num_batches_tracked"] = torch.tensor(7)
state["repeated"] = torch.tensor([2.5]).expand(2, 2)             # strides 0
state["empty"] = torch.zeros(0, 3)
state._metadata = OrderedDict({"": {"version": 1}})
torch.save(state, "plain.pt")

network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
with torch.no_grad():
    network[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
    network[0].bias.fill_(3.0)
wrapped = {"module._orig_mod.net." + name: value for name, value in network.state_dict().items()}
del wrapped["module._orig_mod.net.1.num_batches_tracked"]
optimiser = torch.optim.AdamW(network.parameters())
torch.save({"model_state_dict": wrapped, "optimizer_state_dict": optimiser.state_dict(), "epoch": 3}, "training.pt")


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch erwinscope-was-fooled",)


stream = io.BytesIO()
pickle.Pickler(stream, protocol=2).dump({"weight": Evil()})
with zipfile.ZipFile("evil.pt", "w") as archive:
    archive.writestr("evil/data.pkl", stream.getvalue())
    archive.writestr("evil/version", "3\n")
