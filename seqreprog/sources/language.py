"""f_S, the frozen model: any Hugging Face language model, read from soft tokens."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..config.forecast import Reading
from ..errors import BackboneError, ConfigError, DependencyError
from ..types import Prefix, SoftTokens, TokenIds
from .capabilities import capabilities
from .loading import OTHER, keep_layers, read
from .memo import Memo
from .prefix import attention, copied, expanded, extend, positions, slides
from .process import LOCK, seeded
from .states import by_length, projected
from .tiny import TINY, tiny_config, tiny_model, tiny_tokenizer
from .tokenizer import tokenizer_digest
from .words import every_state, lists_embeddings, word_scale

SHORTER = "Shorten the prompt, or use longer patches or a longer stride"


class Backbone(nn.Module):
    """A frozen language model: soft tokens in, hidden states out. It stays in `eval`, so its dropout never wakes.

    Attributes:
        model: the Hugging Face model (the encoder alone of an encoder-decoder), all weights frozen.
        tokenizer: its tokeniser.
        name: the id or directory it was loaded from.
        layers: how many of its layers are kept.
        capabilities: what the model does with its inputs, tried once.
        word_scale: what the model multiplies words by that it is given as ids, and vectors not; tried once.
        peft: the options of a peft adapter that trains beside theta and omega, for JSON; `None` where all is frozen.
    """

    peft: dict[str, Any] | None = None
    _untuned: str | None = None  # the fingerprint without that adapter

    def __init__(self, *, model: Any, tokenizer: Any, name: str, layers: int) -> None:
        super().__init__()
        self.model, self.tokenizer, self.name, self.layers = model, tokenizer, name, layers
        self.model.requires_grad_(False)
        self.train(False)
        self._first_position = _first_position(model)
        self.capabilities = capabilities(model, self._first_position)
        self.word_scale = word_scale(model, tokenizer, self._first_position, positions=self.capabilities.positions)
        self._static: Memo[Prefix] = Memo()

    @property
    def width(self) -> int:
        """Of word embeddings and soft tokens."""
        return int(self.model.get_input_embeddings().weight.shape[1])

    @property
    def state_width(self) -> int:
        """Of hidden states; ALBERT, ELECTRA and others have narrower word embeddings."""
        return self.capabilities.width

    @property
    def vocabulary(self) -> Float[Tensor, "word width"]:
        """The word embeddings as the model reads them (Gemma 3 and ESM scale them on the way in)."""
        embedding = self.model.get_input_embeddings()
        if type(embedding) is nn.Embedding and self.word_scale == 1:
            return embedding.weight.detach()
        with torch.no_grad():
            return self._vectors(torch.arange(len(embedding.weight), device=embedding.weight.device))

    @property
    def positions(self) -> int | None:
        """Tokens that one pass can read at most; `None` where the model sets no limit (T5)."""
        limit = getattr(self.model.config, "max_position_embeddings", None)
        return None if limit is None or int(limit) <= 0 else int(limit) - self._first_position

    def train(self, mode: bool = True) -> Backbone:
        """Frozen means frozen: whatever the parent does, the language model stays in evaluation mode."""
        return super().train(False)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        if not len(texts):
            return []  # tokenizers fail on an empty list
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]

    def opening(self) -> list[int]:
        """The token that this model expects at the very start (`[CLS]` or BOS), if it has one."""
        first = self.tokenizer.cls_token_id
        if first is None:
            first = self.tokenizer.bos_token_id
        return [] if first is None else [first]

    def check_positions(self, count: int, remedy: str) -> None:
        """Raises `BackboneError` where `count` tokens do not fit into one pass."""
        if self.positions is not None and count > self.positions:
            raise BackboneError(
                f"backbone {self.name!r} reads {self.positions} positions; prompt and patches need {count}. {remedy}"
            )

    @property
    def causal(self) -> bool:
        """Whether tokens see only what stands before them."""
        return self.capabilities.causal

    @property
    def keeps_keys(self) -> bool:
        """Whether keys and values of a prompt can be handed to it."""
        return self.capabilities.cache is not None

    def check_reading(self, reading: Reading) -> None:
        """Raises `BackboneError` where the prompt cannot be read that way."""
        if reading == "prefix" and self.peft is not None:
            raise BackboneError(
                f"backbone {self.name!r} trains a peft adapter, so the keys of a prompt do not stay as they are. Pass "
                "prompt=Prompt(reading='bidirectional')"
            )
        if reading == "prefix" and not self.keeps_keys:
            raise BackboneError(
                f"backbone {self.name!r} cannot read its prompt as a prefix: a {type(self.model).__name__} takes no "
                "keys and values. Pass prompt=Prompt(reading='auto')"
            )

    def reading_used(self, reading: Reading) -> Literal["prefix", "bidirectional"]:
        """What becomes of `reading` here: keys and values read beforehand, or one pass with the soft tokens."""
        if self.peft is not None or not self.keeps_keys or (reading == "bidirectional" and not self.causal):
            return "bidirectional"
        return "prefix"

    def embed(self, tokens: TokenIds | None) -> SoftTokens | None:
        """A text prompt as word embeddings; with a gradient only where a peft adapter trains them."""
        if tokens is None:
            return None
        # Under the mask a real word: padding is zeros, whose root mean square has no gradient (Gemma 3n).
        return SoftTokens(self._vectors(torch.where(tokens.mask, tokens.ids, tokens.ids[:, -1:])), tokens.mask)

    def prompt(
        self, static: Sequence[int], suffix: TokenIds | None, soft: SoftTokens, reading: Reading = "auto"
    ) -> Prefix | SoftTokens | None:
        """What stands before the soft tokens, without gradient; for `forward`.

        Models that keep keys and values get it as such, and those of the static text are computed once. Others, and
        bidirectional ones under `reading="bidirectional"`, read it in one pass with the soft tokens, so that the prompt
        sees them.

        Args:
            static: token ids that open the prompt of every row.
            suffix: what is said of each row, if anything.
            soft: what will follow.
            reading: see `config.Prompt`.

        Raises:
            BackboneError: gradient checkpointing is on, or `reading="prefix"` asks for keys of a model without.
        """
        self.check_reading(reading)
        rows, length = soft.mask.shape
        total = len(static) + (0 if suffix is None else suffix.ids.shape[1]) + length
        self.check_positions(total, SHORTER)
        if total == length:
            return None
        if self.reading_used(reading) == "bidirectional":
            return self.embed(self._joined(static, suffix, rows))
        shared = expanded(self._read(static), rows) if static else None
        if suffix is None:
            return shared
        if shared is not None and slides(shared, total) and not bool(suffix.mask.all()):
            return self._extend(None, self._joined(static, suffix, rows))
        return self._extend(shared, suffix)

    def forward(
        self, soft: SoftTokens, prompt: Prefix | SoftTokens | None = None, *, layers: bool = False
    ) -> Float[Tensor, "row length width"]:
        """The last hidden states at the soft tokens; 0 at masked ones.

        With `layers` those of every layer, from what the first one reads on, joined to one wide state; of a model
        without layers the last alone.

        Prompts of unequal length are padded and masked, and positions count real tokens only, so that a row gives the
        same states alone or in any batch.
        """
        embeds, mask = soft.embeds, soft.mask
        length = embeds.shape[1]
        slots = torch.arange(length, device=mask.device).expand(mask.shape)
        options: dict[str, Any] = {"use_cache": False} if self.capabilities.use_cache else {}
        if prompt is not None:
            slots = prompt.mask.sum(1, keepdim=True) + slots
            mask = torch.cat([prompt.mask, mask], 1)
        if isinstance(prompt, Prefix):
            options |= {str(self.capabilities.cache): copied(prompt.cache), "use_cache": True}
        elif prompt is not None:
            slots = torch.cat([positions(prompt.mask), slots], 1)
            embeds = torch.cat([prompt.embeds.to(embeds.dtype), embeds], 1)
        self.check_positions(mask.shape[1], SHORTER)

        states = partial(self._states, layers=layers, options=options)
        plain = self.capabilities.masks or bool(mask.all())
        hidden = states(embeds, mask, slots) if plain else by_length(states, embeds, mask, slots)
        return hidden[:, -length:] * soft.mask[..., None]

    def _states(self, embeds: Tensor, mask: Tensor, slots: Tensor, layers: bool, options: dict[str, Any]) -> Tensor:
        """One pass of the language model; `mask` covers a prefix too."""
        if self.capabilities.positions:
            options = options | {"position_ids": slots + self._first_position}
        answer = self.model(inputs_embeds=embeds, output_hidden_states=layers, **options, **attention(mask))
        if not layers:
            return answer.last_hidden_state
        states = every_state(projected(self.model, answer), embeds, self.layers, listed=self._listed)
        return torch.cat(states, -1) if states else answer.last_hidden_state

    def fingerprint(self) -> str:
        """A digest of every frozen weight that is kept, so that an artifact refuses another backbone."""
        if self._untuned is not None:
            return self._untuned
        digest = hashlib.sha256()
        for name, weight in sorted(self.model.state_dict().items()):
            digest.update(f"{name}{tuple(weight.shape)}{weight.dtype}".encode())
            digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def tokenizer_fingerprint(self) -> str:
        """A digest of what the tokenizer does, so that an artifact refuses another one."""
        return tokenizer_digest(self.tokenizer)

    def check_layers(self) -> None:
        """Raises `BackboneError` where the states of every layer are asked for and the model lists none."""
        if not self._whole:
            raise BackboneError(
                f"backbone {self.name!r}, a {type(self.model).__name__}, does not list the states of every layer "
                "alike. Pass training=Training(mode='train'), which reads the last ones"
            )

    def check_words(self, remedy: str) -> None:
        """Raises `BackboneError` where states are to be compared with word embeddings of another width."""
        if self.width != self.state_width:
            raise BackboneError(
                f"backbone {self.name!r}, a {type(self.model).__name__}, has word embeddings of width {self.width} and "
                f"states of width {self.state_width}, so its states cannot answer in words. {remedy}"
            )

    @cached_property
    def _listed(self) -> bool:
        return lists_embeddings(self.model, use_cache=self.capabilities.use_cache)

    @cached_property
    def _whole(self) -> bool:
        """Whether the states of every layer can be had, all as wide as the last."""
        words = self.vocabulary[:3][None]
        soft = SoftTokens(words, torch.ones(words.shape[:2], dtype=torch.bool, device=words.device))
        try:
            with torch.no_grad():
                states = self(soft, layers=True)
        except Exception:  # a model that lists none, or of several shapes, in whatever way it says so
            return False
        return states.shape == (*words.shape[:2], (self.layers + 1) * self.state_width)

    def _vectors(self, ids: Int[Tensor, "*tokens"]) -> Float[Tensor, "*tokens width"]:
        """Words as vectors that the model reads as it reads their ids."""
        return self.word_scale * self.model.get_input_embeddings()(ids)

    def _extend(self, prefix: Prefix | None, tokens: TokenIds) -> Prefix:
        return extend(self.model, prefix, tokens, self._first_position, str(self.capabilities.cache))

    def _read(self, static: Sequence[int]) -> Prefix:
        """The static text alone, as one row: read again only where weights, precision or text have changed."""
        return self._static.get(
            lambda: self._extend(None, self._joined(static, None, 1)), self.model.parameters(), tuple(static)
        )

    def _joined(self, static: Sequence[int], suffix: TokenIds | None, rows: int) -> TokenIds:
        """Static text and suffix as one prompt per row, its padding at the left."""
        device = self.model.get_input_embeddings().weight.device
        ids = torch.tensor(list(static), dtype=torch.long, device=device).expand(rows, -1)
        mask = torch.ones_like(ids, dtype=torch.bool)
        if suffix is None:
            return TokenIds(ids, mask)
        ids, mask = torch.cat([ids, suffix.ids], 1), torch.cat([mask, suffix.mask], 1)
        order = mask.long().argsort(dim=1, stable=True)
        return TokenIds(ids.gather(1, order), mask.gather(1, order))


def load_backbone(name: str | Path, layers: int | None = None) -> Backbone:
    """Loads a language model and freezes it.

    Args:
        name: `"minilm"` (the offline default), a local directory, any Hugging Face id, or `"tiny-random"`: a small
            model with random weights that is made on the spot, to test an interface with.
        layers: keep only the first `layers` layers; `None` keeps all.

    Raises:
        BackboneError: the model is nowhere to be found, is no language model, has no tokenizer, or fewer layers than
            asked for.
    """
    if str(name) == TINY:
        return _tiny(layers)
    loaded = read(str(name), layers)
    try:
        return Backbone(**vars(loaded))
    except BackboneError as error:
        raise BackboneError(f"backbone {str(name)!r} cannot be used: {error}. {OTHER}") from error


def with_peft(backbone: Backbone, config: Any = None, *, seed: int = 0) -> Backbone:
    """Reprogramming beside fine-tuning (Yen et al. 2021): a copy of the backbone with a peft adapter that trains.

    The weights of the language model stay frozen; those of the adapter become part of `Reprogram.adapter_state`.
    Dropout inside the adapter stays off, as all of the backbone's does.

    Args:
        backbone: is left as it was.
        config: any peft config that changes layers, or its `to_dict()`; `None` is LoRA with peft's defaults.
        seed: of the adapter's start. The caller's random state is left as it was.

    Raises:
        DependencyError: peft is not installed.
        ConfigError: the method puts a prompt before the input, or does not know this model's layers.
    """
    try:
        import peft
    except ImportError as error:
        raise DependencyError(
            "peft=... needs the package peft. Install it with pip install 'seqreprog[peft]'"
        ) from error
    config = peft.LoraConfig() if config is None else config
    if isinstance(config, Mapping):
        config = peft.get_peft_config(dict(config))
    if not isinstance(config, peft.PeftConfig) or config.is_prompt_learning:
        raise ConfigError(
            "peft must be a config that changes layers (LoraConfig, IA3Config, ...), for prompts have methods of their "
            f"own (method='soft_prompt'); got {type(config).__name__}"
        )
    config = copy.deepcopy(config)  # peft writes into it which layers it changed
    tuned = Backbone(
        model=copy.deepcopy(backbone.model), tokenizer=backbone.tokenizer, name=backbone.name, layers=backbone.layers
    )
    with LOCK, seeded(seed):
        try:
            peft.inject_adapter_in_model(config, tuned.model)
        except ValueError as error:
            raise ConfigError(f"peft config does not fit backbone {backbone.name!r}: {error}") from error
    tuned.peft, tuned._untuned = _plain(config.to_dict()), backbone.fingerprint()
    return tuned


def _plain(value: Any) -> Any:
    """Options as JSON has them: sets sorted, enums as their text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset | list | tuple):
        return [_plain(inner) for inner in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value.value if isinstance(value, Enum) else value


def _tiny(layers: int | None) -> Backbone:
    config = tiny_config()
    kept = keep_layers(config, layers, TINY)
    with LOCK:
        return Backbone(model=tiny_model(config), tokenizer=tiny_tokenizer(), name=TINY, layers=kept)


def _first_position(model: Any) -> int:
    """RoBERTa counts positions from its padding index plus one; everyone else from 0."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1
