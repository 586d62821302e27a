"""Tests of the backbone: any folder will do, or one line says why not."""

import json
import shutil
import socket
import sys
from pathlib import Path

import pytest
import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.nn.language import models as language_models
from itd_lightning.nn.language.backbone import Backbone
from itd_lightning.nn.language.prompts import BEHAVIOUR, Prompt, Prompter
from itd_lightning.nn.language.scores import answer_log_probs, log_likelihoods, passes


@pytest.fixture(scope="module")
def backbone(small_llama: str) -> Backbone:
    """Return the small backbone with two adapters that say something."""
    backbone = Backbone(small_llama, ["one", "two"], precision="float32")
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in backbone.adapter_weights():
            weight.normal_(std=0.3, generator=draw)
    return backbone


def test_a_folder_without_tokenizer_is_refused(small_llama: str, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(Path(small_llama) / name, tmp_path)
    with pytest.raises(InputError, match=r"has no tokenizer: put its tokenizer.json there"):
        Backbone(str(tmp_path))


def test_a_folder_without_weights_is_refused(small_llama: str, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(small_llama) / name, tmp_path)
    with pytest.raises(InputError, match="no causal language model can be read"):
        Backbone(str(tmp_path))


def test_weights_that_may_run_code_are_refused(small_llama: str, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(small_llama) / name, tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="no causal language model can be read"):
        Backbone(str(tmp_path))


@pytest.mark.parametrize("name", ["no such place", "/no/such/folder", "", "evil/model"])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no language model at"):
        Backbone(name)


def test_a_name_of_a_hub_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def look_up(*place: object, **_: object) -> list[object]:
        asked.append(place)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(InputError, match="give the folder of one, nothing is fetched"):
        Backbone("evil/model")
    assert not asked


def test_code_beside_a_model_is_not_run(
    small_llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "evil"
    shutil.copytree(small_llama, folder)
    config = json.loads((folder / "config.json").read_text())
    classes = {name: f"evil.{name}" for name in ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": classes}))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda _: "y")  # transformers would ask
    with pytest.raises(InputError, match="contains custom code"):
        Backbone(str(folder))
    assert not (tmp_path / "canary").exists()


def test_layers_that_are_not_there_are_refused(small_llama: str) -> None:
    with pytest.raises(InputError, match="no layers nowhere"):
        Backbone(small_llama, ["one"], targets=["nowhere"])


@pytest.mark.parametrize("missing", ["transformers", "peft"])
def test_a_missing_library_is_one_line(
    small_llama: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=rf"need {missing}: pip install 'itd-lightning\[llm\]'"):
        Backbone(small_llama, ["one"])


def test_a_missing_default_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_models, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match="the default backbone is not installed: pip install"):
        Backbone()


def test_a_text_that_is_longer_than_the_model_reads_is_refused(backbone: Backbone) -> None:
    with pytest.raises(InputError, match="reads 1024 tokens and got 1025"):
        backbone([[5] * 1025], "one")


def test_padding_changes_nothing(backbone: Backbone) -> None:
    short, long = [5, 6, 7], list(range(5, 60))
    together = backbone([short, long], "one")[0]
    assert torch.allclose(together, backbone([short], "one")[0], atol=1e-4)


def test_adapters_say_different_things_and_checkpoints_hold_nothing_else(backbone: Backbone) -> None:
    assert not torch.allclose(backbone([[5, 6, 7]], "one"), backbone([[5, 6, 7]], "two"))
    state = backbone.state_dict()
    assert state
    assert all(".lora_" in name for name in state)
    state.popitem()
    with pytest.raises(RuntimeError, match="lora_"):
        backbone.load_state_dict(state)


def test_only_the_last_blocks_are_adapted_where_it_is_asked(small_llama: str) -> None:
    names = dict(Backbone(small_llama, ["one"], top=1).state_dict())
    assert names
    assert all(".layers.1." in name for name in names)


def test_the_probability_of_an_answer_of_several_tokens_is_their_product(backbone: Backbone) -> None:
    prompts = [Prompter(backbone.tokenizer, BEHAVIOUR, 300, 2)(text) for text in ("a", "b is longer")]
    pair = answer_log_probs(backbone, prompts, [[7], [8, 9]], "one")
    first = backbone([prompt.ids for prompt in prompts], "one")[:, -1].log_softmax(1)
    second = backbone([[*prompt.ids, 8] for prompt in prompts], "one")[:, -1].log_softmax(1)
    assert torch.allclose(pair[:, 0], first[:, 7], atol=1e-5)
    assert torch.allclose(pair[:, 1], first[:, 8] + second[:, 9], atol=1e-5)
    assert torch.allclose(answer_log_probs(backbone, prompts, [[7], [8]], "one"), first[:, [7, 8]], atol=1e-5)


def test_the_sum_of_a_likelihood_is_its_mean_times_the_tokens(backbone: Backbone) -> None:
    prompt = Prompter(backbone.tokenizer, BEHAVIOUR, 300)("Some text.")
    total, mean = (log_likelihoods(backbone, [prompt], "one", mean=mean) for mean in (False, True))
    assert torch.allclose(total, mean * (prompt.closing + 1 - prompt.text))


def test_passes_read_every_prompt_once_within_their_tokens(backbone: Backbone) -> None:
    prompter = Prompter(backbone.tokenizer, BEHAVIOUR, 300)
    prompts = [prompter("word " * (7 * place % 40)) for place in range(30)]
    parts = list(passes(prompts, torch.device("cuda"), tokens=400))
    assert sorted(place for part in parts for place in part) == list(range(30))
    assert all(len(part) * max(len(prompts[place].ids) for place in part) <= 400 for part in parts)


def test_a_cpu_reads_long_prompts_alone_so_that_no_other_changes_how_they_are_rounded(
    small_llama: str,
) -> None:
    coarse = Backbone(small_llama, precision="bfloat16")
    prompter = Prompter(coarse.tokenizer, BEHAVIOUR, 300)
    prompts = [prompter("word " * count) for count in (20, 100, 3, 101, 100)]

    def scores(rows: list[Prompt]) -> list[list[float]]:
        logp = torch.zeros(len(rows), 2)
        for part in passes(rows, coarse.device):
            logp[part] = answer_log_probs(coarse, [rows[place] for place in part], [[7], [8]])
        return logp.tolist()

    parts = list(passes(prompts, coarse.device))
    assert [len(part) for part in parts] == [2, 1, 1, 1]
    assert scores(prompts)[3] == scores(prompts[3:4])[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_default_backbone_knows_the_capital_of_france(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is converted anew, without a network."""
    monkeypatch.setenv("ITD_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    backbone = Backbone()
    ids = backbone.tokenizer("The capital of France is", add_special_tokens=False)["input_ids"]
    assert backbone.tokenizer.decode(backbone([ids])[0, -1].argmax()) == " Paris"
    assert not list(tmp_path.glob(".*"))


def test_the_vocabulary_is_not_copied_for_each_text(backbone: Backbone) -> None:
    rows = [list(range(5, 25))] * 3
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        backbone(rows, "one", last=10)
    assert not [event.key for event in profile.key_averages() if event.key == "aten::bmm"]
