"""ONNX Runtime: int8 weights in blocks of 64 (MatMulNBits), its fused attention, a cache bound in place."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.peers.llama_parts import Array
from benchmarks.peers.onnx_graph import onnx_model
from model.networks.decoder import Decoder


class OnnxRuntime:
    name = "ONNX Runtime int8"

    def __init__(self, network: Decoder) -> None:
        config = network.config
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(onnx_model(network), options, providers=["CPUExecutionProvider"])
        self._logits = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1, config.vocabulary), np.float32))
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_output("logits", self._logits)
        shape = (1, config.heads, config.context, config.head_size)
        for layer in range(config.layers):
            for kind in "kv":
                cache = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))  # it is not copied
                self._binding.bind_ortvalue_input(f"past_{kind}{layer}", cache)
                self._binding.bind_ortvalue_output(f"present_{kind}{layer}", cache)

    def extend(self, keep: int, tokens: Sequence[int]) -> int:
        """Rewind to `keep` tokens, append these; the likeliest next."""
        return int(self._run(keep, tokens).argmax())

    def logits(self, tokens: Sequence[int]) -> Array:
        """After the last of `tokens`, which are all."""
        return self._run(0, tokens).copy()

    def _run(self, keep: int, tokens: Sequence[int]) -> NDArray[np.float32]:
        length = keep + len(tokens)
        fed = {
            "ids": np.array([tokens], np.int64),
            "newest": np.array([length - 1], np.int32),
            "length": np.array([length], np.int32),
        }
        for name, value in fed.items():
            self._binding.bind_cpu_input(name, value)
        self._session.run_with_iobinding(self._binding)
        logits: Array = self._logits.numpy()[0, 0]
        return logits
