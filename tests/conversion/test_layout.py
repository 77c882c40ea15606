"""Where the pixel axes are, according to the graph alone."""

import pytest
import torch

from jpegdomain.conversion.layout import layout
from jpegdomain.conversion.tracing import trace

from .models import nets

AFTER = {
    "nothing": (lambda x: x + 1, (4, (2, 3))),
    "permute": (lambda x: x.permute(0, 2, 3, 1), (4, (1, 2))),
    "permute by tuple": (lambda x: torch.permute(x, (0, -2, -1, 1)), (4, (1, 2))),
    "permute by keyword": (lambda x: torch.permute(x, dims=(2, 3, 0, 1)), (4, (0, 1))),
    "transpose": (lambda x: x.transpose(1, -1), (4, (1, 2))),
    "groups": (lambda x: x.view(x.size(0), 2, 3, x.size(2), -1), (5, (3, 4))),
    "heads": (lambda x: x.permute(0, 2, 3, 1).reshape(2, 8, 8, 2, 3), (5, (1, 2))),
    "unsqueeze": (lambda x: x.unsqueeze(-1), (5, (2, 3))),
    "squeeze": (lambda x: x.unsqueeze(1).squeeze(1), (4, (2, 3))),
    "stack": (lambda x: torch.stack([x, x], 0), (5, (3, 4))),
    "sum of an axis": (lambda x: x.unsqueeze(1).sum(1), (4, (2, 3))),
    "mean that is kept": (lambda x: x.mean(1, keepdim=True), (4, (2, 3))),
    "channel": (lambda x: x[:, 0], (3, (1, 2))),
    "new axis": (lambda x: x[:, None, 0], (4, (2, 3))),
    "flattened": (lambda x: x.unsqueeze(1).flatten(0, 1), (4, (2, 3))),
    "chunk": (lambda x: x.permute(0, 2, 3, 1).chunk(2, 3)[0], (4, (1, 2))),
    "unbound": (lambda x: x.unbind(1)[0], (3, (1, 2))),
    "widest": (lambda x: x.mean(1) * x.unsqueeze(0), (5, (3, 4))),
}


@pytest.mark.parametrize("name", AFTER)
def test_layouts(name):
    function, expected = AFTER[name]
    graph = trace(nets(lambda self, x: function(x))).graph
    returned = next(node for node in graph.nodes if node.op == "output").args[0]
    assert layout(returned) == expected
