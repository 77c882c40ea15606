"""``torch.export`` and ONNX: graphs of tensors, for any number of images, that give the spatial network's answers."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

import jpegdomain as jd

from ..codec.oracle import jpeg, noise
from .nets import PLANS, SIZE, close, from_torch_2_7, images, net, pixels


def exported(module, **options):
    with torch.no_grad():
        return torch.export.export(module, module.example_inputs(), dynamic_shapes=module.dynamic_shapes, **options)


@from_torch_2_7
@pytest.mark.parametrize("plan", PLANS)
def test_coefficients_to_logits(plan):
    model = net()
    program = exported(jd.exportable(jd.convert(model, plan=plan), SIZE))
    assert close(program.module()(jd.encode(pixels(3)).coefficients), model(pixels(3)))


@from_torch_2_7
def test_quantised_coefficients_to_logits():
    model = net()
    converted = jd.convert(model, plan="fused")
    files = images(3, subsampling="4:2:0")
    module = jd.exportable(converted, files[0])
    expected = model(converted.jpeg_entry.normalised_pixels(jd.collate(files, dtype=torch.float64)))
    inputs = module.inputs(files)
    assert close(module(*inputs), expected)
    program = exported(module)
    assert close(program.module()(*inputs), expected)
    kinds = {tensor.dtype for tensor in (*inputs[0], inputs[1])}
    assert kinds == {torch.int16, torch.int32}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("kind", [dict(subsampling="4:4:4"), dict(subsampling="4:2:2"), dict(keep_rgb=True), "gray"])
def test_every_kind_of_file(kind, plan):
    model = net()
    converted = jd.convert(model, plan=plan)
    files = [jd.read_jpeg(jpeg(noise(*SIZE, channels=1), quality=60))] if kind == "gray" else images(2, **kind)
    module = jd.exportable(converted, files[0])
    expected = model(converted.jpeg_entry.normalised_pixels(jd.collate(files, dtype=torch.float64)))
    assert close(module(*module.inputs(files)), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_models_dequantise_in_float32(dtype):
    converted = jd.convert(net(torch.float32), plan="fused").to(dtype)
    files = images(2, subsampling="4:2:0")
    module = jd.exportable(converted, files[0])
    with torch.no_grad():
        assert close(module(*module.inputs(files)), converted(jd.collate(files, dtype=dtype)), 0.02)


# torch's warnings about parameters in channels-last memory, and about what it reads itself.
@pytest.mark.filterwarnings("ignore:No complete tensor found", "ignore:The given buffer is not writable")
@from_torch_2_7
def test_exported_programs_are_saved_without_the_packages_classes():
    model = net()
    stored = io.BytesIO()
    torch.export.save(exported(jd.exportable(jd.convert(model, plan="fused"), SIZE)), stored)
    stored.seek(0)
    program = torch.export.load(stored)
    assert close(program.module()(jd.encode(pixels(3)).coefficients), model(pixels(3)))


@from_torch_2_7
def test_activations_are_inputs_of_exported_programs():
    model = torch.nn.Sequential(net().first)
    program = torch.export.export(jd.convert(model), (jd.encode(pixels()),))
    assert close(program.module()(jd.encode(pixels())), model(pixels()))


def test_files_of_another_kind_are_refused():
    module = jd.exportable(jd.convert(net()), images(1, subsampling="4:2:0")[0])
    with pytest.raises(jd.errors.ExtentMismatchError, match=r"takes ycbcr files of 19×12.*4:4:4|takes ycbcr files"):
        module.inputs(images(1, subsampling="4:4:4"))
    few = jd.read_jpeg(jpeg(noise(*SIZE), subsampling="4:2:0"), keep=3)
    with pytest.raises(jd.errors.InputError, match=r"whole blocks.*keep=3"):
        module.inputs([few])
    with pytest.raises(jd.errors.UnsupportedJpegError, match="unknown"):
        jd.exportable(module.converted, replace(images(1)[0], color="unknown"))
    with pytest.raises(jd.errors.InputError, match="takes a converted model, got Net"):
        jd.exportable(net(), SIZE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torch_jit_trace_is_refused():
    module = jd.exportable(jd.convert(net()), SIZE)
    with pytest.raises(jd.errors.InputError, match=r"torch\.export with jpegdomain\.exportable\(model\)"):
        torch.jit.trace(module, module.example_inputs())


# torch's own exporter, on its way through torch's own structures.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore::DeprecationWarning", "ignore:# The axis name")
@pytest.mark.parametrize("plan", ["fused", pytest.param("transform", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["coefficients", "files"])
def test_onnx(plan, kind, tmp_path):
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = net(torch.float32)
    converted = jd.convert(model, plan=plan)
    if kind == "files":
        files = images(3, subsampling="4:2:0")
        module = jd.exportable(converted, files[0])
        quantised, tables = module.inputs(files)
        seen, inputs = converted.jpeg_entry.normalised_pixels(jd.collate(files)), [*quantised, tables]
    else:
        module = jd.exportable(converted, SIZE)
        seen = pixels(3, dtype=torch.float32)
        inputs = [jd.encode(seen).coefficients]
    path = tmp_path / "net.onnx"
    torch.onnx.export(
        module, module.example_inputs(), path, dynamo=True, dynamic_shapes=module.dynamic_shapes, verbose=False
    )
    assert {node.domain for node in onnx.load(path).graph.node} == {""}
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    (logits,) = session.run(None, {n: np.ascontiguousarray(x) for n, x in zip(names, inputs, strict=True)})
    with torch.no_grad():
        assert close(torch.from_numpy(logits), model(seen), 1e-4)
