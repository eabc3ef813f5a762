"""Writes an attention record of a toy point transformer with h5py and numpy alone.

    python record_example.py toy_record.h5
    erwinscope explain toy_record.h5 --point 7
"""
import sys

import h5py
import numpy as np


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def layer_of(file, number, name, heads):
    """A layer's group; numbers ascend in order of evaluation."""
    group = file.create_group(f"attention/{number}")
    group.attrs["layer"], group.attrs["name"], group.attrs["heads"] = number, name, heads
    return group


def write_lists(group, weights, keep):
    """Rows as lists: the `keep` heaviest keys of every row of weights [heads, n, n]."""
    heads, n, _ = weights.shape
    keys = np.argsort(-weights.mean(axis=0), axis=1)[:, :keep]
    group.attrs["kind"] = "weights"
    group["weight_begin"] = np.arange(0, n * keep + 1, keep, dtype=np.int64)
    group["weight_key"] = keys.reshape(-1).astype(np.int32)
    group["weight"] = np.stack([weights[:, i, keys[i]].T for i in range(n)]).reshape(-1, heads).astype(np.float32)


def write_queries(group, q, k, v):
    """Full attention of all points: q, k, v [n, heads, width], from which every row is computed when it is asked for."""
    n, heads, width = q.shape
    group.attrs["kind"] = "full"
    group.attrs["kv_heads"], group.attrs["head_dim"], group.attrs["ball_size"] = heads, width, n
    group.attrs["block_size"] = group.attrs["pool_level"] = 0
    for name, rows in {"local_q": q, "local_k": k, "local_v": v}.items():
        group[name] = rows.astype(np.float32)


def main(path, n=200, heads=4, width=8):
    random = np.random.default_rng(0)
    positions = random.normal(size=(n, 3)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["generator"] = 1, "record_example.py"
        file["samples/toy/positions"] = positions
        file["samples/toy"].attrs["dimension"] = 3
        file["samples/toy/fields/height"] = positions[:, 2]
        attention = file.create_group("attention")
        attention.attrs["version"], attention.attrs["layers"] = 1, 2
        distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        slopes = np.arange(1, heads + 1)[:, None, None]
        write_lists(layer_of(file, 0, "near", heads), softmax(-slopes * distance), keep=16)
        q, k, v = random.normal(size=(3, n, heads, width))
        write_queries(layer_of(file, 1, "everywhere", heads), q, k, v)


if __name__ == "__main__":
    main(sys.argv[1])
