"""Families of language models, tiny and random, and what each can do: the table of docs/backbones.md.

python tests/sources/families.py --page docs/backbones.md     # anew; some minutes
python tests/sources/families.py gemma3 mamba                 # the rows of these alone
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
SIZE = 448  # embeddings: some tokenizers add words of their own
PLAIN = {"vocab_size": SIZE, "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
BERT = PLAIN | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
OFFSET = BERT | {"pad_token_id": 1, "max_position_embeddings": 258}  # positions are counted from the padding id on
NARROW = BERT | {"embedding_size": 16}
LLAMA = BERT | {"num_key_value_heads": 2}
HEADS = LLAMA | {"head_dim": 8}
GPT2 = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256, "vocab_size": SIZE}
OPT = {
    **{"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 3, "num_attention_heads": 4},
    **{"word_embed_proj_dim": 32, "max_position_embeddings": 256, "vocab_size": SIZE},
}
BART = {
    **{"d_model": 32, "encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 4},
    **{"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 256},
    **{"vocab_size": SIZE, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2},
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 3, "num_heads": 4, "vocab_size": SIZE}
XLM = {"emb_dim": 32, "n_layers": 3, "n_heads": 4, "max_position_embeddings": 256, "n_words": SIZE, "vocab_size": SIZE}
MAMBA = {"hidden_size": 32, "state_size": 8, "num_hidden_layers": 3, "vocab_size": SIZE}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
DEEPSEEK = LLAMA | {
    **{"num_key_value_heads": 4, "kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8},
    **{"v_head_dim": 8, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    **{"n_shared_experts": 1, "first_k_dense_replace": 1},
}
DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
DEBERTA2 = {
    **BERT, **DEBERTA, "position_buckets": 16, "position_biased_input": False, "share_att_key": True,
    "norm_rel_ebd": "layer_norm", "type_vocab_size": 0,
}  # fmt: skip
EYES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4} | {
    "image_size": 16,
    "patch_size": 8,
}
QWEN_EYES = {"depth": 2, "num_heads": 4, "hidden_size": 32}
MROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}}
MAMBA_HEADS = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
CLIP_TEXT = {key: value for key, value in BERT.items() if key != "pad_token_id"}

# name in the table -> (model_type of transformers, options of its configuration)
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    # encoders
    "ALBERT": ("albert", NARROW),
    "BERT": ("bert", BERT),
    "BigBird": ("big_bird", BERT | {"block_size": 4, "num_random_blocks": 1}),
    "CamemBERT": ("camembert", OFFSET),
    "ConvBERT": ("convbert", NARROW),
    "data2vec (text)": ("data2vec-text", OFFSET),
    "DeBERTa": ("deberta", BERT | DEBERTA),
    "DeBERTa v2": ("deberta-v2", DEBERTA2 | {"embedding_size": 16, "conv_kernel_size": 3}),
    "DeBERTa v3": ("deberta-v2", DEBERTA2),
    "DistilBERT": ("distilbert", PLAIN | {"dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 4}),
    "ELECTRA": ("electra", NARROW),
    "ERNIE": ("ernie", BERT),
    "ESM-2": ("esm", OFFSET | {"token_dropout": True, "mask_token_id": 4, "position_embedding_type": "rotary"}),
    "EuroBERT": ("eurobert", LLAMA),
    "FlauBERT": ("flaubert", XLM),
    "FNet": ("fnet", BERT),
    "Longformer": ("longformer", OFFSET | {"attention_window": [8, 8, 8]}),
    "Megatron-BERT": ("megatron-bert", BERT),
    "MobileBERT": ("mobilebert", NARROW | {"intra_bottleneck_size": 16, "true_hidden_size": 16}),
    "ModernBERT": ("modernbert", BERT | {"local_attention": 16, "cls_token_id": 2, "sep_token_id": 3}),
    "MPNet": ("mpnet", OFFSET),
    "RemBERT": ("rembert", BERT | {"input_embedding_size": 16}),
    "RoBERTa": ("roberta", OFFSET),
    "RoBERTa pre-norm": ("roberta-prelayernorm", OFFSET),
    "RoFormer": ("roformer", BERT),
    "X-MOD": ("xmod", OFFSET | {"languages": ["en_XX"], "default_language": "en_XX"}),
    "XLM": ("xlm", XLM),
    "XLM-RoBERTa": ("xlm-roberta", OFFSET),
    "XLM-RoBERTa XL": ("xlm-roberta-xl", OFFSET),
    "XLNet": ("xlnet", {"d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 64, "vocab_size": SIZE}),
    "YOSO": ("yoso", BERT),
    # encoder-decoders
    "BART": ("bart", BART),
    "BigBird-Pegasus": ("bigbird_pegasus", BART | {"block_size": 4, "num_random_blocks": 1}),
    "BlenderBot": ("blenderbot", BART),
    "LED": ("led", BART | {"max_encoder_position_embeddings": 256, "attention_window": [8, 8, 8]}),
    "LongT5": ("longt5", T5),
    "M2M-100": ("m2m_100", BART),
    "Marian": ("marian", BART),
    "mBART": ("mbart", BART),
    "mT5": ("mt5", T5),
    "MVP": ("mvp", BART),
    "Pegasus": ("pegasus", BART),
    "PLBART": ("plbart", BART),
    "ProphetNet": (
        "prophetnet",
        {
            **{"hidden_size": 32, "encoder_ffn_dim": 64, "num_encoder_layers": 3, "num_encoder_attention_heads": 4},
            **{"decoder_ffn_dim": 64, "num_decoder_layers": 3, "num_decoder_attention_heads": 4, "vocab_size": SIZE},
            "max_position_embeddings": 256,
        },
    ),
    "Switch Transformers": ("switch_transformers", T5 | {"num_sparse_encoder_layers": 1, "num_experts": 2}),
    "T5": ("t5", T5),
    "UMT5": ("umt5", T5),
    # decoders
    "Apertus": ("apertus", LLAMA),
    "Arcee": ("arcee", LLAMA),
    "BitNet (plain weights)": ("bitnet", LLAMA),
    "BLOOM": ("bloom", {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": SIZE}),
    "CodeGen": ("codegen", GPT2 | {"rotary_dim": 8}),
    "Cohere (Command R)": ("cohere", LLAMA),
    "Cohere 2": ("cohere2", HEADS),
    "DBRX": (
        "dbrx",
        {
            **{"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 256, "vocab_size": SIZE},
            "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2},
            "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        },
    ),
    "DeepSeek V2": ("deepseek_v2", DEEPSEEK),
    "DeepSeek V3": ("deepseek_v3", DEEPSEEK | {"n_group": 1, "topk_group": 1}),
    "DiffLlama": ("diffllama", HEADS),
    "ERNIE 4.5": ("ernie4_5", LLAMA),
    "EXAONE 4": ("exaone4", LLAMA),
    "Falcon": ("falcon", {key: BERT[key] for key in BERT if "size" in key or "num" in key}),
    "Gemma": ("gemma", HEADS),
    "Gemma 2": ("gemma2", HEADS),
    "Gemma 3": ("gemma3_text", HEADS),
    "Gemma 3n": ("gemma3n_text", HEADS | {"num_kv_shared_layers": 0, "vocab_size_per_layer_input": SIZE}),
    "GLM": ("glm", LLAMA),
    "GLM 4": ("glm4", HEADS),
    "GPT-2": ("gpt2", GPT2),
    "GPT-BigCode": ("gpt_bigcode", GPT2),
    "GPT-J": ("gptj", GPT2 | {"rotary_dim": 8}),
    "GPT-Neo": (
        "gpt_neo",
        {
            **{"hidden_size": 32, "num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]]},
            **{"max_position_embeddings": 256, "intermediate_size": 64, "vocab_size": SIZE},
        },
    ),
    "GPT-NeoX (Pythia)": ("gpt_neox", BERT),
    "GPT-NeoX Japanese": ("gpt_neox_japanese", BERT),
    "GPT-OSS (plain weights)": ("gpt_oss", HEADS | {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "Granite": ("granite", LLAMA),
    "Granite MoE": ("granitemoe", LLAMA | {"num_local_experts": 4}),
    "Helium": ("helium", HEADS),
    "Llama": ("llama", LLAMA),
    "Llama 4 (text)": ("llama4_text", HEADS | {"intermediate_size_mlp": 64, "num_local_experts": 2}),
    "Mistral": ("mistral", LLAMA | {"sliding_window": 32}),
    "Mixtral": ("mixtral", LLAMA | {"num_local_experts": 4}),
    "ModernBERT decoder": ("modernbert-decoder", BERT | {"local_attention": 16, "cls_token_id": 2, "sep_token_id": 3}),
    "MPT": ("mpt", {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 256, "vocab_size": SIZE}),
    "Nemotron": ("nemotron", LLAMA),
    "OLMo": ("olmo", LLAMA),
    "OLMo 2": ("olmo2", LLAMA),
    "OLMo 3": ("olmo3", LLAMA),
    "OLMoE": ("olmoe", LLAMA | {"num_experts": 4, "num_experts_per_tok": 2}),
    "OpenAI GPT": ("openai-gpt", GPT2),
    "OPT": ("opt", OPT),
    "OPT 350 M": ("opt", OPT | {"word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    "Persimmon": ("persimmon", LLAMA),
    "Phi": ("phi", LLAMA),
    "Phi 3": ("phi3", LLAMA),
    "Phi-MoE": ("phimoe", LLAMA | {"num_local_experts": 4}),
    "Qwen 2": ("qwen2", LLAMA),
    "Qwen 2 MoE": ("qwen2_moe", LLAMA | EXPERTS | {"shared_expert_intermediate_size": 16}),
    "Qwen 3": ("qwen3", HEADS),
    "Qwen 3 MoE": ("qwen3_moe", HEADS | EXPERTS),
    "SmolLM 3": ("smollm3", LLAMA),
    "StableLM": ("stablelm", LLAMA),
    "StarCoder 2": ("starcoder2", LLAMA),
    "VaultGemma": ("vaultgemma", LLAMA),
    # recurrent and mixed
    "Bamba": ("bamba", LLAMA | MAMBA_HEADS | {"attn_layer_indices": [1]}),
    "Falcon H1": ("falcon_h1", LLAMA | MAMBA_HEADS | {"mamba_d_ssm": 32, "mamba_n_heads": 4}),
    "Falcon Mamba": ("falcon_mamba", MAMBA),
    "Granite 4 (hybrid)": (
        "granitemoehybrid",
        LLAMA
        | MAMBA_HEADS
        | {
            "layer_types": ["mamba", "attention", "mamba"],
            "num_local_experts": 0,
            "shared_intermediate_size": 64,
        },
    ),
    "Jamba": (
        "jamba",
        LLAMA
        | {
            **{"num_experts": 2, "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2},
            **{"expert_layer_offset": 1, "mamba_d_state": 4, "mamba_dt_rank": 4, "use_mamba_kernels": False},
        },
    ),
    "LFM 2": ("lfm2", LLAMA | {"layer_types": ["conv", "full_attention", "conv"]}),
    "Mamba": ("mamba", MAMBA),
    "Mamba 2": ("mamba2", MAMBA | {"head_dim": 8, "num_heads": 8, "expand": 2, "n_groups": 1, "chunk_size": 16}),
    "Nemotron H": (
        "nemotron_h",
        HEADS
        | {
            **{"hybrid_override_pattern": "M*-", "mamba_num_heads": 4, "mamba_head_dim": 8},
            **{"ssm_state_size": 8, "n_groups": 1},
        },
    ),
    "RecurrentGemma": (
        "recurrent_gemma",
        LLAMA
        | {
            **{"num_key_value_heads": 1, "lru_width": 32, "attention_window_size": 16},
            "block_types": ["recurrent", "recurrent", "attention"],
        },
    ),
    "RWKV": (
        "rwkv",
        {
            **{"hidden_size": 32, "num_hidden_layers": 4, "vocab_size": SIZE, "attention_hidden_size": 32},
            **{"intermediate_size": 64, "context_length": 256},
        },
    ),
    # the language model of what sees
    "Gemma 3 (with eyes)": ("gemma3", {"text_config": HEADS, "vision_config": EYES, "mm_tokens_per_image": 4}),
    "LLaVA": (
        "llava",
        {
            "text_config": LLAMA | {"model_type": "llama"},
            "vision_config": EYES | {"model_type": "clip_vision_model"},
        },
    ),
    "Mistral 3": (
        "mistral3",
        {
            "text_config": LLAMA | {"model_type": "mistral"},
            "vision_config": EYES | {"model_type": "pixtral", "head_dim": 8},
        },
    ),
    "Qwen 2 VL": ("qwen2_vl", {"text_config": LLAMA | MROPE, "vision_config": QWEN_EYES | {"embed_dim": 32}}),
    "Qwen 2.5 VL": (
        "qwen2_5_vl",
        {"text_config": LLAMA | MROPE, "vision_config": QWEN_EYES | {"out_hidden_size": 32, "intermediate_size": 64}},
    ),
    "Qwen 3 VL": (
        "qwen3_vl",
        {
            "text_config": HEADS | MROPE,
            "vision_config": QWEN_EYES
            | {"out_hidden_size": 32, "intermediate_size": 64, "deepstack_visual_indexes": [0]},
        },
    ),
    # refused
    "CANINE": (
        "canine",
        BERT
        | {
            **{"downsampling_rate": 2, "upsampling_kernel_size": 2, "local_transformer_stride": 4},
            "num_hash_buckets": 64,
        },
    ),
    "CLIP": ("clip", {"text_config": CLIP_TEXT, "vision_config": EYES}),
    "CTRL": ("ctrl", GPT2 | {"dff": 64}),
    "DINOv2": ("dinov2", EYES),
    "I-BERT": ("ibert", OFFSET),
    "LayoutLM": ("layoutlm", BERT),
    "LiLT": ("lilt", BERT),
    "Reformer": (
        "reformer",
        {
            **{"hidden_size": 32, "feed_forward_size": 64, "attn_layers": ["local"] * 3, "num_attention_heads": 4},
            **{"vocab_size": SIZE, "axial_pos_shape": [16, 16], "axial_pos_embds_dim": [8, 24]},
            **{"attention_head_size": 8, "local_attn_chunk_length": 8, "max_position_embeddings": 256},
        },
    ),
    "ResNet": ("resnet", {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1]}),
    "SigLIP": ("siglip", {"text_config": CLIP_TEXT, "vision_config": EYES}),
    "ViT": ("vit", EYES),
    "wav2vec 2": (
        "wav2vec2",
        {
            **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4},
            **{"conv_dim": [8, 8], "conv_kernel": [3, 3], "conv_stride": [2, 2], "num_feat_extract_layers": 2},
            **{"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
        },
    ),
    "Whisper": (
        "whisper",
        {key: value for key, value in BART.items() if key != "max_position_embeddings"},
    ),
}


def save(name: str, folder: Path) -> Path:
    """A tiny random model of the family with a tokenizer of words, in `folder`."""
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from conftest import _tokenizer

    logging.disable_progress_bar()
    kind, options = FAMILIES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # As wide as in conftest: attention has to look somewhere in particular.
        wide = {} if "text_config" in options else {"initializer_range": 0.15}
        model = AutoModel.from_config(AutoConfig.for_model(kind, **{**options, **wide}))
    _tokenizer("bert").save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def row(name: str, folder: Path) -> str:
    """The family's line of the table: what was tried on a model saved in `folder`, and what came of it."""
    from seqreprog.errors import BackboneError
    from seqreprog.sources.language import load_backbone

    kind = FAMILIES[name][0]
    path = save(name, folder)
    try:
        backbone = load_backbone(path)
    except BackboneError as error:
        assert ". Pass " in str(error)
        reason = str(error).split(f"{str(path)!r}", 1)[1].split(". Pass ")[0].replace("cannot be used: ", "")
        reason = re.sub(r" \(\w+: .*", "", reason).lstrip(", ")  # what a library says changes with it
        return f"| {name} | `{kind}` | refused: {reason} |"
    states_are_the_same_in_company(backbone)
    words = "wider states" if backbone.width < backbone.state_width else ""
    notes = [note for note in (words, "" if backbone.capabilities.masks else "padding left out") if note]
    cells = [forecasts(path), prefix(backbone), cut(path), infills(path), peft(path), ", ".join(notes)]
    return f"| {name} | `{kind}` | {' | '.join(cells)} |"


