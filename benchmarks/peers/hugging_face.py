"""HF transformers: a Llama in float32, `generate` with its static cache."""

from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from benchmarks.peers.llama_parts import Array, ends, layers
from model.networks.decoder import Decoder


class HuggingFace:
    name = "HF generate f32"

    def __init__(self, network: Decoder) -> None:
        self._llama = _llama(network)

    @torch.inference_mode()
    def logits(self, tokens: Sequence[int]) -> Array:
        """After the last of `tokens`."""
        logits: Array = self._llama(torch.tensor([tokens])).logits[0, -1].numpy()
        return logits

    @torch.inference_mode()
    def decode(self, context: Sequence[int], count: int) -> list[float]:
        """Read the context, generate `count` tokens after it; the milliseconds of each but the first."""
        clock = Clock()
        settings = GenerationConfig(
            max_new_tokens=count + 1,
            do_sample=False,
            cache_implementation="static",
            disable_compile=True,  # it would take a minute, and serve one shape
            eos_token_id=None,
            pad_token_id=0,
        )
        prompt = torch.tensor([context])
        mask = torch.ones_like(prompt)
        self._llama.generate(prompt, attention_mask=mask, generation_config=settings, streamer=clock)
        return [(after - before) / 1e6 for before, after in pairwise(clock.moments[1:])]  # [0] is the prompt


class Clock:
    """A streamer that notes when each token came."""

    def __init__(self) -> None:
        self.moments: list[int] = []

    def put(self, value: Any) -> None:
        self.moments.append(perf_counter_ns())

    def end(self) -> None:
        """Required of a streamer."""


def _llama(network: Decoder) -> Any:
    config = network.config
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            intermediate_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.head_size,
            max_position_embeddings=config.context,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=None,
        )
    )
    llama.load_state_dict({name: torch.from_numpy(value) for name, value in _state(network).items()})
    return llama.eval()


def _state(network: Decoder) -> dict[str, Array]:
    embedding, norm = ends(network)
    state = {"model.embed_tokens.weight": embedding, "model.norm.weight": norm, "lm_head.weight": embedding}
    for i, layer in enumerate(layers(network)):
        names = {
            "input_layernorm": layer.norm_attention,
            "self_attn.q_proj": layer.q,
            "self_attn.k_proj": layer.k,
            "self_attn.v_proj": layer.v,
            "self_attn.o_proj": layer.out,
            "post_attention_layernorm": layer.norm_mlp,
            "mlp.gate_proj": layer.gate,
            "mlp.up_proj": layer.up,
            "mlp.down_proj": layer.down,
        }
        state |= {f"model.layers.{i}.{name}.weight": value for name, value in names.items()}
    return state
