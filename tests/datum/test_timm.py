"""timm's convolutional and hybrid families, a small member each, unmodified and eager, on an `Activation`."""

import pytest
import torch

import jpegdomain as jd

from .same import assert_gradients, assert_same, awake, pixels

timm = pytest.importorskip("timm", reason="timm is not installed: pip install 'jpegdomain[timm]'")

QUICK = [
    "resnet10t",
    "test_efficientnet",
    "test_vit",
    "test_convnext",
    "test_nfnet",
    "test_resnet",
    "tf_mobilenetv3_small_minimal_100",
]
SLOW = [
    *("bat_resnext26ts", "botnet26t_256", "coat_lite_tiny", "coatnet_nano_rw_224", "convit_tiny", "convmixer_768_32"),
    *("convnext_atto", "convnextv2_atto", "crossvit_tiny_240", "cs3darknet_s", "cspresnet50", "davit_tiny"),
    *("densenet121", "dla34", "dpn48b", "edgenext_xx_small", "efficientformer_l1", "efficientformerv2_s0"),
    *("efficientnet_b0", "efficientvit_b0", "efficientvit_m0", "ese_vovnet19b_dw", "fastvit_t8", "focalnet_tiny_srf"),
    *("gcresnext26ts", "gernet_s", "ghostnet_050", "ghostnetv2_100", "ghostnetv3_050", "halonet26t", "hardcorenas_a"),
    *("hgnet_tiny", "hgnetv2_b0", "hiera_tiny_224", "hrnet_w18_small", "inception_next_atto", "inception_v3"),
    *("inception_resnet_v2", "inception_v4", "lambda_resnet26t", "lcnet_035", "legacy_senet154", "legacy_xception"),
    *("levit_128s", "levit_conv_128s", "mambaout_femto", "maxvit_rmlp_pico_rw_256", "maxxvit_rmlp_nano_rw_256"),
    *("mnasnet_small", "mobilenet_edgetpu_v2_xs", "mobilenetv2_035", "mobilenetv3_small_050", "mobilenetv4_conv_small"),
    *("mobileone_s0", "mobilevit_xxs", "mobilevitv2_050", "mvitv2_tiny", "nasnetalarge", "nest_tiny", "nextvit_small"),
    *("nf_regnet_b0", "nfnet_f0", "pit_ti_224", "pnasnet5large", "poolformer_s12", "pvt_v2_b0", "rdnet_tiny"),
    *("regnetx_002", "regnety_002", "regnetz_005", "repghostnet_050", "repvgg_a0", "repvit_m0_9", "res2net50_14w_8s"),
    *("resmlp_12_224", "resnest14d", "resnet26t", "resnetaa34d", "resnetblur18", "resnetrs50", "resnetv2_50"),
    *(
        "resnext26ts",
        "rexnet_100",
        "sehalonet33ts",
        "selecsls42",
        "semnasnet_075",
        "seresnet18",
        "shvit_s1",
        "skresnet18",
    ),
    *("spnasnet_100", "starnet_s1", "swiftformer_xs", "swin_s3_tiny_224", "swinv2_cr_tiny_224", "tf_efficientnet_b0"),
    *(
        "tf_efficientnetv2_b0",
        "tiny_vit_5m_224",
        "tinynet_e",
        "tresnet_m",
        "twins_svt_small",
        "vgg11_bn",
        "visformer_tiny",
    ),
    *("vit_tiny_r_s16_p8_224", "vovnet39a", "wide_resnet50_2", "xception41", "xcit_nano_12_p16_224", "csatv2"),
]


def prepared(name, **options):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=options.pop("num_classes", 10), **options).double()
    size = model.default_cfg.get("input_size", (3, 64, 64))[1:]
    fixed = model.default_cfg.get("fixed_input_size", False) or name in FIXED
    given = pixels(2, 3, *(size if fixed else (160, 171) if name in LARGER else (64, 96)))
    return awake(model, given), given


LARGER = {"inception_v3", "inception_v4", "inception_resnet_v2"}
FIXED = {"botnet26t_256", "halonet26t", "sehalonet33ts", "lambda_resnet26t", "bat_resnext26ts", "nest_tiny"}


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_families(name):
    model, given = prepared(name)
    with torch.no_grad():
        expected = model(given)
        assert_same(model(jd.encode(given)), expected)


@pytest.mark.parametrize(
    "options",
    [{"features_only": True}, {"global_pool": "", "num_classes": 0}, {"output_stride": 8}, {"num_classes": 0}],
)
@pytest.mark.parametrize("name", ["resnet10t", pytest.param("mobilenetv3_small_050", marks=pytest.mark.slow)])
def test_options(name, options):
    options = dict(options)
    classes = options.pop("num_classes", 10)
    if "output_stride" in options and name != "resnet10t":
        # Newer ones of timm take it with features_only, as they do for all EfficientNets.
        options["features_only"] = True
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=classes, **options).double().eval()
    given = pixels(2, 3, 40, 56)
    with torch.no_grad():
        assert_same(model(jd.encode(given)), model(given))
        if not options.get("features_only"):
            assert_same(model.forward_features(jd.encode(given)), model.forward_features(given))


@pytest.mark.parametrize("name", ["test_efficientnet", pytest.param("convnext_atto", marks=pytest.mark.slow)])
def test_families_train(name):
    model, given = prepared(name)
    assert_gradients(model.train(), given)
