"""Our `mha` network as an ONNX graph of the operators that are fastest on CPUs: how its own users would build it."""

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from benchmarks.peers.llama_parts import Array, LlamaLayer, ends, layers
from model.networks.config import NetworkConfig
from model.networks.decoder import Decoder

BLOCK = 64  # weights that share a scale
MICROSOFT = "com.microsoft"
EPSILON = 1e-5


def onnx_model(network: Decoder) -> bytes:
    """Inputs: ids (1, T), `newest` position, `length` after them, the past; outputs: logits (1, 1, V), the present."""
    return Graph(network).bytes()


class Graph:
    def __init__(self, network: Decoder) -> None:
        self._config = network.config
        self._network = network
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = [
            helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "T"]),
            helper.make_tensor_value_info("newest", TensorProto.INT32, [1]),
            helper.make_tensor_value_info("length", TensorProto.INT32, [1]),
        ]
        logits = [1, 1, network.config.vocabulary]
        self._outputs: list[ValueInfoProto] = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, logits)]

    def bytes(self) -> bytes:
        embedding, norm = ends(self._network)
        self._constant("cos", _angles(self._config, np.cos))
        self._constant("sin", _angles(self._config, np.sin))
        x = self._node("Gather", [self._constant("embedding", embedding), "ids"], "embedded")
        added = None
        for i, layer in enumerate(layers(self._network)):
            x, added = self._layer(i, layer, x, added)
        normed, _ = self._norm("normed", x, added, norm)
        last = self._node("Gather", [normed, self._constant("last", np.array([-1], np.int64))], "newest_row", axis=1)
        self._linear("logits", last, embedding)
        graph = helper.make_graph(self._nodes, "decoder", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
        return model

    def _layer(self, i: int, layer: LlamaLayer, x: str, added: str | None) -> tuple[str, str]:
        """Returns the stream, and what is still to be added to it: the next norm does both at once."""
        normed, x = self._norm(f"normed_a{i}", x, added, layer.norm_attention)
        qkv = self._linear(f"qkv{i}", normed, np.concatenate([layer.q, layer.k, layer.v]))
        out = self._linear(f"out{i}", self._attention(i, qkv), layer.out)
        normed, x = self._norm(f"normed_m{i}", x, out, layer.norm_mlp)
        gate = self._linear(f"gate{i}", normed, layer.gate)
        up = self._linear(f"up{i}", normed, layer.up)
        opened = self._node("Mul", [gate, self._node("Sigmoid", [gate], f"sigmoid{i}")], f"silu{i}")
        return x, self._linear(f"down{i}", self._node("Mul", [opened, up], f"gated{i}"), layer.down)

    def _attention(self, i: int, qkv: str) -> str:
        config = self._config
        shape = [1, config.heads, config.context, config.head_size]
        for kind in "kv":
            self._inputs.append(helper.make_tensor_value_info(f"past_{kind}{i}", TensorProto.FLOAT, shape))
            self._outputs.append(helper.make_tensor_value_info(f"present_{kind}{i}", TensorProto.FLOAT, shape))
        node = helper.make_node(
            "GroupQueryAttention",
            [qkv, "", "", f"past_k{i}", f"past_v{i}", "newest", "length", "cos", "sin"],
            [f"attended{i}", f"present_k{i}", f"present_v{i}"],
            domain=MICROSOFT,
            num_heads=config.heads,
            kv_num_heads=config.heads,
            do_rotary=1,
            rotary_interleaved=0,
        )
        self._nodes.append(node)
        return f"attended{i}"

    def _norm(self, name: str, x: str, added: str | None, weight: Array) -> tuple[str, str]:
        """Returns the normed sum, and the sum."""
        scale = self._constant(f"{name}_weight", weight)
        if added is None:
            return self._node("SimplifiedLayerNormalization", [x, scale], name, axis=-1, epsilon=EPSILON), x
        outputs = [name, "", "", f"{name}_sum"]
        kind = "SkipSimplifiedLayerNormalization"
        self._nodes.append(helper.make_node(kind, [x, added, scale], outputs, domain=MICROSOFT, epsilon=EPSILON))
        return name, f"{name}_sum"

    def _linear(self, name: str, x: str, weight: Array) -> str:
        quantised, scales = _int8(weight)
        inputs = [x, self._constant(f"{name}_weight", quantised), self._constant(f"{name}_scales", scales)]
        rows, columns = weight.shape
        attributes = {"K": columns, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}  # 4: int8 products
        self._nodes.append(helper.make_node("MatMulNBits", inputs, [name], domain=MICROSOFT, **attributes))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: float) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def _int8(weight: Array) -> tuple[NDArray[np.uint8], Array]:
    """(rows, columns) -> (rows, blocks, BLOCK) around 128, and the scales (rows * blocks)."""
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    scales = np.abs(blocks).max(-1) / 127
    quantised = np.round(blocks / scales[..., None]) + 128
    return quantised.astype(np.uint8), scales.astype(np.float32).reshape(-1)


def _angles(config: NetworkConfig, wave: "np.ufunc") -> Array:
    half = config.head_size // 2
    turns: Array = wave(np.arange(config.context)[:, None] * config.rope_base ** -(np.arange(half) / half))
    return turns.astype(np.float32)
