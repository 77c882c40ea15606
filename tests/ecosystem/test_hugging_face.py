"""Hugging Face: data sets of bytes, image processors, and its Trainer, which saves what it trained."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import jpegdomain as jd
from jpegdomain import preprocess as pp
from tests.data.conftest import files

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
datasets = pytest.importorskip("datasets", reason="datasets is not installed")
pytest.importorskip("accelerate", reason="accelerate is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")
CROPS = pp.Compose([pp.Resize(36), pp.CenterCrop(32)])


def dataset(count=8):
    rows = {"image": [{"bytes": data, "path": None} for data in files(count)], "label": [i % 3 for i in range(count)]}
    made = datasets.Dataset.from_dict(rows)
    return made.cast_column("image", datasets.Image(decode=False))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_set_with_a_column_of_images(workers):
    loader = DataLoader(dataset(), 4, collate_fn=jd.PixelCollate(CROPS), num_workers=workers)
    parts = list(loader)
    assert torch.equal(torch.cat([part["pixel_values"] for part in parts]), jd.read_pixels(files(8), preprocess=CROPS))
    assert torch.cat([part["labels"] for part in parts]).tolist() == [i % 3 for i in range(8)]
    stream = DataLoader(dataset().to_iterable_dataset(), 4, collate_fn=jd.PixelCollate(CROPS))
    assert [len(part["labels"]) for part in stream] == [4, 4]


def resnet():
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=3, layer_type="basic"
    )
    torch.manual_seed(0)
    return transformers.ResNetForImageClassification(config)


@pytest.mark.parametrize("kind", ["pixels", "transform", "fused"])
def test_trainer_trains_and_saves(kind, tmp_path):
    model = resnet()
    network = model if kind == "pixels" else jd.convert(model, plan=kind)
    collate = (jd.PixelCollate if kind == "pixels" else jd.Collate)(CROPS)
    settings = transformers.TrainingArguments(
        str(tmp_path / "run"),
        per_device_train_batch_size=4,
        max_steps=3,
        save_steps=2,
        remove_unused_columns=False,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_num_workers=1 if kind == "pixels" else 0,
    )
    trainer = transformers.Trainer(network, settings, data_collator=collate, train_dataset=dataset())
    trainer.train()
    trainer.save_model(str(tmp_path / "saved"))
    assert (tmp_path / "saved" / "model.safetensors").exists()
    trained = network if kind == "pixels" else jd.to_spatial(network)
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "saved" / "model.safetensors")
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=0, atol=0)


def test_trainer_takes_a_folder(tmp_path):
    for number, data in enumerate(files(6)):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    settings = transformers.TrainingArguments(
        str(tmp_path / "run"), max_steps=2, remove_unused_columns=False, report_to=[], use_cpu=True, disable_tqdm=True
    )
    folder = jd.JpegFolder(tmp_path / "data", preprocess=CROPS)
    collate = jd.PixelCollate(as_dict=True)
    transformers.Trainer(resnet(), settings, data_collator=collate, train_dataset=folder).train()


def test_an_image_processor_is_a_preprocess():
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    model = transformers.ViTForImageClassification(config).eval()
    pixels = jd.read_pixels(files(4), preprocess=processor)
    levels = [jd.decode_rgb([jd.read_jpeg(data)])[0] for data in files(4)]
    given = processor(images=levels, input_data_format="channels_first", return_tensors="pt").pixel_values
    torch.testing.assert_close(pixels, given, rtol=0, atol=1e-4)
    with torch.no_grad():
        assert model(pixel_values=pixels).logits.shape == (4, 2)


def test_safetensors_saves_a_converted_model(tmp_path):
    from safetensors.torch import save_file

    for plan in ("transform", "fused"):
        converted = jd.convert(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval(), plan=plan)
        batch = jd.collate([jd.read_jpeg(files(1)[0])])
        with torch.no_grad():
            converted(batch)
        save_file(converted.state_dict(), tmp_path / f"{plan}.safetensors")
