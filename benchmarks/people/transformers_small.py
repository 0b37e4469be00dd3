"""Small nets of the `transformers` library as factories, with seeded weights: none is downloaded.

Their BatchNorm statistics are those of a few forward passes over noise of picture-like structure,
as after training: with those of the start, activations grow or die out over the depth.
"""

from typing import Any

import torch
import transformers as hf
from torch import nn

SIZE = 32
CLASSES = 10
TOKENS = 16
WORDS = 64
# Whisper's encoder takes two frames for each of its positions.
FRAMES, MELS = 64, 16


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    """Return seeded noise, coarse and fine, `(n, 3, 32, 32)` float32 of about unit size."""
    rng = torch.Generator().manual_seed(seed)
    coarse = nn.functional.interpolate(torch.randn(n, 3, 4, 4, generator=rng), SIZE, mode="nearest")
    return coarse + 0.3 * torch.randn(n, 3, SIZE, SIZE, generator=rng)


class _First(nn.Module):
    """The first output of a net of `transformers`, as a plain tensor."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.net(pixel_values)[0]


def _spread(net: nn.Module) -> nn.Module:
    """Draw weights that keep the size of a signal: those of the library's start let it die out."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    return net


def _warm(net: nn.Module) -> nn.Module:
    """Give every BatchNorm the statistics of pictures: the mean of all passes, not a moving one."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    net.train()
    with torch.no_grad():
        for seed in range(20):
            net(pictures(16, seed=1 + seed))
    return net.eval()


def _classifier(kind: str, config: Any) -> nn.Module:
    torch.manual_seed(0)
    config.num_labels = CLASSES
    return _warm(_spread(_First(getattr(hf, kind)(config))))


def resnet() -> nn.Module:
    """Return ResNet with basic layers."""
    config = hf.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 24, 32], depths=[1, 1, 1], layer_type="basic"
    )
    return _classifier("ResNetForImageClassification", config)


def mobilenet_v2() -> nn.Module:
    """Return MobileNetV2, a quarter as wide: ReLU6, padding computed as TensorFlow does."""
    config = hf.MobileNetV2Config(image_size=SIZE, depth_multiplier=0.25)
    return _classifier("MobileNetV2ForImageClassification", config)


def mobilevit() -> nn.Module:
    """Return MobileViT: convolutions around attention over unfolded patches."""
    config = hf.MobileViTConfig(
        image_size=SIZE,
        hidden_sizes=[16, 24, 32],
        neck_hidden_sizes=[8, 16, 24, 32, 32, 32, 48],
        num_attention_heads=4,
    )
    return _classifier("MobileViTForImageClassification", config)


def convnext() -> nn.Module:
    """Return ConvNeXt: LayerNorm over channels, depthwise 7x7, GELU."""
    config = hf.ConvNextConfig(
        image_size=SIZE, patch_size=2, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1],
        layer_scale_init_value=1.0,
    )  # fmt: skip
    return _classifier("ConvNextForImageClassification", config)


def vit() -> nn.Module:
    """Return ViT with patches of 8."""
    config = hf.ViTConfig(
        image_size=SIZE, patch_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    return _classifier("ViTForImageClassification", config)


def swin() -> nn.Module:
    """Return Swin: attention in shifted windows, with a table of relative positions."""
    config = hf.SwinConfig(
        image_size=SIZE, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
    )
    return _classifier("SwinForImageClassification", config)


def segformer() -> nn.Module:
    """Return SegFormer with its decoder: a map of classes, a quarter as high and wide."""
    config = hf.SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], num_attention_heads=[1, 2, 2, 4],
        decoder_hidden_size=32, sr_ratios=[4, 2, 1, 1],
    )  # fmt: skip
    return _classifier("SegformerForSemanticSegmentation", config)


class _Text(nn.Module):
    """A text classifier that takes token ids and a mask of padding by name."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.net(input_ids=input_ids, attention_mask=attention_mask).logits


def distilbert() -> nn.Module:
    """Return DistilBERT: two inputs `(16,)` int64, ids below 64 and the mask of padding."""
    torch.manual_seed(0)
    config = hf.DistilBertConfig(
        vocab_size=WORDS, max_position_embeddings=TOKENS, dim=32, n_layers=2, n_heads=2,
        hidden_dim=64, num_labels=CLASSES,
    )  # fmt: skip
    return _spread(_Text(hf.DistilBertForSequenceClassification(config))).eval()


class _Encoder(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_features: torch.Tensor) -> torch.Tensor:
        return self.net(input_features).last_hidden_state


def whisper() -> nn.Module:
    """Return Whisper's encoder: input `(16, 64)`, a spectrogram of 64 frames."""
    torch.manual_seed(0)
    config = hf.WhisperConfig(
        num_mel_bins=MELS, d_model=32, encoder_layers=2, encoder_attention_heads=2,
        encoder_ffn_dim=64, decoder_attention_heads=2, max_source_positions=FRAMES // 2,
        vocab_size=WORDS, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return _spread(_Encoder(hf.WhisperModel(config).encoder)).eval()
