"""Checkpoints of true architectures, tiny and with random weights, made and saved by the tests."""

import json
from pathlib import Path
from typing import Any

LETTERS = list("'ABCDEFGHIJKLMNOPQRSTUVWXYZ")
PIECES = [f"▁{letter}" for letter in "abcdefghij"] + list("klmnopqrst") + [".", "?"]


def tiny_wav2vec2(folder: Path, masks: bool = True) -> Path:
    """Letters, as wav2vec 2.0 of 960 hours has them."""
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    config = Wav2Vec2Config(
        vocab_size=len(names), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=0,
        conv_dim=[32] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, do_stable_layer_norm=masks,
        feat_extract_norm="layer" if masks else "group",
    )  # fmt: skip
    _save(Wav2Vec2ForCTC, config, folder)
    (folder / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=masks).save_pretrained(folder)
    return folder


def tiny_parakeet(folder: Path) -> Path:
    """Pieces, and the blank after them."""
    from transformers import ParakeetCTCConfig, ParakeetFeatureExtractor, ParakeetForCTC, ParakeetTokenizer

    names = ["<unk>", *PIECES, "<pad>"]
    encoder = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "subsampling_conv_channels": 8,
        "num_mel_bins": 80,
    }  # fmt: skip
    _save(ParakeetForCTC, ParakeetCTCConfig(vocab_size=len(names), pad_token_id=len(names) - 1, encoder_config=encoder), folder)
    ParakeetTokenizer(tokenizer_object=_pieces(names), pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
    ParakeetFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def tiny_moonshine(folder: Path) -> Path:
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    names = ["<unk>", "<s>", "</s>", *PIECES]
    config = MoonshineConfig(
        vocab_size=len(names), hidden_size=32, intermediate_size=64, encoder_num_hidden_layers=2, decoder_num_hidden_layers=2,
        encoder_num_attention_heads=2, decoder_num_attention_heads=2, pad_token_id=2, tie_word_embeddings=False,
    )  # fmt: skip
    return _moonshine(MoonshineForConditionalGeneration, config, names, folder)


def tiny_moonshine_streaming(folder: Path) -> Path:
    from transformers import MoonshineStreamingConfig, MoonshineStreamingForConditionalGeneration

    names = ["<unk>", "<s>", "</s>", *PIECES]
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
    encoder = {**sizes, "sliding_windows": [[16, 4], [16, 0]]}
    config = MoonshineStreamingConfig(vocab_size=len(names), encoder_config=encoder, decoder_start_token_id=1, pad_token_id=0, **sizes)
    return _moonshine(MoonshineStreamingForConditionalGeneration, config, names, folder)


def _moonshine(model: Any, config: Any, names: list[str], folder: Path) -> Path:
    from transformers import PreTrainedTokenizerFast, Wav2Vec2FeatureExtractor

    _save(model, config, folder)
    PreTrainedTokenizerFast(tokenizer_object=_pieces(names), bos_token="<s>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder)
    return folder


def _pieces(names: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE({name: n for n, name in enumerate(names)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _save(model: Any, config: Any, folder: Path) -> None:
    import torch

    torch.manual_seed(0)
    made = model(config)
    with torch.no_grad():
        for name, weights in made.named_parameters():  # with the small weights of a fresh network it would say one token all along
            if "head" in name or "proj_out" in name or "embed_tokens" in name:
                weights.mul_(50)
    made.save_pretrained(folder)
