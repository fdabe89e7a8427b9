"""Tiny checkpoints of true architectures, with random weights, saved as a hub would hold them."""

import json
from pathlib import Path
from typing import Any

GREY = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
IDEFICS_CHAT = (
    "{% for message in messages %}<|im_start|>User:{% for c in message['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
QWEN_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for c in message['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}


def save_idefics3(out: Path, family: str = "Idefics3") -> Path:
    """`family` may be SmolVLM too, the same architecture under another name."""
    import transformers

    rows = [f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5)]
    special = ["<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>", *rows]
    tokenizer = _tokenizer(special, eos_token="<end_of_utterance>", pad_token="<|endoftext|>")
    config = getattr(transformers, f"{family}Config")(
        image_token_id=special.index("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        pad_token_id=0,
        vision_config={**LLAMA, "image_size": 64, "patch_size": 16},
        text_config={"model_type": "llama", **LLAMA, "vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 2},
    )
    pictures = {"image_processor_type": f"{family}ImageProcessor", "size": {"longest_edge": 256}, "max_image_size": {"longest_edge": 64}}
    _save(out, getattr(transformers, f"{family}ForConditionalGeneration"), config, tokenizer, f"{family}Processor", pictures, IDEFICS_CHAT)
    (out / "processor_config.json").write_text(json.dumps({"processor_class": f"{family}Processor", "image_seq_len": 4}))
    return out


def save_qwen3_vl(out: Path) -> Path:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = _tokenizer(special, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    config = Qwen3VLConfig(
        vision_start_token_id=3,
        vision_end_token_id=4,
        image_token_id=5,
        video_token_id=6,
        vision_config={"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32, "patch_size": 16,
                       "num_position_embeddings": 64, "deepstack_visual_indexes": [0]},
        text_config={**LLAMA, "head_dim": 16, "vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 2,
                     "rope_scaling": {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True}},
    )  # fmt: skip
    pictures = {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
                "size": {"shortest_edge": 1024, "longest_edge": 65536}}  # fmt: skip
    return _save(out, Qwen3VLForConditionalGeneration, config, tokenizer, "Qwen3VLProcessor", pictures, QWEN_CHAT)


def save_blip(out: Path) -> Path:
    """A captioner without a chat."""
    from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration

    letters = list("abcdefghijklmnopqrstuvwxyz")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    vocabulary = {word: n for n, word in enumerate([*special, "a", "dark", "picture", *letters[1:]])}
    tokenizer = BertTokenizerFast(vocab=vocabulary)
    text = {
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "encoder_hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
        "bos_token_id": 5,
        "pad_token_id": 0,
        "eos_token_id": 3,
        "sep_token_id": 3,
    }
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
              "initializer_range": 0.5}  # its own is 1e-10, so small that pictures would not count  # fmt: skip
    config = BlipConfig(text_config=text, vision_config=vision)
    pictures = {"image_processor_type": "BlipImageProcessor", "size": {"height": 32, "width": 32}}
    return _save(out, BlipForConditionalGeneration, config, tokenizer, "BlipProcessor", pictures, None)


def _tokenizer(special: list[str], **kwargs: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["a dark picture in blue and black"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=special[3:], **kwargs)


def _save(out: Path, model: Any, config: Any, tokenizer: Any, processor: str, pictures: dict[str, Any], chat: str | None) -> Path:
    import torch

    torch.manual_seed(0)
    model(config).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "preprocessor_config.json").write_text(json.dumps({**GREY, "processor_class": processor, **pictures}))
    if chat:
        (out / "chat_template.json").write_text(json.dumps({"chat_template": chat}))
    return out
