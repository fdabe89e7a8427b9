"""Descriptions by an image-text-to-text model (SmolVLM, Qwen-VL, LLaVA, BLIP and their kin) through transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from operators.captioners.prompts import BEGUN, answered, prompt, tidy
from operators.captioners.scene import Description, Scene
from operators.errors import ModelError, ModelUnavailable, OutOfMemory
from operators.facts import Still
from operators.media import image


@dataclass(frozen=True, slots=True)
class ImageTextOptions:
    model: str = ""
    """Folder of a checkpoint for `AutoModelForImageTextToText`, its weights as safetensors."""
    max_new_tokens: int = 64
    picture_px: int = 512
    """Pictures are scaled down so that their long side is at most this."""


class ImageTextCaptioner:
    """A BatchOperator: Scene -> Description, greedy, so that the same scene gives the same words on the same machine.

    A model with a chat template is shown all stills of the scene, told what was heard, read and described before, and answers in JSON,
    whose beginning is given: what is no JSON is a ModelError. One without (BLIP, GIT) is shown the middle still. A scene without stills has
    nothing to be seen: its description is empty. Confidence is the geometric mean of the probabilities of the tokens said.
    """

    Options = ImageTextOptions

    def __init__(self, options: ImageTextOptions = ImageTextOptions()) -> None:
        self.options = options
        self._model: Any = None
        self._processor: Any = None

    def open(self, device: str, threads: int) -> None:
        import torch
        from transformers import AutoModelForImageTextToText

        torch.set_num_threads(threads)
        folder = self.options.model
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        try:
            self._processor = _processor(folder)
            self._model = AutoModelForImageTextToText.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=dtype
            )
        except Exception as e:  # transformers has no one error for a folder in which something is wrong
            reason = (str(e).strip() or type(e).__name__).splitlines()[0]
            raise ModelUnavailable(f"no image-text model in {folder!r}: {reason}; profiles with the plain captioner need none") from e
        self._model.to(device).eval()

    def __call__(self, items: Sequence[Scene]) -> list[Description | Exception]:
        results: list[Description | Exception] = [Description("", 1.0)] * len(items)
        asked: list[tuple[int, list[Any]]] = []
        for n, scene in enumerate(items):
            try:
                pictures = [self._picture(still) for still in scene.stills]
            except ModelError as e:
                results[n] = e
                continue
            if pictures:
                asked.append((n, pictures))
        if asked:
            said = self._describe([prompt(items[n]) for n, _ in asked], [pictures for _, pictures in asked])
            for (n, _), description in zip(asked, said, strict=True):
                results[n] = description
        return results

    def close(self) -> None:
        self._model = self._processor = None

    def _picture(self, still: Still) -> Any:
        pixels = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise ModelError(f"the still at {float(still.at):.3f} s is no JPEG picture ({len(still.jpeg)} bytes)")
        picture = image(np.asarray(pixels, dtype=np.uint8))
        picture.thumbnail((self.options.picture_px, self.options.picture_px))
        return picture

    def _describe(self, prompts: list[str], pictures: list[list[Any]]) -> list[Description | ModelError]:
        import torch

        inputs = self._inputs(prompts, pictures).to(self._model.device, self._model.dtype)
        try:
            with torch.inference_mode():
                output = self._model.generate(
                    **inputs,
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=self.options.max_new_tokens,
                    return_dict_in_generate=True,
                    output_logits=True,
                )
        except torch.OutOfMemoryError as e:
            raise OutOfMemory(f"no memory to describe {len(prompts)} scenes at once: use a smaller batch or a smaller model") from e
        tokens = output.sequences[:, -len(output.logits) :]
        chances = torch.stack(output.logits, dim=1).float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
        return [self._read(row, chance) for row, chance in zip(tokens, chances, strict=True)]

    def _inputs(self, prompts: list[str], pictures: list[list[Any]]) -> Any:
        processor = self._processor
        if not processor.chat_template:
            return processor(images=[p[len(p) // 2] for p in pictures], return_tensors="pt")
        chats = [
            [{"role": "user", "content": [*({"type": "image"} for _ in shown), {"type": "text", "text": text}]}]
            for shown, text in zip(pictures, prompts, strict=True)
        ]
        texts = processor.tokenizer.apply_chat_template(
            chats, chat_template=processor.chat_template, add_generation_prompt=True, tokenize=False
        )
        return processor(text=[text + BEGUN for text in texts], images=pictures, padding=True, return_tensors="pt")

    def _read(self, tokens: Any, chances: Any) -> Description | ModelError:
        last = next((n for n, token in enumerate(tokens.tolist()) if token in self._ends), None)
        length = len(tokens) if last is None else last + 1
        text = self._processor.decode(tokens[:length], skip_special_tokens=True)
        understand = answered if self._processor.chat_template else tidy
        try:
            return Description(understand(text, last is not None), float(chances[:length].mean().exp()))
        except ModelError as e:
            return e

    @property
    def _ends(self) -> set[int | None]:
        """Tokens with which a text ends; a checkpoint states them in one place or another."""
        tokenizer, end = self._processor.tokenizer, self._model.generation_config.eos_token_id
        return {tokenizer.eos_token_id, tokenizer.sep_token_id, *(end if isinstance(end, list) else [end])}


def _processor(folder: str) -> Any:
    """The model's processor without the half that reads videos, which would need torchvision: pictures are given one by one."""
    from transformers import AutoConfig
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    local = {"local_files_only": True, "trust_remote_code": False}
    cls = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, **local))]
    parts = [name for name in cls.get_attributes() if name != "video_processor"]
    without = {}
    if len(parts) < len(cls.get_attributes()):
        cls = type(cls.__name__, (cls,), {"get_attributes": classmethod(lambda _: parts)})
        without = {"video_processor": None}
    processor = cls.from_pretrained(folder, backend="pil", **local, **without)
    processor.tokenizer.padding_side = "left"
    if hasattr(processor.image_processor, "do_image_splitting"):
        processor.image_processor.do_image_splitting = False  # detail that a caption does not need, at 10 to 20 times the tokens
    return processor
