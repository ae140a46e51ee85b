"""llama.cpp: q8_0 weights, by its C interface, with the attention that is its fastest for the head size."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gguf
import llama_cpp
import numpy as np

from benchmarks.peers.llama_parts import Array, ends, layers
from model.networks.config import NetworkConfig
from model.networks.decoder import Decoder

MOST_TOKENS = 2048  # in one call
SILENCE = llama_cpp.llama_log_callback(lambda level, text, user_data: None)  # it tells at length what it loads


class LlamaCpp:
    name = "llama.cpp q8_0"

    def __init__(self, network: Decoder) -> None:
        self._vocabulary = network.config.vocabulary
        llama_cpp.llama_backend_init()
        llama_cpp.llama_log_set(SILENCE, ctypes.c_void_p(0))
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "network.gguf"
            write_gguf(network, file)
            loading = llama_cpp.llama_model_default_params()
            loading.use_mmap = False
            self._model = llama_cpp.llama_model_load_from_file(str(file).encode(), loading)
        self._context = llama_cpp.llama_init_from_model(self._model, _parameters(network.config))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(MOST_TOKENS, 0, 1)

    def extend(self, keep: int, tokens: Sequence[int]) -> int:
        """Rewind to `keep` tokens, append these; the likeliest next."""
        return int(self._run(keep, tokens).argmax())

    def logits(self, tokens: Sequence[int]) -> Array:
        """After the last of `tokens`, which are all."""
        return self._run(0, tokens).copy()

    def _run(self, keep: int, tokens: Sequence[int]) -> Array:
        llama_cpp.llama_memory_seq_rm(self._memory, 0, keep, -1)
        for at in range(0, len(tokens), MOST_TOKENS):
            self._decode(keep + at, tokens[at : at + MOST_TOKENS])
        logits = llama_cpp.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(logits, shape=(self._vocabulary,))

    def _decode(self, start: int, tokens: Sequence[int]) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token, start + i, 1, 0
            batch.logits[i] = i == len(tokens) - 1
        failed = llama_cpp.llama_decode(self._context, batch)
        assert not failed, f"expected llama.cpp to decode, got {failed}"


def _parameters(config: NetworkConfig) -> Any:
    given = llama_cpp.llama_context_default_params()
    given.n_ctx = -(-config.context // 256) * 256
    given.n_batch, given.n_ubatch = MOST_TOKENS, 512
    given.n_threads = given.n_threads_batch = 1
    # Its f16 dot products take 32 numbers at a time and the rest one by one: at our head size of 48 a plain f32 cache
    # without flash attention is twice as fast.
    if config.head_size % 32:
        given.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        given.type_k = given.type_v = llama_cpp.GGML_TYPE_F32
    else:
        given.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    return given


def write_gguf(network: Decoder, file: Path) -> None:
    config = network.config
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(config.layers)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(config.vocabulary)
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    embedding, norm = ends(network)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", norm)
    _add_q8(writer, "output", embedding)
    for i, layer in enumerate(layers(network)):
        writer.add_tensor(f"blk.{i}.attn_norm.weight", layer.norm_attention)
        writer.add_tensor(f"blk.{i}.ffn_norm.weight", layer.norm_mlp)
        _add_q8(writer, f"blk.{i}.attn_q", _interleaved(layer.q, config.heads))
        _add_q8(writer, f"blk.{i}.attn_k", _interleaved(layer.k, config.heads))
        _add_q8(writer, f"blk.{i}.attn_v", layer.v)
        _add_q8(writer, f"blk.{i}.attn_output", layer.out)
        _add_q8(writer, f"blk.{i}.ffn_gate", layer.gate)
        _add_q8(writer, f"blk.{i}.ffn_up", layer.up)
        _add_q8(writer, f"blk.{i}.ffn_down", layer.down)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_q8(writer: Any, name: str, weight: Array) -> None:
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)


def _interleaved(weight: Array, heads: int) -> Array:
    """llama.cpp turns neighbours together where we turn halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
