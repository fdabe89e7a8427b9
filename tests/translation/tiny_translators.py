"""Tiny checkpoints of the true architectures, with their true tokenizers, that have learnt a few sentences by heart."""

import json
import warnings
from pathlib import Path
from typing import Any

PAIRS = {
    "de": [
        ("The bridge is old.", "Die Brücke ist alt."),
        ("The house is old.", "Das Haus ist alt."),
        ("The bridge is new, and the house is old.", "Die Brücke ist neu, und das Haus ist alt."),
        ("We see the house.", "Wir sehen das Haus."),
    ],
    "fr": [
        ("The bridge is old.", "Le pont est vieux."),
        ("The house is old.", "La maison est vieille."),
        ("We see the house.", "Nous voyons la maison."),
    ],
}
OTHERS = ["Der Steg ist neu.", "Wir sehen die Überführung.", "Le viaduc est vieux."]
"""Words that nothing is translated into; tokenizers know them."""
SIZES = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0,
    "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0, "max_position_embeddings": 64,
}  # fmt: skip


def save_marian(out: Path, targets: tuple[str, ...] = ("de",)) -> Path:
    """English into one language, or, with a token for each, into several."""
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    pieces = _pieces(out, "source.spm")
    (out / "target.spm").write_bytes((out / "source.spm").read_bytes())
    codes = [f">>{t}<<" for t in targets] if len(targets) > 1 else []
    names = ["</s>", "<unk>", *codes, *pieces, "<pad>"]
    (out / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    spoken = {"source_lang": "en", "target_lang": targets[0] if len(targets) == 1 else "mul"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = MarianTokenizer(str(out / "source.spm"), str(out / "target.spm"), str(out / "vocab.json"), **spoken)
    pad = len(names) - 1
    config = MarianConfig(
        vocab_size=len(names), pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0, **SIZES
    )
    learnt = [(f">>{t}<< {source}" if codes else source, target) for t in targets for source, target in PAIRS[t]]
    sources = [tokenizer(source).input_ids for source, _ in learnt]
    wanted = [tokenizer(text_target=target).input_ids for _, target in learnt]
    return _learn(out, MarianMTModel, config, tokenizer, sources, wanted)


def save_m2m100(out: Path) -> Path:
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    names = ["<s>", "<pad>", "</s>", "<unk>", *_pieces(out, "sentencepiece.bpe.model")]
    (out / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    tokenizer = M2M100Tokenizer(str(out / "vocab.json"), str(out / "sentencepiece.bpe.model"), src_lang="en", tgt_lang="de")
    config = M2M100Config(vocab_size=len(names) + 108, decoder_start_token_id=2, **SIZES)
    sources, wanted = [], []
    for language, pairs in PAIRS.items():
        tokenizer.tgt_lang = language
        sources += [tokenizer(source).input_ids for source, _ in pairs]
        wanted += [tokenizer(text_target=target).input_ids for _, target in pairs]
    return _learn(out, M2M100ForConditionalGeneration, config, tokenizer, sources, wanted)


def _pieces(out: Path, name: str) -> list[str]:
    """Those of a sentencepiece model, trained and saved."""
    import sentencepiece

    out.mkdir(parents=True, exist_ok=True)
    lines = [text for pairs in PAIRS.values() for pair in pairs for text in pair] + OTHERS
    with (out / name).open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=file, vocab_size=120, hard_vocab_limit=False, minloglevel=2, num_threads=1
        )
    model = sentencepiece.SentencePieceProcessor(model_file=str(out / name))
    return [piece for n in range(model.get_piece_size()) if (piece := model.id_to_piece(n)) not in ("<s>", "</s>", "<unk>")]


def _learn(out: Path, kind: Any, config: Any, tokenizer: Any, sources: list[list[int]], wanted: list[list[int]]) -> Path:
    import torch

    torch.manual_seed(0)
    model = kind(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    inputs, labels = (_padded(rows, fill) for rows, fill in ((sources, config.pad_token_id), (wanted, -100)))
    for _ in range(250):
        loss = model(input_ids=inputs, attention_mask=(inputs != config.pad_token_id).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def _padded(rows: list[list[int]], fill: int) -> Any:
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])
