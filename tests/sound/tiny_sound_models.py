"""Checkpoints of true architectures, tiny and with random weights, made and saved by the tests."""

from pathlib import Path

import torch

LABELS = ("Siren", "Speech", "Music", "Dog")


def tiny_ast(folder: Path, exclusive: bool = False) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    torch.manual_seed(1)
    config = ASTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_length=1024, num_mel_bins=128,
        id2label=dict(enumerate(LABELS)), label2id={name: n for n, name in enumerate(LABELS)},
        problem_type="single_label_classification" if exclusive else None,
    )  # fmt: skip
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=1024, num_mel_bins=128).save_pretrained(folder)
    return folder


def tiny_clap(folder: Path, fused: bool = False) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

    torch.manual_seed(2)
    words = ["<s>", "<pad>", "</s>", "<unk>", "this", "is", "a", "sound", "of", "siren", "dog", "rain"]
    config = ClapConfig(
        text_config={
            "vocab_size": len(words), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "max_position_embeddings": 40, "projection_dim": 24,
        },
        audio_config={
            "window_size": 4, "num_mel_bins": 64, "spec_size": 256, "hidden_size": 32, "patch_size": 4, "patch_stride": [4, 4],
            "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16, "projection_dim": 24,
            "enable_fusion": fused,
        },
        projection_dim=24,
    )  # fmt: skip
    ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(truncation="fusion" if fused else "rand_trunc").save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    return folder
