"""Other people's weight files: what is in them comes back, and nothing in them runs."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_models import recommenders_state

from seqrec_lib import SASREC, read_weights


class Evil:
    """Unpickled, it makes a folder: the least that code in a checkpoint could do."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return (os.mkdir, (self.place,))


def test_a_file_of_recommenders_loads_and_gives_its_logits(tmp_path):
    state = recommenders_state(8, 0, 8, blocks=2, dtype=torch.float32)
    items = len(state["item_embedding_layer.weight"]) - 1
    length = len(state["positional_embedding_layer.weight"])
    settings = dict(seq_max_len=length, embedding_dim=8, num_blocks=2, attention_num_heads=2)
    direct, read = (SASREC(items, **settings) for _ in range(2))
    direct.load_state_dict(state)
    torch.save(state, tmp_path / "weights.pt")
    read.load_state_dict(read_weights(tmp_path / "weights.pt"))
    batch = {"input_seq": np.ones((2, length), int), "candidate": np.array([[1, 2], [3, 1]])}
    assert torch.equal(direct.predict(batch), read.predict(batch))
    save_file(
        {name: value.contiguous() for name, value in state.items()}, tmp_path / "w.safetensors"
    )
    again = read_weights(tmp_path / "w.safetensors")
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


@pytest.mark.parametrize("place", ["alone", "inside"])
def test_code_in_a_file_does_not_run(tmp_path, place):
    evil = Evil(tmp_path / "ran")
    torch.save(evil if place == "alone" else {"weights": torch.zeros(2), "x": evil}, tmp_path / "w")
    with pytest.raises(ValueError, match="could run code"):
        read_weights(tmp_path / "w")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "w", weights_only=False)  # the file is as bad as it is said to be
    assert (tmp_path / "ran").exists()


def test_a_whole_pickled_model_is_refused_with_the_remedy(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"save its state_dict\(\)"):
        read_weights(tmp_path / "model.pt")


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"state": {"w": torch.zeros(2)}}, {1: 2}])
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="not a state dict"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_damaged_and_missing_files(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        read_weights(tmp_path / name)
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(300))
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        read_weights(tmp_path / name)