def soft(backbone: Any, rows: int = 3, length: int = 6) -> Any:
    import torch

    from seqreprog.types import SoftTokens

    embeds = torch.randn(rows, length, backbone.width, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[0, 4:] = False
    return SoftTokens(embeds.requires_grad_(), mask)


def prompts() -> Any:
    import torch

    from seqreprog.types import TokenIds

    lengths, longest = torch.tensor([2, 9, 5]), 9
    mask = torch.arange(longest) >= longest - lengths[:, None]
    return TokenIds(torch.randint(10, 100, mask.shape, generator=torch.Generator().manual_seed(1)) * mask, mask)


def relative(found: Any, expected: Any) -> float:
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


def states_are_the_same_in_company(backbone: Any) -> None:
    """Raises `AssertionError` where a row's states, or their gradients, depend on the padding beside it."""
    import torch

    from seqreprog.types import SoftTokens, TokenIds

    tokens, prompt = soft(backbone), prompts()
    together = backbone(tokens, backbone.embed(prompt))
    assert together.isfinite().all()
    towards = torch.randn(together.shape, generator=torch.Generator().manual_seed(3))
    (gradient,) = torch.autograd.grad((together * towards).sum(), tokens.embeds)
    for place, (mask, spoken) in enumerate(zip(tokens.mask, prompt.mask, strict=True)):
        alone = SoftTokens(tokens.embeds[place : place + 1, mask], mask[mask][None])
        ids = prompt.ids[place : place + 1, spoken]
        states = backbone(alone, backbone.embed(TokenIds(ids, torch.ones_like(ids, dtype=torch.bool))))
        assert relative(together[place, mask], states[0]) < 1e-4
        (own,) = torch.autograd.grad((states[0] * towards[place, mask]).sum(), alone.embeds)
        assert own.abs().max() > 0
        assert relative(gradient[place, mask], own[0]) < 1e-3


def prefix(backbone: Any) -> str:
    """How the prompt is read; a causal model's keys and values must give what one plain pass gives."""
    from seqreprog.types import Prefix

    tokens, suffix = soft(backbone), prompts()
    static = [11, 12, 13, 14]
    prompt = backbone.prompt(static, suffix, tokens)
    if not isinstance(prompt, Prefix):
        return "one pass"
    if not backbone.causal:
        return "prefix-LM"
    plain = backbone.embed(backbone._joined(static, suffix, 3))
    assert relative(backbone(tokens, prompt), backbone(tokens, plain)) < 1e-4
    return "exactly"


def cut(path: Path) -> str:
    """Whether one layer of two and more can be had, which then reads as the first of the whole does."""
    import torch

    from seqreprog.errors import BackboneError
    from seqreprog.sources.language import load_backbone

    whole = load_backbone(path)
    try:
        first = load_backbone(path, layers=1)
    except BackboneError as error:
        assert "Pass layers=None" in str(error)
        return "no"
    kept, all_of_them = first.model.state_dict(), whole.model.state_dict()
    assert set(kept) <= set(all_of_them)
    assert all(torch.equal(weight, all_of_them[key]) for key, weight in kept.items())
    tokens = soft(first)
    assert relative(behind_the_first(first, tokens), behind_the_first(whole, tokens)) < 1e-5
    return "yes"


def behind_the_first(backbone: Any, tokens: Any) -> Any:
    """What the first of the model's blocks answers."""
    import torch

    lists = [part for part in backbone.model.modules() if isinstance(part, torch.nn.ModuleList) and len(part)]
    block = max(lists, key=lambda part: sum(weight.numel() for weight in part.parameters()))[0]
    seen: list[Any] = []
    handle = block.register_forward_hook(lambda module, given, answer: seen.append(answer))
    try:
        with torch.no_grad():
            backbone(tokens)
    finally:
        handle.remove()
    return seen[0][0] if isinstance(seen[0], tuple | list) else seen[0]


def forecasts(path: Path) -> str:
    """Fits and forecasts, probed and by gradient; `train` where only the latter can be."""
    import numpy as np
    import pandas as pd

    from seqreprog import Adapter, Forecaster, Training

    steps = np.arange(60)
    frame = pd.DataFrame({"unique_id": "a", "ds": steps, "y": np.sin(steps / 3)})
    adapter = Adapter(patch=8, stride=8, hidden=8, heads=2, head_width=4, n_prototypes=8, features=4)
    common: dict[str, Any] = {"max_steps": 2, "batch_size": 8, "validation_windows": 8, "progress": False, "threads": 1}
    for training in (Training(mode="probe", progress=False, threads=1), Training(mode="train", **common)):
        model = Forecaster(4, context=16, backbone=path, layers=None, base="none", adapter=adapter, training=training)
        assert np.isfinite(quietly(lambda model=model: model.fit(frame).predict())["seqreprog"]).all()
    return "yes"


def infills(path: Path) -> str:
    """Fills blanks of sequences, the head solved on the states of every layer, or by gradient where none are listed."""
    from seqreprog import SequenceInfiller, SequenceOptions, Training
    from seqreprog.errors import BackboneError

    texts = ["ACDEFGHIKL"[place % 5 :] + "MNPQ" for place in range(24)]
    train = Training(mode="train", max_steps=2, batch_size=4, progress=False, threads=1)
    for answer, training in (("yes", Training(progress=False, threads=1)), ("by gradient", train)):
        options = SequenceOptions(training=training)
        try:
            model = SequenceInfiller(backbone=path, layers=None, base="none", options=options)
            filled = quietly(lambda model=model: model.fit(texts).predict(["AC_EFGHIKLMNPQ"]))
        except BackboneError:
            continue
        assert len(filled) == 1
        return answer
    return "no"


def peft(path: Path) -> str:
    """Whether LoRA trains in it: by peft's defaults, or where the layers to change are named."""
    import torch
    from peft import LoraConfig

    from seqreprog.errors import ConfigError
    from seqreprog.sources.language import load_backbone, with_peft

    backbone = load_backbone(path)
    tokens = soft(backbone)
    layers: dict[str, Any] = {"yes": None, "`all-linear`": "all-linear", "`v_proj`": ["v_proj"]}
    for answer, targets in layers.items():
        try:
            tuned = quietly(lambda targets=targets: with_peft(backbone, LoraConfig(target_modules=targets)))
            states = tuned(tokens)
        except (ConfigError, AttributeError):  # all-linear changes routers of experts too, whose answers are no tensors
            continue
        trained = [weight for weight in tuned.model.parameters() if weight.requires_grad]
        (states * torch.randn(states.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
        if any(weight.grad is not None and bool(weight.grad.any()) for weight in trained):
            return answer
    return "no"


def quietly(run: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run()


def page(lines: list[str], text: str) -> str:
    """The text of the page with these rows; what stands beside the tables is written by hand."""
    import transformers

    refused = [line for line in lines if "| refused: " in line]
    works = sorted({*lines} - {*refused}, key=str.casefold)
    parts = {
        "works": [
            "| family | `model_type` | forecast | prompt | first layers | infill | peft | |",
            "|---" * 8 + "|",
            *works,
        ],
        "refused": ["| family | `model_type` | why |", "|---" * 3 + "|", *sorted(refused, key=str.casefold)],
    }
    for name, part in parts.items():
        table = "\n".join(part).replace("| refused: ", "| ")
        before, rest = text.split(f"<!-- {name} -->\n", 1)
        text = f"{before}<!-- {name} -->\n{table}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"
    return re.sub(r"transformers \d+\.\d+\.\d+", f"transformers {transformers.__version__}", text)


def main(asked: list[str]) -> None:
    whole = asked[:1] == ["--page"]
    lines = []
    for name, (kind, _) in FAMILIES.items():
        if whole or name in asked or kind in asked:
            with tempfile.TemporaryDirectory() as folder:
                lines.append(row(name, Path(folder)))
            print(lines[-1], flush=True)
    if whole:
        place = Path(asked[1])
        place.write_text(page(lines, place.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
