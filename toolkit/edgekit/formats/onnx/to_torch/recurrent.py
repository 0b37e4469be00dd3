"""LSTM, GRU and RNN by torch's own, which unroll when they are lowered."""

from typing import Any

import numpy as np

from edgekit.formats.onnx.to_torch.graph import Graph, Node, Unsupported, Value
from edgekit.formats.onnx.to_torch.registry import converts

# Where each of torch's gates stands among ONNX's.
GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
ACTIVATIONS = {
    "LSTM": (["Sigmoid", "Tanh", "Tanh"],),
    "GRU": (["Sigmoid", "Tanh"],),
    "RNN": (["Tanh"], ["Relu"]),
}


@converts("LSTM", "GRU", "RNN")
def recurrent(g: Graph, n: Node) -> list[Value]:
    """Convert a recurrent layer, forward, reverse or both.

    Input `(steps, batch, features)`; outputs `(steps, directions, batch, hidden)` and the last
    states `(directions, batch, hidden)`.
    """
    activation = _check(n)
    x, hidden = n.tensor(0), n.attr("hidden_size")
    steps, batch, _ = x.shape
    direction = n.attr("direction", "forward")
    directions = 2 if direction == "bidirectional" else 1
    x = g.call("flip", x, [0]) if direction == "reverse" else x
    zeros = g.constant(np.zeros((directions, batch, hidden), np.float32))
    states = [n.optional(5) or zeros]
    if n.op == "LSTM":
        states.append(n.optional(6) or zeros)
    if n.op == "GRU" and not n.attr("linear_before_reset", 0):
        sequence, *last = _gru_reset_first(g, n, x, states[0])
    else:
        name = {"LSTM": "lstm", "GRU": "gru", "RNN": f"rnn_{activation.lower()}"}[n.op]
        flags = (True, 1, 0.0, False, directions == 2, False)
        first: Any = states if n.op == "LSTM" else states[0]
        sequence, *last = g.calls(name, x, first, _weights(g, n, directions), *flags)
    sequence = g.call("reshape", sequence, [steps, batch, directions, hidden])
    sequence = g.call("permute", sequence, [0, 2, 1, 3])
    return [g.call("flip", sequence, [0]) if direction == "reverse" else sequence, *last]


def _check(n: Node) -> str:
    """Refuse what torch has no counterpart of; return the last activation."""
    n.refuse("layout", 0)
    n.refuse("input_forget", 0)
    n.refuse("clip", 0.0)
    lengths = n.ints(4)
    if lengths and set(lengths) != {n.tensor(0).shape[0]}:
        raise Unsupported(f"got sequence_lens {lengths}, expected all steps")
    if n.op == "LSTM" and n.optional(7) is not None and n.tensor(7).numpy().any():
        raise Unsupported("it has peepholes")
    allowed = ACTIVATIONS[n.op]
    count = 2 if n.attr("direction", "forward") == "bidirectional" else 1
    found = n.attr("activations") or allowed[0] * count
    if found not in [names * count for names in allowed]:
        raise Unsupported(f"got activations {found}, expected {allowed[0] * count}")
    return str(found[-1])


def _weights(g: Graph, n: Node, directions: int) -> list[Value]:
    """Return torch's four tensors per direction: weights of input and state, and their biases."""
    tables = [_by_gate(n, i) for i in (1, 2)]
    bias = n.optional(3)
    hidden = n.attr("hidden_size")
    rows = len(GATES[n.op]) * hidden
    biases = np.zeros((directions, 2 * rows), np.float32) if bias is None else bias.numpy()
    result = []
    for i in range(directions):
        result += [g.constant(table[i]) for table in tables]
        result += [g.constant(_reordered(part, n.op, hidden)) for part in np.split(biases[i], 2)]
    return result


def _by_gate(n: Node, index: int) -> list[Any]:
    return [_reordered(t, n.op, n.attr("hidden_size")) for t in n.tensor(index).numpy()]


def _reordered(rows: Any, op: str, hidden: int) -> Any:
    parts = [rows[gate * hidden : (gate + 1) * hidden] for gate in GATES[op]]
    return np.concatenate(parts)


def _gru_reset_first(g: Graph, n: Node, x: Value, state: Value) -> tuple[Value, Value]:
    """Unroll the GRU that resets the state before multiplying it, which torch does not have."""
    if n.attr("direction", "forward") == "bidirectional":
        raise Unsupported("got linear_before_reset 0 in both directions")
    hidden = n.attr("hidden_size")
    w_x, w_h, b_x, b_h = _weights(g, n, 1)
    inner = g.constant(w_h.data[2 * hidden :])
    gates = g.constant(w_h.data[: 2 * hidden])
    projected = g.call("nn.linear", x, w_x, g.constant(b_x.data + b_h.data))
    h = g.item(state, (0,))
    outputs = []
    for i in range(x.shape[0]):
        row = g.item(projected, (i,))
        both = g.call("add", g.item(row, (slice(None), slice(0, 2 * hidden))),
                      g.call("nn.linear", h, gates))  # fmt: skip
        reset, update = g.calls("chunk", g.call("sigmoid", both), 2, 1)
        new = g.call("nn.linear", g.call("mul", reset, h), inner)
        new = g.call("add", g.item(row, (slice(None), slice(2 * hidden, None))), new)
        new = g.call("tanh", new)
        h = g.call("add", new, g.call("mul", update, g.call("sub", h, new)))
        outputs.append(h)
    return g.call("stack", outputs), g.call("unsqueeze", h, 0)
